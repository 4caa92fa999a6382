"""What noise on offers guarantees: differential privacy of an EV's messages in an episode, accounted by OpenDP."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from agents.offer_noise import OfferNoise
from cosim.errors import ControllerError

#: How likely the guarantee may fail.
DELTA = 1e-5
#: Sensitivities over noise of at most so much are accounted; OpenDP's numbers end not far beyond.
MOST_RATIO = 300.0


@dataclass(frozen=True)
class Guarantee:
    """What the energies that an EV tells in an episode give away at most.

    Take any two courses of what an EV has to offer that go with the same stations, arrivals and sides, and with
    silence in the same slots, all of which are told as they are. What is then heard of its energies is at most
    exp(epsilon) times as likely with one of them as with the other, but for a probability of delta. What a meter,
    a street or the grid tell of it is no part of this.

    Attributes:
        epsilon: The bound; around 1 protects well, above 10 next to nothing is promised. None where it is tens of
            thousands.
        delta: How likely it may fail.
        noise_kwh: Standard deviation of the noise on each offer [kWh].
        sensitivity_kwh: How far two courses can be apart, over all messages of the episode [kWh].
    """

    epsilon: float | None
    delta: float
    noise_kwh: float
    sensitivity_kwh: float


def guarantee_of(noise: OfferNoise, *, delta: float = DELTA) -> Guarantee:
    """What noise guarantees over an episode in which an EV sends a message in every slot.

    Each message is a Gaussian mechanism; what is done with it later (clipping, rounding, sums) costs nothing.
    Messages follow upon each other, and zero-concentrated losses add up: rho = sum of (sensitivity / noise)^2 / 2,
    which is that of one message as long as all of them.

    Args:
        noise: The noise.
        delta: How likely the guarantee may fail.

    Raises:
        ControllerError: If OpenDP is missing.

    Source:
        Bun and Steinke 2016, "Concentrated differential privacy", proposition 1.6 and lemma 2.3; OpenDP's
        `make_zCDP_to_approxDP` makes epsilon and delta of it.
    """
    try:
        import opendp.prelude as dp
    except ModuleNotFoundError as error:
        raise ControllerError("noise is accounted by 'opendp': pip install 'ev-cosim[privacy]'") from error
    dp.enable_features("contrib")
    sensitivity_kwh = float(np.linalg.norm(noise.sensitivity_kwh))
    if sensitivity_kwh > MOST_RATIO * noise.std_kwh:
        return Guarantee(None, delta, noise.std_kwh, sensitivity_kwh)
    messages = dp.vector_domain(dp.atom_domain(T=float, nan=False)), dp.l2_distance(T=float)
    mechanism = dp.c.make_zCDP_to_approxDP(dp.m.make_gaussian(*messages, scale=noise.std_kwh))
    epsilon = float(mechanism.map(sensitivity_kwh).epsilon(delta))
    return Guarantee(epsilon, delta, noise.std_kwh, sensitivity_kwh)
