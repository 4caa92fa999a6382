"""The flow diagram closes: what comes into a node goes out of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cosim.errors import LedgerError
from cosim.records.table import Records, Table
from cosim.report.page.energy_section import energy_flows, energy_section
from cosim.report.page.shown_run import ShownRun


def test_every_node_closes(shown: ShownRun) -> None:
    flows = energy_flows(shown)
    sources, targets = {flow.source for flow in flows}, {flow.target for flow in flows}
    storage = set() if shown.label == "commuters" else {"storage"}
    assert {"microgrids", "EVs"} | storage == sources & targets
    for node in sources & targets:
        came = sum(flow.energy_kwh for flow in flows if flow.target == node)
        went = sum(flow.energy_kwh for flow in flows if flow.source == node)
        assert came == pytest.approx(went, abs=1e-5), node
    assert all(flow.energy_kwh > 0.0 for flow in flows)


def test_ends_are_what_the_records_say(shown: ShownRun) -> None:
    arrived: dict[str, float] = {}
    for flow in energy_flows(shown):
        arrived[flow.target] = arrived.get(flow.target, 0.0) + flow.energy_kwh
    hours = shown.clock.slot_h
    assert arrived["load served"] == pytest.approx(shown.cube("microgrid_slots", "served_kw").sum() * hours)
    assert arrived["EVs, at the end"] == pytest.approx(shown.cube("ev_slots", "energy_end_kwh")[-1].sum())
    assert arrived.get("driven", 0.0) == pytest.approx(0.2 * shown.cube("ev_slots", "driven_km").sum())
    assert arrived.get("customers", 0.0) == pytest.approx(shown.cube("station_slots", "customers_kwh").sum())
    losses_kwh = shown.cube("microgrid_slots", "losses_kwh").sum()
    assert arrived.get("lost in lines", 0.0) == pytest.approx(losses_kwh)


def test_ribbons_stay_within_their_nodes(shown: ShownRun) -> None:
    chart = energy_section(shown).charts[0]
    layers = chart.panels[0].to_dict()["layer"]
    assert [layer["mark"]["type"] for layer in layers] == ["area", "rect", "text", "text"]
    assert chart.numbers["energy_kwh"].min() > 0.0


def test_records_that_do_not_close_are_refused(shown: ShownRun) -> None:
    table = shown.records["microgrid_slots"]
    columns = {name: np.array(values) for name, values in table.columns.items()}
    columns["served_kw"][0] += 1.0
    tables = [
        Table(table.kind, columns, table.shape) if kept.kind.name == table.kind.name else kept
        for kept in shown.records.values()
    ]
    with pytest.raises(LedgerError, match=r"the records do not close, 0\.5 kWh are missing"):
        energy_flows(replace(shown, records=Records(tables)))
