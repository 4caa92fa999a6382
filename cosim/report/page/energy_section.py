"""The ledger: where every kilowatt-hour went, as a flow diagram that closes."""

from __future__ import annotations

from dataclasses import dataclass

import altair as alt
import numpy as np
import pandas as pd

from cosim.errors import LedgerError
from cosim.report.page.chart import PALETTE, SUN, Chart
from cosim.report.page.section import Section, TableView
from cosim.report.page.shown_run import ShownRun

#: Columns of the diagram, from left to right, and each node's colour by its place in the palette; -1 is grey.
_COLUMNS: tuple[dict[str, int], ...] = (
    {"PV": SUN, "wind": 3, "diesel": 5, "utility": 5, "storage, at the start": 2, "EVs, at the start": 0},
    {"microgrids": -1},
    {"storage": 2, "EVs": 0},
    {
        "load served": -1,
        "customers": -1,
        "curtailed": 4,
        "lost in lines": 4,
        "lost in batteries": 4,
        "driven": 0,
        "storage, at the end": 2,
        "EVs, at the end": 0,
    },
)
_GREY = "#8a8f98"
#: Where a column stands; the last one's names need more room than the others'.
_COLUMN_X = (0.0, 1.0, 1.8, 3.0)
#: Gap between two nodes, as a share of the highest column, and half the width of a node in columns.
_GAP, _HALF_WIDTH = 0.035, 0.025
#: Points along a ribbon, and flows that are not drawn [kWh].
_POINTS, _UNSEEN_KWH = 25, 0.05
#: Most that a balance of a microgrid in a slot may be off; a run that is off by more stops [kWh].
_TOLERANCE_KWH = 1e-6


@dataclass(frozen=True)
class Flow:
    """Energy that goes from one node to another.

    Attributes:
        source: Where from.
        target: Where to.
        energy_kwh: How much [kWh].
    """

    source: str
    target: str
    energy_kwh: float


def energy_section(run: ShownRun) -> Section:
    """The section.

    Args:
        run: The run.

    Raises:
        LedgerError: If a node does not close: the records are not those of a run.
    """
    flows = energy_flows(run)
    table = TableView(
        name="energy-flows",
        title="The flows",
        headings=("from", "to", "energy [kWh]"),
        rows=[(flow.source, flow.target, flow.energy_kwh) for flow in flows],
        digits=(0, 0, 2),
        closed=True,
    )
    return Section("energy", "Where every kWh went", _sentence(run, flows), [_diagram(flows), table])


def energy_flows(run: ShownRun) -> list[Flow]:
    """All flows of the episode, those of nothing left out.

    What some EVs charged while others discharged at once, beyond what was generated, is left out on both sides.

    Args:
        run: The run.

    Raises:
        LedgerError: If a node does not close.
    """
    slot_h = run.clock.slot_h

    def energy(column: str) -> float:
        return float(run.cube("microgrid_slots", column).sum()) * slot_h

    def of_evs(column: str) -> float:
        return float(run.cube("ev_slots", column).sum())

    storage = [
        float(run.cube("microgrid_slots", f"ess_{when}_kwh")[slot].sum()) for when, slot in (("start", 0), ("end", -1))
    ]
    evs = [float(run.cube("ev_slots", f"energy_{when}_kwh")[slot].sum()) for when, slot in (("start", 0), ("end", -1))]
    customers = float(run.cube("station_slots", "customers_kwh").sum())
    charged, discharged = of_evs("charged_kwh"), of_evs("discharged_kwh")
    driven = of_evs("driven_km") * run.context.consumption_kwh_per_km
    stored, taken = energy("ess_charge_kw"), energy("ess_discharge_kw")
    generated = sum(energy(column) for column in ("pv_kw", "wt_kw", "dg_kw", "supply_kw"))
    direct = generated - stored - charged - customers
    between_evs = max(0.0, -direct)
    losses = float(run.cube("microgrid_slots", "losses_kwh").sum())
    diesel, utility = energy("dg_kw"), energy("supply_kw")
    diesel_share = diesel / (diesel + utility) if diesel + utility > 0.0 else 1.0
    flows = [
        Flow("PV", "microgrids", energy("pv_kw")),
        Flow("PV", "curtailed", energy("pv_available_kw") - energy("pv_kw")),
        Flow("wind", "microgrids", energy("wt_kw")),
        Flow("wind", "curtailed", energy("wt_available_kw") - energy("wt_kw")),
        Flow("diesel", "microgrids", diesel),
        Flow("diesel", "lost in lines", losses * diesel_share),
        Flow("utility", "microgrids", utility),
        Flow("utility", "lost in lines", losses * (1.0 - diesel_share)),
        Flow("storage, at the start", "storage", storage[0]),
        Flow("EVs, at the start", "EVs", evs[0]),
        Flow("microgrids", "storage", stored),
        Flow("microgrids", "EVs", charged - between_evs),
        Flow("microgrids", "load served", direct + between_evs),
        Flow("microgrids", "customers", customers),
        Flow("storage", "load served", taken),
        Flow("storage", "lost in batteries", storage[0] + stored - taken - storage[1]),
        Flow("storage", "storage, at the end", storage[1]),
        Flow("EVs", "load served", discharged - between_evs),
        Flow("EVs", "lost in batteries", evs[0] + charged - discharged - driven - evs[1]),
        Flow("EVs", "driven", driven),
        Flow("EVs", "EVs, at the end", evs[1]),
    ]
    _check(flows, energy("served_kw"), run)
    return [flow for flow in flows if flow.energy_kwh > _TOLERANCE_KWH]


def _check(flows: list[Flow], served_kwh: float, run: ShownRun) -> None:
    """See to it that what comes out at the end is the load that was served, and that no flow is negative."""
    arrived_kwh = sum(flow.energy_kwh for flow in flows if flow.target == "load served")
    missing_kwh = abs(arrived_kwh - served_kwh)
    # Balances close to a tolerance in every slot of every microgrid.
    tolerance_kwh = _TOLERANCE_KWH * run.cube("microgrid_slots", "served_kw").size
    if missing_kwh > tolerance_kwh or min(flow.energy_kwh for flow in flows) < -tolerance_kwh:
        raise LedgerError(
            f"{run.folder}, episode {run.episode}: the records do not close, {missing_kwh:.3g} kWh are missing; "
            "the run folder is damaged"
        )


def _sentence(run: ShownRun, flows: list[Flow]) -> str:
    through = sum(flow.energy_kwh for flow in flows if flow.source in _COLUMNS[0])
    served = sum(flow.energy_kwh for flow in flows if flow.target == "load served")
    by_evs = sum(flow.energy_kwh for flow in flows if (flow.source, flow.target) == ("EVs", "load served"))
    return (
        f"Of {through:,.0f} kWh that were there or came in, {served:,.0f} kWh served load, {by_evs:,.0f} kWh of them "
        "out of EVs; what comes in equals what goes out at every node."
    )


def _diagram(flows: list[Flow]) -> Chart:
    seen = [flow for flow in flows if flow.energy_kwh > _UNSEEN_KWH]
    nodes = _places(seen)
    ribbons = pd.concat([_ribbon(flow, *ends, number) for number, (flow, ends) in enumerate(_ends(seen, nodes))])
    boxes = pd.DataFrame(
        [
            {
                "node": name,
                "left": node.x - _HALF_WIDTH,
                "right": node.x + _HALF_WIDTH,
                "bottom": node.bottom,
                "top": node.top,
                "middle": node.bottom + node.height / 2.0,
                "colour": node.colour,
                "label": f"{name} {node.height:,.0f}",
            }
            for name, node in nodes.items()
        ]
    )

    def x(column: str) -> alt.X:
        return alt.X(f"{column}:Q", axis=None, scale=alt.Scale(domain=[-0.05, _COLUMN_X[-1] + 0.05], nice=False))

    def y(column: str) -> alt.Y:
        return alt.Y(f"{column}:Q", axis=None, scale=alt.Scale(nice=False, zero=False))

    colour = alt.Color("colour:N", scale=None)
    leftwards = boxes["left"] > 1.5
    panel = alt.layer(
        alt.Chart(ribbons)
        .mark_area(opacity=0.45)
        .encode(
            x=x("x"),
            y=y("low"),
            y2="high:Q",
            color=colour,
            detail="flow:N",
            tooltip=["source:N", "target:N", alt.Tooltip("energy_kwh:Q", title="kWh", format=",.1f")],
        ),
        alt.Chart(boxes)
        .mark_rect(opacity=1)
        .encode(x=x("left"), x2="right:Q", y=y("bottom"), y2="top:Q", color=colour),
        alt.Chart(boxes[~leftwards])
        .mark_text(align="left", dx=5, style="label")
        .encode(x=x("right"), y=y("middle"), text="label:N"),
        alt.Chart(boxes[leftwards])
        .mark_text(align="right", dx=-5, style="label")
        .encode(x=x("left"), y=y("middle"), text="label:N"),
    ).properties(height=440)
    numbers = pd.DataFrame([(flow.source, flow.target, round(flow.energy_kwh, 6)) for flow in flows])
    numbers.columns = pd.Index(["from", "to", "energy_kwh"])
    return Chart(
        name="energy-flow",
        title="Energy of the episode [kWh]",
        about="Widths are energies. Load that was not served is not energy and is not in it.",
        panels=[panel],
        numbers=numbers,
    )


@dataclass
class _Node:
    """Where a node stands.

    Attributes:
        x: Where its column stands.
        bottom: Its lower end [kWh].
        height: Energy through it [kWh].
        colour: Its colour.
    """

    x: float
    bottom: float
    height: float
    colour: str

    @property
    def top(self) -> float:
        """Its upper end [kWh]."""
        return self.bottom + self.height


def _places(flows: list[Flow]) -> dict[str, _Node]:
    """Nodes from the top down in each column, columns centred."""
    through: dict[str, float] = {}
    for names in _COLUMNS:
        for name in names:
            through[name] = max(
                sum(flow.energy_kwh for flow in flows if flow.source == name),
                sum(flow.energy_kwh for flow in flows if flow.target == name),
            )
    highest = max(sum(through[name] for name in names) for names in _COLUMNS)
    nodes: dict[str, _Node] = {}
    for column, names in enumerate(_COLUMNS):
        present = [name for name in names if through[name] > 0.0]
        total = sum(through[name] for name in present) + _GAP * highest * max(len(present) - 1, 0)
        # Between the second column and the last one, load is served directly above the batteries.
        top = total / 2.0 if column != 2 else total - highest / 2.0
        for name in present:
            place = names[name]
            colour = _GREY if place < 0 else PALETTE[place]
            nodes[name] = _Node(_COLUMN_X[column], top - through[name], through[name], colour)
            top -= through[name] + _GAP * highest
    return nodes


def _ends(flows: list[Flow], nodes: dict[str, _Node]) -> list[tuple[Flow, tuple[_Node, float, _Node, float]]]:
    """For each flow its two nodes, and how high on them it begins and ends, so that no ribbon leaves its node."""
    left = {name: node.top for name, node in nodes.items()}
    right = dict(left)
    order = list(nodes)
    begins: dict[int, float] = {}
    ends: dict[int, float] = {}
    by_target = sorted(range(len(flows)), key=lambda k: (order.index(flows[k].source), -nodes[flows[k].target].top))
    for k in by_target:
        right[flows[k].source] -= flows[k].energy_kwh
        begins[k] = right[flows[k].source]
    by_source = sorted(range(len(flows)), key=lambda k: (order.index(flows[k].target), -nodes[flows[k].source].top))
    for k in by_source:
        left[flows[k].target] -= flows[k].energy_kwh
        ends[k] = left[flows[k].target]
    return [(flow, (nodes[flow.source], begins[k], nodes[flow.target], ends[k])) for k, flow in enumerate(flows)]


def _ribbon(flow: Flow, source: _Node, begin: float, target: _Node, end: float, number: int) -> pd.DataFrame:
    """Points of a ribbon between two nodes."""
    along = np.linspace(0.0, 1.0, _POINTS)
    rise = begin + (end - begin) * (3.0 * along**2 - 2.0 * along**3)
    start, stop = source.x + _HALF_WIDTH, target.x - _HALF_WIDTH
    return pd.DataFrame(
        {
            "flow": number,
            "source": flow.source,
            "target": flow.target,
            "energy_kwh": round(flow.energy_kwh, 2),
            "colour": target.colour if source.colour == _GREY else source.colour,
            "x": (start + (stop - start) * along).round(4),
            "low": rise.round(2),
            "high": (rise + flow.energy_kwh).round(2),
        }
    )
