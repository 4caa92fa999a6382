"""Which episodes run when."""

from cosim.schedule import Schedule


def test_the_last_batch_may_be_narrower() -> None:
    schedule = Schedule(tuple(range(5)), replicas=2, slots=3)
    assert schedule.batches == 3
    assert schedule.ticks == 9
    assert [schedule.batch(k) for k in range(4)] == [(0, 1), (2, 3), (4,), ()]


def test_ticks_map_to_slots_and_batches() -> None:
    schedule = Schedule((7, 8, 9), replicas=2, slots=3)
    assert [schedule.slot(tick) for tick in range(6)] == [0, 1, 2, 0, 1, 2]
    assert schedule.batch_at(2) == (7, 8)
    assert schedule.batch_at(3) == (9,)
    assert [schedule.ends_batch(tick) for tick in range(4)] == [False, False, True, False]
