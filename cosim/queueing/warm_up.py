"""Where the steady state begins: MSER-5.

Source:
    White 1997, An effective truncation heuristic for bias reduction in simulation output; batches of 5: Spratt 1998.
"""

from __future__ import annotations

import numpy as np

from cosim.errors import QueueError
from cosim.interface import Floats

#: Values of a batch.
BATCH = 5


def mser_5(values: Floats) -> int:
    """How many values to leave out from the beginning.

    The mean of what is left then has the smallest marginal standard error, over batches of five; not more than half of
    the values are left out.

    Args:
        values: One after the other, shape [N].

    Returns:
        Number of values to leave out, a multiple of five.

    Raises:
        QueueError: If there are fewer than 20 values, or the best cut is at half of them: the beginning has not ended.
    """
    batches = len(values) // BATCH
    if batches < 4:
        raise QueueError(f"MSER-5 needs at least {4 * BATCH} values, got {len(values)}; simulate longer")
    means = values[: batches * BATCH].reshape(batches, BATCH).mean(axis=1)
    # Sums from each batch to the last, so that all cuts are looked at in one go.
    count = np.arange(batches, 0, -1)
    total, square = (np.cumsum(part[::-1])[::-1] for part in (means, means**2))
    error = (square - total**2 / count) / count**2
    half = batches // 2
    best = int(np.argmin(error[: half + 1]))
    if best == half:
        raise QueueError("no steady state was found: by MSER-5 more than half of the time is warm-up; simulate longer")
    return best * BATCH
