"""Which episodes train a controller, which select it, and which judge it: no episode serves two of these purposes.

All chance in an episode follows from the scenario's seed and the episode's number (`cosim.seeding`). So the numbers
are to episodes what seeds are elsewhere, and ranges of them that do not overlap keep training and test apart,
whatever the scenario's seed is.
"""

from __future__ import annotations

#: What a controller may learn from. `cosim run` counts from 0, so these are its episodes too.
TRAINING = range(1_000_000)
#: What may be looked at to choose between controllers, checkpoints or settings, as often as one likes.
VALIDATION = range(1_000_000, 2_000_000)
#: What decides how good a controller is, and nothing else: `cosim compare` runs these.
TEST = range(2_000_000, 3_000_000)


def held_out_episodes(count: int) -> tuple[int, ...]:
    """The first episodes of the test range.

    Args:
        count: Number of episodes, 1 to 1,000,000.

    Returns:
        Their numbers, in order.

    Raises:
        ValueError: If there are not as many.
    """
    if not 1 <= count <= len(TEST):
        raise ValueError(f"episodes must be 1 to {len(TEST):,}, got {count:,}")
    return tuple(TEST[:count])
