"""Tables for the terminal, from the summary of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Group
from rich.table import Table
from rich.text import Text

from cosim.report.disclosure_view import disclosure_remarks, disclosure_view

COST_NAMES = {
    "dg": "diesel",
    "shedding": "shedding",
    "ess": "storage",
    "curtailment": "curtailed",
    "supply": "utility",
    "total": "total",
}
#: Why load is not served.
UNSERVED_NAMES = {
    "dark": "in the dark",
    "power": "for lack of power",
    "energy": "for lack of stored energy",
    "voltage": "to keep voltages in their band",
    "line": "to keep lines below their limits",
}
#: What controllers are compared by, in a word or two.
RATIO_NAMES = {
    "load_restoration_ratio": "load restoration",
    "critical_restoration_ratio": "critical load restoration",
    "restoration_fairness": "restoration fairness",
    "energy_consumption_ratio": "energy consumption",
    "customer_waiting_time_p90_h": "customer wait p90 [h]",
    "customers_lost_share": "customers lost",
    "renewable_utilisation": "renewables used",
    "fossil_kwh": "fossil energy [kWh]",
    "net_load_std_kw": "net load std [kW]",
    "net_load_peak_ratio": "net load peak/mean",
    "net_load_ramp_kw": "net load ramp [kW]",
    "satisfaction": "satisfaction",
    "energy_cost_cny": "energy cost [CNY]",
}

#: The one that a bound is a bound of.
BOUNDED_RATIO = "load_restoration_ratio"
#: Decimals of numbers of narrow tables, from a size on; below that three.
DIGITS = ((100.0, 0), (10.0, 1))
#: Points whose means stand in one table.
POINTS_SIDE_BY_SIDE = 8


def summary_view(summary: Mapping[str, Any]) -> Group:
    """The tables that `cosim run` shows.

    Args:
        summary: The summary of a run.
    """
    parts = [_metrics(summary), _costs(summary), _energies(summary)]
    return Group(*parts, *_remarks(summary))


def verification_view(verification: Mapping[str, Any]) -> Group:
    """What `cosim verify` shows.

    Args:
        verification: What `Verification.summary` gives.
    """
    parts = [_dependencies(verification["dependencies"]), _tables(verification["tables"])]
    return Group(*parts, *map(Text, _verdict(verification)))


def comparison_view(comparison: Mapping[str, Any]) -> Group:
    """The tables that `cosim compare` shows: one per point, then the means of all points.

    Args:
        comparison: What `Comparison.summary` gives.
    """
    first, count = comparison["first_episode"], comparison["episodes"]
    held_out = f"held-out episodes {first} to {first + count - 1}" if count > 1 else f"held-out episode {first}"
    parts: list[Text | Table | Group] = [Text(f"{comparison['scenario']}: {held_out}, engine {comparison['engine']}")]
    points = comparison["points"]
    for point in points:
        varied = [f"{path} = {value}" for path, value in point["vary"].items() if path != "seed"]
        parts += [
            Text("\n" + ", ".join([*varied, f"seed {point['seed']}"]), style="bold"),
            _ratios(point, comparison["against"]),
            *_training_seeds(point),
        ]
        if comparison["privacy"]:
            parts.append(disclosure_view({name: found["privacy"] for name, found in point["controllers"].items()}))
    if len(points) == 1:
        parts.append(Text(f"CPU time to decide, per slot of an episode: {_decision_times(points[0])}"))
    parts.append(Text("\nIQM: interquartile mean; differences: of means, on the same episodes"))
    if comparison["privacy"]:
        disclosed = [found["privacy"] for point in points for found in point["controllers"].values()]
        parts += disclosure_remarks(disclosed)
    return Group(*parts, *(_overview(points) if len(points) > 1 else ()))


def _ratios(point: Mapping[str, Any], against: str) -> Table:
    """What each controller reaches, ratio by ratio."""
    table = Table(box=SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0))
    table.add_column(overflow="fold", min_width=20, max_width=30)
    for heading in ("mean", "95 % interval", "IQM"):
        table.add_column(heading, justify="right", no_wrap=True)
    if point["differences"]:
        table.add_column(Text(f"less {against}"), justify="right", overflow="fold", max_width=11)
        table.add_column("95 % interval", justify="right", no_wrap=True)
    compared = next(iter(point["interquartile_means"].values()))
    for ratio, label in ((ratio, label) for ratio, label in RATIO_NAMES.items() if ratio in compared):
        table.add_row(Text(label, style="bold"))
        for name, estimates in point["controllers"].items():
            middle, differences = point["interquartile_means"][name][ratio], point["differences"].get(name)
            cells = [*_cells(estimates[ratio]), _short(middle["mean"])]
            table.add_row(Text(f"  {name}"), *cells, *(_cells(differences[ratio], "+") if differences else ()))
        if ratio == BOUNDED_RATIO and point["bound"]:
            table.add_row("  bound", *_cells(point["bound"]), style="italic")
        table.add_section()
    fractions = {name: estimates["fraction_of_bound"] for name, estimates in point["controllers"].items()}
    if any(fractions.values()):
        table.add_row(Text("fraction of bound", style="bold"))
        for name, fraction in fractions.items():
            table.add_row(Text(f"  {name}"), *_cells(fraction))
        table.add_section()
    return table


def _training_seeds(point: Mapping[str, Any]) -> list[Text]:
    """What each training seed reaches, where there are several."""
    lines = []
    for name, count in point["training_seeds"].items():
        if count > 1:
            ratio, of_seeds = next(iter(point["seed_means"][name].items()))
            means = ", ".join(_short(mean) for mean in of_seeds)
            lines.append(Text(f"{RATIO_NAMES[ratio]} of {name} with each of its {count} training seeds: {means}"))
    return lines


def _overview(points: Sequence[Mapping[str, Any]]) -> list[Text | Table]:
    """The means of all points side by side, as many as fit on 80 columns."""
    parts: list[Text | Table] = []
    for first in range(0, len(points), POINTS_SIDE_BY_SIDE):
        some = points[first : first + POINTS_SIDE_BY_SIDE]
        parts += [Text(f"\nmeans by {', '.join(some[0]['vary'])}", style="bold"), _means(some)]
    return parts


def _means(points: Sequence[Mapping[str, Any]]) -> Table:
    """Means and times to decide with a column for each point."""
    table = Table(box=SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0))
    table.add_column(overflow="fold", min_width=20, max_width=30)
    for point in points:
        table.add_column(
            Text(", ".join(map(str, point["vary"].values()))), justify="right", overflow="fold", min_width=5
        )
    for key, label in {**RATIO_NAMES, "fraction_of_bound": "fraction of bound"}.items():
        if any(estimates.get(key) for point in points for estimates in point["controllers"].values()):
            table.add_row(Text(label, style="bold"))
            for name in points[0]["controllers"]:
                means = (point["controllers"][name][key]["mean"] for point in points)
                table.add_row(Text(f"  {name}"), *map(_short, means))
            if key == BOUNDED_RATIO and points[0]["bound"]:
                table.add_row("  bound", *(_short(point["bound"]["mean"]) for point in points), style="italic")
            table.add_section()
    table.add_row(Text("CPU ms to decide", style="bold"))
    for name in points[0]["controllers"]:
        table.add_row(Text(f"  {name}"), *(_short(1e3 * point["decision_time_s"][name]) for point in points))
    return table


def _decision_times(point: Mapping[str, Any]) -> str:
    return ", ".join(
        f"{name} {1e3 * decision_time_s:.3f} ms" for name, decision_time_s in point["decision_time_s"].items()
    )


def _cells(estimate: Mapping[str, float | None], sign: str = "") -> tuple[str, str]:
    """A mean and its interval."""
    low, high = (_short(estimate[end], sign) for end in ("low", "high"))
    return _short(estimate["mean"], sign), "" if estimate["low"] is None else f"{low} – {high}"


def _short(value: float | None, sign: str = "") -> str:
    """A number of a narrow table; with sign "+" also positive ones have theirs."""
    if value is None:
        return "none"
    digits = next((digits for least, digits in DIGITS if abs(value) >= least), 3)
    return f"{value:{sign},.{digits}f}"


def bound_view(bound: Mapping[str, Any]) -> Group:
    """What `cosim bound` shows.

    Args:
        bound: What `RestorationBound.summary` gives.
    """
    ratio, episodes = bound["load_restoration_ratio"], bound["episodes"]
    table = Table(
        title=Text(f"{bound['scenario']}: load restoration ratio that no controller can exceed"), title_justify="left"
    )
    for heading in ("EVs", "episodes", "mean", "95 % interval", "lowest", "highest", "exact to"):
        table.add_column(heading, justify="right")
    counted = [e for e in bound["per_episode"] if e["load_restoration_ratio"] is not None]
    ratios = [e["load_restoration_ratio"] for e in counted]
    gaps = [e["load_restoration_ratio"] - e["load_restoration_ratio_of_walks"] for e in counted]
    ends = (min(ratios), max(ratios), max(gaps)) if counted else (None, None, None)
    interval = "" if ratio["low"] is None else f"{_number(ratio['low'])} to {_number(ratio['high'])}"
    table.add_row(str(bound["fleet_size"]), str(episodes), _number(ratio["mean"]), interval, *map(_number, ends))
    remarks = ["", "It is a bound because the program allows more than the simulation:"]
    remarks += [f"- {relaxation}" for relaxation in bound["relaxations"]]
    if bound["episodes_without_shedding"]:
        remarks.append(f"{bound['episodes_without_shedding']} episodes shed nothing without EVs: no restoration ratio")
    remarks.append(f"seed {bound['seed']}, {bound['wall_s']:.1f} s")
    return Group(table, *map(Text, remarks))


def _dependencies(dependencies: Sequence[Mapping[str, str]]) -> Table:
    table = Table(title="what the results may depend on", title_justify="left")
    for heading in ("", "stored", "now", ""):
        table.add_column(heading, overflow="fold")
    for dependency in dependencies:
        stored, now = (_abbreviated(dependency[when]) for when in ("stored", "now"))
        differs = dependency["stored"] != dependency["now"]
        cells = (Text(text) for text in (dependency["name"], stored, now, "differs" if differs else ""))
        table.add_row(*cells, style="bold red" if differs else None)
    return table


def _tables(tables: Sequence[Mapping[str, Any]]) -> Table:
    table = Table(title="\nrecords", title_justify="left")
    table.add_column("table")
    table.add_column("rows", justify="right")
    table.add_column("result")
    for check in tables:
        differing = check["differing_rows"]
        result = f"{differing:,} rows differ" if differing else "same"
        table.add_row(check["name"], f"{check['rows']:,}", result, style="bold red" if differing else None)
    return table


def _verdict(verification: Mapping[str, Any]) -> list[str]:
    lines = [""]
    difference, change = verification["first_difference"], verification["summary_difference"]
    if difference:
        place = ", ".join(f"{name} {number}" for name, number in difference["place"].items())
        lines.append(
            f"first difference: table {difference['table']}, {place}, column {difference['column']}: "
            f"stored {difference['stored']}, now {difference['now']}"
        )
    if change:
        lines.append(f"{change['field']}: stored {change['stored']!r}, now {change['given']!r}")
    elif verification["interrupted"]:
        lines.append(
            "there is no summary, the run was interrupted or it was removed: "
            f"{verification['episodes']} of {verification['episodes_planned']} episodes"
        )
    else:
        lines.append("summary.json: same, but for its timing")
    same = "the same to the last bit" if verification["same"] else "NOT the same"
    return [*lines, f"{verification['folder']}, {verification['episodes']} episodes: {same}"]


def _abbreviated(text: str) -> str:
    """The beginning of a fingerprint; other texts as they are."""
    return f"{text[:12]}..." if len(text) == 64 and text.isalnum() else text


def _metrics(summary: Mapping[str, Any]) -> Table:
    episodes = "1 episode" if summary["episodes"] == 1 else f"{summary['episodes']} episodes"
    title = (
        f"{summary['scenario']}: {summary['controller']}, {episodes}, "
        f"engine {summary['engine']}, seed {summary['seed']}"
    )
    table = Table(title=Text(title), title_justify="left")
    table.add_column("metric")
    table.add_column("mean", justify="right")
    table.add_column("95 % interval", justify="right")
    table.add_column("unit")
    for name, estimate in summary["metrics"].items():
        interval = "" if estimate["low"] is None else f"{_number(estimate['low'])} to {_number(estimate['high'])}"
        table.add_row(name, _number(estimate["mean"]), interval, "" if estimate["unit"] == "1" else estimate["unit"])
    return table


def _costs(summary: Mapping[str, Any]) -> Table:
    without, with_ev = summary["cost"]["without_ev"], summary["cost"]["with_ev"]
    table = Table(title="\ncost per episode, in CNY", title_justify="left")
    table.add_column("", no_wrap=True)
    # A scenario without the utility need not say so.
    parts = [part for part in without if part != "supply" or without[part] or with_ev[part]]
    for part in parts:
        table.add_column(COST_NAMES[part], justify="right")
    table.add_column("EVs", justify="right")
    table.add_row("without EVs", *(f"{without[part]:,.0f}" for part in parts), "")
    table.add_row("with EVs", *(f"{with_ev[part]:,.0f}" for part in parts), f"{with_ev['ev']:,.0f}")
    return table


def _energies(summary: Mapping[str, Any]) -> Table:
    table = Table(title="\nenergy per episode, in kWh", title_justify="left")
    table.add_column("microgrid")
    columns = []
    for key, label in (("shed_kwh", "shed"), ("curtailed_kwh", "curtailed")):
        for when in ("without_ev", "with_ev"):
            table.add_column(f"{label} {when.replace('_ev', '')}\nEVs", justify="right")
            columns.append(summary[key][when])
    for name, *values in zip(summary["microgrids"], *columns, strict=True):
        table.add_row(Text(name), *(f"{kwh:,.1f}" for kwh in values))
    table.add_section()
    table.add_row("total", *(f"{sum(column):,.1f}" for column in columns))
    return table


def _remarks(summary: Mapping[str, Any]) -> list[str]:
    flags, timing = summary["flagged_microgrid_slots"], summary["timing"]
    said = {
        "redispatched": "dispatched anew to keep voltages and lines within their limits",
        "voltage_violated": "with a voltage out of its band",
        "line_overloaded": "with a line beyond its limit",
        "slack_beyond_limit": f"with diesel over its limit by losses, {summary['slack_over_max_kw']:.1f} kW at most",
    }
    low_pu, high_pu = summary["voltage_range_pu"]
    remarks = [f"\nvoltages of all episodes and buses: {low_pu:.4f} to {high_pu:.4f} p.u."]
    of_all = summary["episodes"] * summary["slots_per_episode"] * len(summary["microgrids"])
    unserved = summary["unserved_kwh"]["with_ev"]
    reasons = [f"{kwh:,.1f} {UNSERVED_NAMES[reason]}" for reason, kwh in unserved.items() if kwh >= 0.05]
    if reasons:
        remarks.append(f"load not served with EVs, in kWh per episode: {'; '.join(reasons)}")
    remarks += [f"{count / of_all:.1%} of microgrid slots {said[flag]}" for flag, count in flags.items() if count]
    if summary["episodes_without_shedding"]:
        remarks.append(
            f"{summary['episodes_without_shedding']} episodes shed nothing without EVs: no restoration ratio"
        )
    speed = timing["slots_per_cpu_s"]
    remarks.append(
        f"ledger closes to {summary['ledger_max_error_kwh']:.1e} kWh; {timing['slots']} slots in "
        f"{timing['wall_s']:.1f} s" + (f" ({speed:,.0f} per CPU second)" if speed else "")
    )
    return remarks


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:.4f}"
