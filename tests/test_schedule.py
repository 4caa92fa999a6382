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


def test_the_next_end_is_that_of_the_batch_that_runs_in_the_tick_after() -> None:
    schedule = Schedule((7, 8, 9), replicas=2, slots=3)
    # After tick 2, the last of the first batch, the second one begins.
    assert [schedule.next_end(tick) for tick in range(-1, 6)] == [2, 2, 2, 5, 5, 5, 8]


def test_following_next_ends_one_comes_to_the_end_of_every_batch() -> None:
    for slots in (1, 2, 12):
        schedule = Schedule(tuple(range(7)), replicas=3, slots=slots)
        ticks = [schedule.next_end(-1)]
        while schedule.next_end(ticks[-1]) < schedule.ticks:
            ticks.append(schedule.next_end(ticks[-1]))
        assert ticks == [tick for tick in range(schedule.ticks) if schedule.ends_batch(tick)]
        assert len(ticks) == schedule.batches
