"""Prices of stations: what one more kWh there is worth to the fleet, in one byte.

The load that is served of a deficit D where all feed in F is the smaller of both; rounded over an energy s, its
derivative is p = (1 + x / sqrt(x^2 + s^2)) / 2 with x = D - F: 1 where much is left, 0 where too much is fed in,
1/2 where both are equal. The deficit is public, so a price tells what the others mean to do: exactly where little is
left or lacking, and hardly more than that where much is.
"""

from __future__ import annotations

import numpy as np

from cosim.interface import Floats, Ints

#: Over how much energy a price falls from much to little [kWh].
SOFT_KWH = 100.0
#: Steps of a byte from 1/2 to either end; 254 is a price of 1.
STEPS = 127


def price_of(left_kwh: Floats) -> Ints:
    """The price where so much is left.

    Args:
        left_kwh: Deficit less what all mean to feed in, or surplus less what they mean to draw [kWh]; < 0 if they mean
            more.

    Returns:
        From 0, worth nothing, to 254, worth as much as it is; likewise shaped.

    Source:
        Our specification, (B4): the derivative of R_sim by a station's sum, before what it costs to drive and charge.
    """
    byte: Ints = np.rint(STEPS * (1.0 + left_kwh / np.hypot(left_kwh, SOFT_KWH))).astype(np.int64)
    return byte


def left_of(price: Ints) -> Floats:
    """What is left where this is the price [kWh], as far as a byte tells: the other way round."""
    side = (np.asarray(price, dtype=np.float64) - STEPS) / STEPS
    # The outermost bytes tell of at least so much; half a step less stands for it.
    side = np.clip(side, -1.0 + 0.5 / STEPS, 1.0 - 0.5 / STEPS)
    left_kwh: Floats = SOFT_KWH * side / np.sqrt(1.0 - np.square(side))
    return left_kwh
