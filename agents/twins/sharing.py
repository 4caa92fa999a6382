"""Secrets cut into shares: any `threshold` of them give the secret back, fewer tell nothing; shares of sums add up.

All arithmetic is in the whole numbers modulo a prime. With 2^31 - 1 products fit into 64 bits, so that arrays are
shared at once and a share takes 4 bytes; how well it hides does not depend on the prime's size.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from agents.twins.message import PRIME
from cosim.interface import Ints


def shares_of(values: Ints, coefficients: Ints, members: int, prime: int = PRIME) -> Ints:
    """Shares of values for each member of a committee.

    Member k, from 1, gets f(k), where f is the polynomial of degree threshold - 1 with f(0) = the value.

    Args:
        values: Whole numbers, > -prime/2 and < prime/2, shape S.
        coefficients: The polynomial's other coefficients, each drawn evenly from 0 to prime - 1, shape
            [threshold - 1, *S]; whoever knows them knows the values.
        members: Members, < prime.
        prime: Modulus, below 2^31.

    Returns:
        Shares in [0, prime), shape [members, *S].

    Source:
        Shamir 1979, How to share a secret, doi:10.1145/359168.359176.
    """
    places = np.arange(1, members + 1).reshape(-1, *(1,) * np.ndim(values))
    found: Ints = np.zeros((members, *np.shape(values)), dtype=np.int64)
    for coefficient in [*coefficients[::-1], values % prime]:
        found = (found * places + coefficient) % prime
    return found


def restored(shares: Ints, places: Sequence[int], prime: int = PRIME) -> Ints:
    """The values whose shares these are: the polynomial through them at 0.

    Args:
        shares: One share of each value from each of `threshold` members, shape [threshold, *S].
        places: Places of these members, from 1; all different.
        prime: Modulus.

    Returns:
        Whole numbers > -prime/2 and < prime/2, shape S.

    Source:
        Lagrange's interpolation: f(0) = sum_j f(x_j) prod_{m != j} x_m / (x_m - x_j).
    """
    total: Ints = np.zeros(shares.shape[1:], dtype=np.int64)
    for place, share in zip(places, shares, strict=True):
        weight = 1
        for other in places:
            if other != place:
                weight = weight * other * pow(other - place, -1, prime) % prime
        total = (total + weight * share) % prime
    return np.where(total > prime // 2, total - prime, total)
