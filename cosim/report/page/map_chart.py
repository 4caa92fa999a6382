"""A picture of the map that stands still, for papers."""

from __future__ import annotations

from textwrap import wrap
from typing import TYPE_CHECKING, Any

import numpy as np

from cosim.records.table import Records
from cosim.report.page.map_replay import ReplayTerms, replay_of

if TYPE_CHECKING:
    import altair

#: Length of the picture's longer side.
SIDE_PX = 520
#: Distance of a directed road from the line between its nodes, as a share of the longer side.
ASIDE_SHARE = 0.0055
#: Free room around the roads, as a share of the longer side.
ROOM_SHARE = 0.06
#: Flow over capacity from which on a road has the next colour; the last step has no end.
STEPS = (0.25, 0.5, 0.75, 1.0)
STEP_NAMES = ("below 25 %", "25 to 50 %", "50 to 75 %", "75 to 100 %", "100 % and more")
#: From light to dark, so that grey print keeps their order; wider too.
STEP_COLOURS = ("#c6dbef", "#86b6dc", "#4a90c6", "#1b62a5", "#08306b")
STEP_WIDTHS_PX = (1.0, 1.5, 2.1, 2.8, 3.6)
STATION_COLOUR = "#d55e00"
EV_COLOUR = "#e69f00"
LABEL_SIZE_PX = 11
#: Letters of a line of a name.
LABEL_LETTERS = 24


def map_chart(records: Records, terms: ReplayTerms) -> altair.LayerChart:
    """Draw roads by their mean flow over capacity, stations with their names, and where EVs begin.

    Args:
        records: The tables of exactly one episode.
        terms: What the scenario says.

    Returns:
        A chart; a kilometre has the same length eastwards and northwards.
    """
    replay = replay_of(records, terms)
    low_km, high_km, side_km = _extent(replay["nodes"])
    axes = _axes(low_km, high_km)
    layers = (_road_layer(replay, side_km, axes), _ev_layer(replay, axes), *_station_layers(replay, axes))
    width_px, height_px = ((high_km - low_km) / side_km / (1.0 + 2.0 * ROOM_SHARE) * SIDE_PX).round().tolist()
    import altair

    chart: Any = altair.layer(*layers)
    sized: altair.LayerChart = chart.properties(width=width_px, height=height_px)
    return sized


def _axes(low_km: Any, high_km: Any) -> dict[str, Any]:
    """East and north, both from the first corner to the second."""
    import altair

    axis = altair.Axis(grid=False)
    scales = (altair.Scale(domain=[low_km[k], high_km[k]], nice=False, zero=False) for k in range(2))
    x, y = (altair.X("x_km:Q", scale=next(scales)), altair.Y("y_km:Q", scale=next(scales)))
    return {"x": x.title("east [km]").axis(axis), "y": y.title("north [km]").axis(axis)}


def _layer(rows: list[dict[str, Any]]) -> Any:
    import altair

    return altair.Chart(altair.Data(values=rows))  # type: ignore[no-untyped-call]


def _road_layer(replay: dict[str, Any], side_km: float, axes: dict[str, Any]) -> Any:
    import altair

    title, names = "mean flow over capacity", list(STEP_NAMES)
    colours, widths = (
        altair.Scale(type="ordinal", domain=names, range=list(steps)) for steps in (STEP_COLOURS, STEP_WIDTHS_PX)
    )
    return (
        _layer(_roads(replay, side_km))
        .mark_rule(strokeCap="round")
        .encode(
            **axes,
            x2="x2_km:Q",
            y2="y2_km:Q",
            color=altair.Color("step:N", title=title, scale=colours),
            strokeWidth=altair.StrokeWidth("step:N", title=title, scale=widths),
        )
    )


def _ev_layer(replay: dict[str, Any], axes: dict[str, Any]) -> Any:
    import altair

    rows = _evs(replay)
    areas = altair.Scale(domain=[0, max([1, *(row["count"] for row in rows)])], range=[0, 500])
    legend = altair.Legend(tickMinStep=1, format="d", symbolFillColor=EV_COLOUR, symbolStrokeColor="black")
    return (
        _layer(rows)
        .mark_point(shape="circle", filled=True, fill=EV_COLOUR, stroke="black", strokeWidth=0.8, opacity=1.0)
        .encode(**axes, size=altair.Size("count:Q", title="EVs at the start", scale=areas, legend=legend))
    )


def _station_layers(replay: dict[str, Any], axes: dict[str, Any]) -> tuple[Any, ...]:
    """Squares, and names that stand out from the roads below them."""
    stations = _layer(_stations(replay)).encode(**axes)
    look = {"shape": "square", "filled": True, "fill": STATION_COLOUR, "stroke": "white", "size": 70, "opacity": 1}
    text = {"baseline": "top", "dy": 14, "fontSize": LABEL_SIZE_PX, "fontWeight": "bold"}
    halo = {"stroke": "white", "strokeWidth": 4, "strokeJoin": "round"}
    names = stations.encode(text="name:N")
    return stations.mark_point(**look), names.mark_text(**text, **halo), names.mark_text(**text)


def _extent(nodes: dict[str, Any]) -> tuple[Any, Any, float]:
    """South-west and north-east corner with room around the roads, and the longer side [km]."""
    node_km = np.array([nodes["x_km"], nodes["y_km"]], dtype=np.float64).T
    low_km, high_km = node_km.min(axis=0), node_km.max(axis=0)
    side_km = float((high_km - low_km).max()) or 1.0
    return low_km - ROOM_SHARE * side_km, high_km + ROOM_SHARE * side_km, side_km


def _roads(replay: dict[str, Any], side_km: float) -> list[dict[str, Any]]:
    """Directed roads, each to the right of the line between its nodes."""
    node_km = np.array([replay["nodes"]["x_km"], replay["nodes"]["y_km"]], dtype=np.float64).T
    mean = np.asarray(replay["roads"]["share"], dtype=np.float64).mean(axis=0)
    rows = []
    for tail, head, share in zip(replay["roads"]["tail"], replay["roads"]["head"], mean, strict=True):
        along_km = node_km[head] - node_km[tail]
        right_km = np.array([along_km[1], -along_km[0]]) / (np.hypot(*along_km) or 1.0) * ASIDE_SHARE * side_km
        begin, end = (np.round(node_km[node] + right_km, 4).tolist() for node in (tail, head))
        step = STEP_NAMES[int(np.searchsorted(STEPS, share, side="right"))]
        rows.append({"x_km": begin[0], "y_km": begin[1], "x2_km": end[0], "y2_km": end[1], "step": step})
    return rows


def _stations(replay: dict[str, Any]) -> list[dict[str, Any]]:
    """Stations, a long name in several lines."""
    return [
        {"name": wrap(station["name"], LABEL_LETTERS), "x_km": station["x_km"], "y_km": station["y_km"]}
        for station in replay["stations"]
    ]


def _evs(replay: dict[str, Any]) -> list[dict[str, Any]]:
    """How many EVs begin at a place."""
    counts: dict[tuple[float, float], int] = {}
    for ev in replay["evs"]:
        _, x_km, y_km = ev["motion"]
        counts[x_km[0], y_km[0]] = counts.get((x_km[0], y_km[0]), 0) + 1
    return [{"x_km": x_km, "y_km": y_km, "count": count} for (x_km, y_km), count in counts.items()]
