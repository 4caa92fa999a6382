from dataclasses import replace

import numpy as np
import pytest
from grid_cases import alone, available, one_microgrid

from cosim.grid.microgrid import Availability
from cosim.grid.outlook import EvLimits, Forecaster
from cosim.scenario.schema import ForecastSection

UNITS = one_microgrid()  # DG 100 kW
LIMITS = EvLimits(alone(UNITS), np.ones(1), charge_from_dg=True, displace_dg=False)


@pytest.mark.parametrize(
    ("load", "renewable", "surplus_and_dg", "surplus", "deficit", "net_load"),
    [
        (300, 120, 0, 0, 80, 180),  # diesel is not enough
        (180, 120, 40, 0, 0, 60),  # diesel has 40 kW to spare
        (90, 120, 130, 30, 0, 0),  # renewables to spare, and all of diesel
        (220, 120, 0, 0, 0, 100),  # diesel exactly at its limit
    ],
)
def test_limits_by_hand(
    load: float, renewable: float, surplus_and_dg: float, surplus: float, deficit: float, net_load: float
) -> None:
    now = available(load, renewable / 2, renewable / 2)
    generous, strict = (EvLimits(alone(UNITS), np.ones(1), both, both) for both in (True, False))
    assert generous.surplus_kw(now) == surplus_and_dg
    assert strict.surplus_kw(now) == surplus
    assert generous.deficit_kw(now) == strict.deficit_kw(now) == strict.feed_in_kw(now) == deficit
    assert generous.feed_in_kw(now) == net_load


# ---------------------------------------------------------------------------------------------- forecasts

POWERS = ([200.0, 260, 100], [0.0] * 3, [20.0, 40, 60], [10.0] * 3, [1.0] * 3, [1.0] * 3)
EXPECTED = Availability(*(np.array(values)[:, None] for values in POWERS))


def actual(load: float = 1.0, pv: float = 1.0, wt: float = 1.0, replicas: int = 1) -> Availability:
    """The expected powers times factors, shape [R, 3, 1]."""
    kinds = zip(vars(EXPECTED).values(), (load, load, pv, wt, load, load), strict=True)
    return Availability(*(np.stack([kw * factor] * replicas) for kw, factor in kinds))


def forecaster(kind: str, expected: Availability = EXPECTED, error: float = 0.1, seed: int = 1) -> Forecaster:
    section = ForecastSection.model_validate({"kind": kind, "error": error})
    return Forecaster(section, LIMITS, expected, seed)


def foretold(kind: str, truth: Availability, slot: int) -> list[list[float]]:
    made = forecaster(kind)
    made.begin(list(range(len(truth.load_kw))), truth)
    return [kw[0, 0].tolist() for kw in made.forecast(slot)]


def test_perfect_forecast_by_hand() -> None:
    # 200 - 20 - 10 - 100, 260 - 40 - 10 - 100, 100 - 60 - 10 - 100
    assert foretold("perfect", actual(), 0) == [[70, 110, 0], [0, 0, 70]]
    assert foretold("perfect", actual(), 1) == [[110, 0, 0], [0, 70, 0]]
    assert foretold("perfect", actual(), 2) == [[0, 0, 0], [70, 0, 0]]


@pytest.mark.parametrize("slot", [0, 1, 2])
def test_shape_is_exact_under_one_factor_per_episode(slot: int) -> None:
    truth = actual(load=1.07, pv=0.85, wt=1.2)
    for shape, perfect in zip(foretold("shape", truth, slot), foretold("perfect", truth, slot), strict=True):
        assert shape == pytest.approx(perfect, abs=1e-9)


def test_shape_follows_what_is_measured_now() -> None:
    # Twice the load now, so twice the load later, whatever it really will be.
    truth = actual()
    truth.load_kw[0, 0] = 400
    assert foretold("shape", truth, 0) == [[270, 370, 30], [0, 0, 0]]


def test_profile_of_zeros_gives_no_nan() -> None:
    # At night nothing is measured, so the morning is as the shape says.
    dawn = replace(EXPECTED, pv_kw=np.array([[0.0], [40], [60]]))
    truth = Availability(*(kw[None] for kw in vars(dawn).values()))
    for kind in ("shape", "persistence", "perfect", "noisy", "none"):
        made = forecaster(kind, dawn)
        made.begin([0], truth)
        for slot in range(3):
            assert np.isfinite(made.forecast(slot)).all()
    made = forecaster("shape", dawn)
    made.begin([0], truth)
    assert [kw[0, 0].tolist() for kw in made.forecast(0)] == [[90, 110, 0], [0, 0, 70]]


def test_persistence_says_that_all_stays_as_it_is() -> None:
    assert foretold("persistence", actual(), 0) == [[70, 70, 70], [0, 0, 0]]
    assert foretold("persistence", actual(), 2) == [[0, 0, 0], [70, 0, 0]]


def test_no_forecast_says_what_was() -> None:
    assert foretold("none", actual(), 0) == [[0, 0, 0], [0, 0, 0]]
    assert foretold("none", actual(), 1) == [[70, 0, 0], [0, 0, 0]]
    assert foretold("none", actual(), 2) == [[110, 0, 0], [0, 0, 0]]


def test_noisy_forecast_knows_the_present_and_nothing_beyond_the_end() -> None:
    made = forecaster("noisy", error=0.5)
    made.begin([0], actual())
    for slot, (deficit, surplus) in enumerate([(70, 0), (110, 0), (0, 70)]):
        foretold_kw = np.stack(made.forecast(slot))[:, 0, 0]
        assert foretold_kw[:, 0].tolist() == [deficit, surplus]
        assert not foretold_kw[:, 3 - slot :].any()
        assert (foretold_kw >= 0).all()


def test_noisy_forecast_is_drawn_anew_in_each_slot() -> None:
    made = forecaster("noisy")
    made.begin([0], actual())
    of_slot_2 = [made.forecast(slot)[1][0, 0, 2 - slot] for slot in (0, 1)]
    assert len({70.0, *of_slot_2}) == 3


def test_noisy_forecast_has_the_given_error() -> None:
    # Surplus of slot 2 is 60 pv + 10 wt + 100 - 100 load: spread 0.1 * sqrt(60^2 + 10^2 + 100^2) = 11.70 kW.
    made = forecaster("noisy")
    made.begin(list(range(4000)), actual(replicas=4000))
    surplus_kw = made.forecast(0)[1][:, 0, 2]
    assert surplus_kw.mean() == pytest.approx(70, abs=0.8)
    assert surplus_kw.std() == pytest.approx(11.70, rel=0.05)


def test_noisy_forecast_does_not_depend_on_the_other_replicas() -> None:
    alone, among = forecaster("noisy"), forecaster("noisy")
    alone.begin([5], actual())
    among.begin([9, 5, 0], actual(replicas=3))
    for slot in range(3):
        one = np.stack(alone.forecast(slot))
        assert one[:, 0].tobytes() == np.stack(among.forecast(slot))[:, 1].tobytes()


def test_new_episode_starts_its_own_stream() -> None:
    made = forecaster("noisy")
    first = []
    for episode in (3, 4, 3):
        made.begin([episode], actual())
        first.append(np.stack(made.forecast(0)).tobytes())
    assert first[0] == first[2] != first[1]
