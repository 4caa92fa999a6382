"""The answer: what a run came to, in numbers."""

from __future__ import annotations

from pathlib import Path

from cosim.metrics import COST_PARTS
from cosim.report.page.section import Note, Part, Section, TableView
from cosim.report.page.shown_run import ShownRun
from cosim.report.page.wording import percent
from cosim.report.terminal import COST_NAMES

#: Metrics in words.
METRIC_NAMES = {
    "load_restoration_ratio": "Load restored, share of what would be shed without EVs",
    "load_restoration_ratio_pooled": "The same, of the sums over all episodes",
    "critical_restoration_ratio": "Critical load restored, share",
    "restoration_fairness": "Fairness of restoration among microgrids (Jain)",
    "energy_consumption_ratio": "Energy driven away, share of what EVs began with",
    "saving_ratio": "Cost saved, share of the cost without EVs",
    "saving_ratio_with_ev_cost": "The same, with what EVs cost",
    "waiting_time_mean_h": "Wait of EVs for a charger, mean",
    "waiting_time_p95_h": "Wait of EVs for a charger, 95 % below",
    "charger_utilisation": "Chargers in use, share of time",
    "voltage_min_pu": "Lowest voltage",
    "voltage_max_pu": "Highest voltage",
    "customers_served": "Customers served",
    "customers_lost_share": "Customers lost, share",
    "customer_waiting_time_mean_h": "Wait of customers, mean",
    "customer_waiting_time_p90_h": "Wait of customers, 90 % below",
    "customer_energy_kwh": "Energy sold to customers",
    "net_load_std_kw": "Standard deviation of the net load",
    "net_load_peak_ratio": "Highest net load over its mean",
    "net_load_ramp_kw": "Change of the net load from slot to slot, mean",
    "renewable_utilisation": "Renewable energy used, share of what was to be had",
    "fossil_kwh": "Energy from the utility and from diesel",
    "satisfaction": "Energy at departure over what EVs need, at most 1, mean",
    "energy_cost_cny": "What EVs paid for energy, less what they were paid",
}


def answer_section(run: ShownRun) -> Section:
    """The section.

    Args:
        run: The run.
    """
    parts: list[Part] = [*_warnings(run), _metrics(run), _costs(run), _about(run)]
    return Section("answer", "The answer", _sentence(run), parts)


def _sentence(run: ShownRun) -> str:
    count = len(run.totals.episode)
    episodes = "1 episode" if count == 1 else f"{count} episodes"
    restored = run.estimates["load_restoration_ratio"]
    if "satisfaction" in run.estimates and restored.mean is None:
        return _of_day(run, episodes)
    if restored.mean is None:
        return f"In {episodes} nothing would have been shed without EVs, so there was nothing to restore."
    if not run.scenario["fleet"]["size"]:
        return f"There are no EVs to serve load that would be shed, over {episodes}."
    interval = ""
    if restored.low is not None and restored.high is not None:
        interval = f" (95 % interval {percent(restored.low)} to {percent(restored.high)})"
    return (
        f"With {_fleet(run)} deciding by {run.scenario['controller']['name']}, {percent(restored.mean)} of the load "
        f"that would have stayed unserved was served{interval}, over {episodes}."
    )


def _of_day(run: ShownRun, episodes: str) -> str:
    """What commuters came to."""
    used, satisfied = run.estimates["renewable_utilisation"].mean, run.estimates["satisfaction"].mean
    fossil, spread = run.estimates["fossil_kwh"].mean, run.estimates["net_load_std_kw"].mean
    of_sun_and_wind = "" if used is None else f"{percent(used)} of the renewable energy was used, "
    left = "" if satisfied is None else f"EVs left with {percent(satisfied)} of what they need, "
    return (
        f"With {_fleet(run)} that commute deciding by {run.scenario['controller']['name']}, {of_sun_and_wind}{left}"
        f"{fossil or 0.0:,.0f} kWh a day came from the utility and diesel, and the net load spread by "
        f"{spread or 0.0:,.0f} kW, over {episodes}."
    )


def _fleet(run: ShownRun) -> str:
    size = run.scenario["fleet"]["size"]
    return "1 EV" if size == 1 else f"{size} EVs"


def _warnings(run: ShownRun) -> list[Note]:
    if run.ended:
        return []
    count = len(run.totals.episode)
    return [
        Note(
            f"This run has not ended: {count} of {run.metadata['episodes']} episodes are there, and this page is of "
            "them."
        )
    ]


def _metrics(run: ShownRun) -> TableView:
    rows = []
    for name, estimate in run.estimates.items():
        if estimate.mean is None:
            continue
        unit = "" if estimate.unit == "1" else estimate.unit
        rows.append((METRIC_NAMES.get(name, name), estimate.mean, estimate.low, estimate.high, unit))
    return TableView(
        name="metrics",
        title="Metrics, means over episodes",
        headings=("metric", "mean", "95 % from", "to", "unit"),
        rows=rows,
        digits=(0, 3, 3, 3, 0),
    ).without_empty_columns()


def _costs(run: ShownRun) -> TableView:
    """The paper's Table 3: cost by part, without and with EVs."""
    count = len(run.totals.episode)
    without, with_ev = (run.totals.cost_cny[table] for table in ("reference_slots", "microgrid_slots"))
    rows: list[tuple[str, float | None, float | None]] = [
        (COST_NAMES[part], sum(without[part]) / count, sum(with_ev[part]) / count)
        for part in COST_PARTS
        if any(without[part]) or any(with_ev[part])
    ]
    total_cny, total_with_cny = (sum(map(sum, parts.values())) / count for parts in (without, with_ev))
    ev_cny = sum(run.totals.ev_cny) / count
    rows.append(("all of it", total_cny, total_with_cny))
    rows.append(("EVs: battery, distance and time", None, ev_cny))
    rows.append(("all of it, with the EVs'", total_cny, total_with_cny + ev_cny))
    return TableView(
        name="costs",
        title="Cost per episode",
        headings=("part", "without EVs [CNY]", "with EVs [CNY]"),
        rows=rows,
        digits=(0, 0, 0),
    )


def _about(run: ShownRun) -> TableView:
    scenario, versions = run.scenario, run.metadata["versions"]
    window = f"{run.clock_time(0)} to {run.clock_time(run.clock.slots * run.clock.slot_s)}"
    count = len(run.totals.episode)
    rows = [
        ("run folder", run.folder.resolve().name),
        ("scenario", f"{scenario['name']} ({Path(run.metadata['scenario_file']).name})"),
        ("what it is", scenario.get("description") or ""),
        ("controller", scenario["controller"]["name"]),
        ("engine", scenario["network"]["engine"]),
        ("seed", str(scenario["seed"])),
        ("episodes", f"{count}, of {run.clock.slots} slots from {window}"),
        ("shown in full", f"episode {run.episode}"),
        ("energy ledger", "every kWh accounted for in every slot, or the run would have stopped"),
        ("versions", ", ".join(f"{name} {version}" for name, version in versions.items())),
    ]
    return TableView("about", "What the run was", ("what", "which"), [row for row in rows if row[1]])
