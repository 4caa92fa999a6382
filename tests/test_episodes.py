"""Training, validation and test have no episode in common."""

from __future__ import annotations

from itertools import combinations

import pytest

from cosim.episodes import TEST, TRAINING, VALIDATION, held_out_episodes


def test_no_episode_serves_two_purposes() -> None:
    for one, other in combinations((TRAINING, VALIDATION, TEST), 2):
        assert max(one[0], other[0]) > min(one[-1], other[-1])


def test_ranges_begin_where_they_are_said_to() -> None:
    assert [(numbers[0], len(numbers)) for numbers in (TRAINING, VALIDATION, TEST)] == [
        (0, 1_000_000),
        (1_000_000, 1_000_000),
        (2_000_000, 1_000_000),
    ]


def test_held_out_episodes_are_the_first_of_the_test_range() -> None:
    assert held_out_episodes(3) == (2_000_000, 2_000_001, 2_000_002)


@pytest.mark.parametrize("count", [0, -1, 1_000_001])
def test_there_are_no_more_than_there_are(count: int) -> None:
    with pytest.raises(ValueError, match=r"episodes must be 1 to 1,000,000"):
        held_out_episodes(count)
