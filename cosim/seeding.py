"""One seed, many named streams: what one component draws never shifts what another one sees.

A stream belongs to (seed, episode, name). It depends on nothing else: not on the number of replicas, the
order of episodes, the process, or on which other streams exist.
"""

from __future__ import annotations

import zlib

import numpy as np

#: Stands in for the episode in streams that belong to the whole scenario.
EVERY_EPISODE = -1


def stream(seed: int, episode: int, name: str) -> np.random.Generator:
    """Open a random stream.

    Args:
        seed: The scenario's seed, >= 0.
        episode: Number of the episode, from 0; `EVERY_EPISODE` for draws shared by all episodes.
        name: Who draws and what for, e.g. `"uncertainty.load"`.

    Returns:
        A generator at the start of that stream.
    """
    # spawn_key takes non-negative words only, hence the shift; CRC-32 is the same in every process.
    key = (episode + 1, zlib.crc32(name.encode()))
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=key)))
