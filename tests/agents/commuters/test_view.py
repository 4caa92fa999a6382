"""What an EV that commutes sees."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from commuter_fleet import commuters
from line_fleet import fleet, observe

from agents.commuters.view import KEPT, SEEN, VIEW, View, look, rule_of
from cosim.errors import ControllerError
from cosim.interface import EvState, Observation


def seen_by(slots: int = 12) -> Observation:
    """Three EVs, the second away and the third driving; load rises by 10 kW a slot."""
    ahead = np.arange(slots, dtype=float)
    return replace(
        observe([[0, 0, 0]], [[30.0, 50.0, 20.0]], state=[[EvState.CHARGING, EvState.AWAY, EvState.PARKED]]),
        departure_h=np.array([[6.0, 0.0, 1.0]]),
        load_forecast_kw=(100.0 + 10.0 * ahead)[None],
        renewable_forecast_kw=np.full((1, slots), 50.0),
        price_cny_per_kwh=np.full((1, slots), 0.5),
    )


def test_what_is_kept() -> None:
    kept = look(seen_by())
    assert kept["own"][0].tolist() == [[1.0, 30.0, 6.0], [0.0, 50.0, 0.0], [1.0, 20.0, 1.0]]
    assert kept["market"].shape == (1, 3, KEPT)
    assert kept["market"][0, 0, :3].tolist() == [100.0, 110.0, 120.0]
    # Beyond the end nothing is known.
    assert not kept["market"][0, :, 12:].any()


def test_a_long_forecast_is_cut() -> None:
    assert look(seen_by(slots=48))["market"][0, 0, -1] == 100.0 + 10.0 * (KEPT - 1)


def test_what_networks_are_shown() -> None:
    kept = {name: torch.from_numpy(values) for name, values in look(seen_by()).items()}
    shown = View(commuters())(kept["own"], kept["market"], torch.tensor([3]))
    assert shown.shape == (1, 3, VIEW)
    assert shown[0, 0, :5].tolist() == pytest.approx([1.0, 0.5, 0.3, 0.25, 1.0])
    assert shown[0, 1, :5].tolist() == pytest.approx([0.0, 50.0 / 60.0, 0.0, 0.0, 0.0])
    assert shown[0, 2, :5].tolist() == pytest.approx([1.0, 1.0 / 3.0, 28.0 / 60.0, 1.0 / 24.0, 0.5])
    assert shown[0, 0, 5:7].tolist() == pytest.approx([math.sin(math.pi / 2), 0.0], abs=1e-6)
    # The highest price is 2 CNY/kWh; net load begins at 50 kW, one spread below its mean.
    assert shown[0, 0, 7 : 7 + SEEN].tolist() == pytest.approx([0.25] * SEEN)
    assert shown[0, 0, 7 + SEEN :].tolist() == pytest.approx([(50.0 + 10.0 * k - 100.0) / 50.0 for k in range(SEEN)])


def test_who_does_not_commute_has_no_rule() -> None:
    with pytest.raises(ControllerError, match=r"fleet\.commute"):
        rule_of(fleet(3))


@pytest.mark.parametrize("missing", ["departure_h", "price_cny_per_kwh", "load_forecast_kw", "renewable_forecast_kw"])
def test_a_price_and_a_departure_must_be_known(missing: str) -> None:
    with pytest.raises(ControllerError, match=r"fleet\.commute and tariff"):
        look(replace(seen_by(), **{missing: None}))
