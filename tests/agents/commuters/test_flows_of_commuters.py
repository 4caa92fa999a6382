"""What commuters send is counted by the bus, and what is private stays where the line says."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from commuter_fleet import day

from agents.baselines.on_arrival import OnArrivalController
from agents.commuters.flows import CommuterListener
from agents.commuters.view import VIEW
from agents.twins.message import CommuterState, PowerPlan, RawUpload, size_bytes
from cosim.experiment import run_episodes
from cosim.schedule import Schedule


def report(line: str) -> tuple[dict[str, Any], int]:
    """What is counted over an episode of six EVs; and how many EVs are at home, summed over its slots."""
    system = day("fleet.size=6")
    listener = CommuterListener(system.spec, OnArrivalController(system.spec), line)
    run_episodes(
        system,
        listener,
        Schedule((0,), 1, system.clock.slots),
    )
    return listener.report(), sum(int(here.sum()) for _, here, _ in listener._slots)


def flow(found: dict[str, Any], kind: str, phase: str) -> dict[str, Any]:
    return next(
        each for each in found["flows"] if (each["class"], each["phase"]) == (kind, phase) and each["receiver"] is None
    )


def test_in_use_all_lines_send_the_same_and_nothing_private_leaves() -> None:
    found = {line: report(line)[0] for line in ("v2g-il", "v2g-maddpg", "v2g-dt-maddpg")}
    sent = {line: each["execution"]["without_weights"]["per_ev_and_slot"]["sent_bytes"] for line, each in found.items()}
    assert len(set(sent.values())) == 1
    # Its own twin gets every byte of it.
    assert sent["v2g-il"] == size_bytes(CommuterState, {})
    assert all(each["execution"]["raw_bytes_left"] == 0 for each in found.values())
    assert all(each["execution"]["data_decentralisation"] == 1.0 for each in found.values())


@pytest.mark.parametrize(("line", "raw"), [("v2g-il", False), ("v2g-maddpg", True), ("v2g-dt-maddpg", False)])
def test_only_maddpg_uploads_what_is_private(line: str, raw: bool) -> None:
    found, at_home = report(line)
    left_bytes = found["training"]["raw_bytes_left"]
    assert left_bytes == (at_home * 4 * (2 * VIEW + 2) if raw else 0)
    assert found["training"]["data_decentralisation"] == (0.0 if raw else 1.0)


def test_a_message_per_ev_at_home() -> None:
    found, at_home = report("v2g-maddpg")
    uploads = flow(found, "RawUpload", "training")
    lengths = {"observation": VIEW, "action": 1, "following": VIEW}
    assert (uploads["messages"], uploads["bytes"]) == (at_home, at_home * size_bytes(RawUpload, lengths))
    found, at_home = report("v2g-dt-maddpg")
    plans = flow(found, "PowerPlan", "training")
    lengths = {"power_kw": 4, "up_kw": 4, "down_kw": 4}
    assert (plans["messages"], plans["bytes"]) == (at_home, at_home * size_bytes(PowerPlan, lengths))


def test_stations_tell_sums_to_everybody_while_anybody_is_there() -> None:
    found, _ = report("v2g-dt-maddpg")
    totals = [each for each in found["flows"] if each["class"] == "PowerTotals"]
    by_receiver = {each["receiver"]: each["messages"] for each in totals}
    assert by_receiver["twin"] == 6 * by_receiver[None]
    assert by_receiver["core"] == by_receiver[None]
    assert np.isfinite(found["training"]["without_weights"]["balance"]["busiest_over_mean"])
