"""Epsilon is that of the literature, and never below the exact one."""

from __future__ import annotations

import math
import sys

import numpy as np
import pytest
from line_fleet import fleet
from scipy.optimize import brentq
from scipy.stats import norm

from agents.baselines.coordinated import CoordinatedController
from agents.offer_noise import OfferNoise
from agents.twins.accountant import DELTA, MOST_RATIO, guarantee_of
from cosim.errors import ControllerError

SPEC = fleet()


def exact(ratio: float) -> float:
    """Epsilon of a Gaussian mechanism with this ratio of sensitivity to noise: Balle and Wang 2018, theorem 8."""

    def missing(epsilon: float) -> float:
        tail = math.exp(epsilon + norm.logcdf(-ratio / 2.0 - epsilon / ratio))
        return float(norm.cdf(ratio / 2.0 - epsilon / ratio) - tail - DELTA)

    return float(brentq(missing, 0.0, ratio**2 / 2.0 + 20.0 * ratio))


@pytest.mark.parametrize("std_kwh", [10.0, 40.0, 200.0, 2000.0])
def test_epsilon_lies_between_the_exact_one_and_the_first_bound(std_kwh: float) -> None:
    pytest.importorskip("opendp")
    promised = guarantee_of(OfferNoise(SPEC, std_kwh))
    assert promised.sensitivity_kwh == pytest.approx(np.linalg.norm(OfferNoise(SPEC, 1.0).sensitivity_kwh))
    assert promised.epsilon is not None
    ratio = promised.sensitivity_kwh / std_kwh
    rho = ratio**2 / 2.0
    # Bun and Steinke 2016, proposition 1.3.
    assert exact(ratio) <= promised.epsilon <= rho + 2.0 * math.sqrt(rho * math.log(1.0 / DELTA))
    assert promised.epsilon < 1.15 * exact(ratio)


def test_next_to_no_noise_promises_nothing() -> None:
    pytest.importorskip("opendp")
    least_kwh = guarantee_of(OfferNoise(SPEC, 1.0)).sensitivity_kwh / MOST_RATIO
    some, less = (guarantee_of(OfferNoise(SPEC, std_kwh)) for std_kwh in (1.01 * least_kwh, 0.99 * least_kwh))
    assert some.epsilon is not None
    assert 1e4 < some.epsilon < 1e5
    assert less.epsilon is None


def test_without_the_library_it_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opendp", None)
    monkeypatch.setitem(sys.modules, "opendp.prelude", None)
    with pytest.raises(ControllerError, match=r"pip install 'ev-cosim\[privacy\]'"):
        guarantee_of(OfferNoise(SPEC, 1.0))


def test_a_fleet_without_noise_has_none_to_account() -> None:
    assert CoordinatedController(SPEC).board.noise is None
