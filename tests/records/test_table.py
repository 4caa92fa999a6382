"""Tables: arrays over replica and unit per slot become columns, batch after batch."""

from __future__ import annotations

import numpy as np
import pytest

from cosim.errors import RecordError
from cosim.records.schema import Nodes, RoadSlots
from cosim.records.table import Records, Table, joined, row_table, slot_table, static_table


def road_slots(episodes: tuple[int, ...], slots: int = 3, roads: int = 2) -> Table:
    """Flow says where a value came from: 100 episode + 10 slot + road."""

    flow = [[[100.0 * e + 10 * slot + road for road in range(roads)] for e in episodes] for slot in range(slots)]
    return slot_table("road_slots", episodes, RoadSlots(np.array(flow), -np.array(flow)))


def visit(episode: int, ev: int, plug_in_s: float | None) -> tuple[object, ...]:
    return (episode, ev, 0, 0.0, 10.0, plug_in_s, None, None, 0, 1.5, 0.0)


def test_rows_are_in_the_order_of_their_keys() -> None:
    frame = road_slots((4, 7)).frame()
    assert list(frame) == ["episode", "slot", "road", "flow_vph", "travel_time_s"]
    keys = frame[["episode", "slot", "road"]].to_numpy().tolist()
    assert keys == [[e, t, road] for e in (4, 7) for t in range(3) for road in range(2)]
    assert (frame.flow_vph == 100 * frame.episode + 10 * frame.slot + frame.road).all()
    assert (frame.travel_time_s == -frame.flow_vph).all()


def test_a_cube_has_episode_slot_and_unit() -> None:
    cube = road_slots((4, 7)).cube("flow_vph")
    assert cube.shape == (2, 3, 2)
    assert cube[1, 2, 0] == 720.0


def test_rows_without_a_time_have_nan() -> None:
    table = row_table("visits", [visit(0, 3, 12.0), visit(0, 4, None)])
    assert len(table) == 2
    assert table.columns["ev"].tolist() == [3, 4]
    assert np.isnan(table.columns["plug_in_s"]).tolist() == [False, True]
    with pytest.raises(RecordError, match="table 'visits' has no row for every episode, slot and unit"):
        table.cube("charged_kwh")


def test_a_table_may_have_no_rows() -> None:
    for name in ("visits", "trips"):
        table = row_table(name, [])
        assert len(table) == len(table.frame()) == 0


def test_batches_join_in_order_also_where_the_last_is_narrower() -> None:
    fixed = static_table("nodes", Nodes(np.array([1, 2]), np.zeros(2), np.ones(2)))
    first = Records([road_slots((0, 1)), row_table("visits", [visit(0, 1, None), visit(1, 2, None)])])
    last = Records([road_slots((2,)), row_table("visits", [visit(2, 5, 3.0)])])
    whole = joined([Records([fixed]), first, last])
    assert list(whole) == ["road_slots", "visits", "nodes"]
    assert whole["road_slots"].cube("flow_vph")[:, 0, 0].tolist() == [0.0, 100.0, 200.0]
    assert whole["visits"].columns["ev"].tolist() == [1, 2, 5]
    assert whole["nodes"].frame().node.tolist() == [1, 2]
    assert len(whole) == 3
