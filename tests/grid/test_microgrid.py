import numpy as np
import pytest
from grid_cases import outage

from cosim.grid.microgrid import Availability, draw_availability, expected_availability
from cosim.scenario.schema import UncertaintySection

KINDS = ("load_kw", "load_kvar", "pv_kw", "wt_kw")
NOISE = {"load": {"std": 0.03}, "pv": {"std": 0.1}, "wt": {"std": 0.1}}


@pytest.fixture(scope="module")
def expected() -> Availability:
    system = outage()
    return expected_availability(system.scenario.network.microgrids, system.microgrids, system.profiles)


def drawn(expected: Availability, episodes: list[int], seed: int = 1, **noise: dict[str, float]) -> Availability:
    return draw_availability(expected, UncertaintySection.model_validate(noise), seed, episodes)


def factors(expected: Availability, actual: Availability, kind: str) -> np.ndarray:
    """What each slot was multiplied with, shape [R, T, M]."""
    return getattr(actual, kind) / getattr(expected, kind)


def test_expected_powers_by_hand(expected: Availability) -> None:
    # 10:15, a quarter between the values of 10:00 and 11:00; wind an eighth between those of 10:00 and 12:00.
    assert expected.load_kw[0] == pytest.approx(np.array([460, 1200, 980, 625, 450]) * (0.90 + 0.03 / 4))
    assert expected.load_kvar[0] == pytest.approx(np.array([220, 600, 970, 305, 205]) * (0.90 + 0.03 / 4))
    assert expected.pv_kw[0] == pytest.approx(np.array([700, 400, 350, 100, 200]) * (0.68 + 0.14 / 4))
    assert expected.wt_kw[0] == pytest.approx(np.array([550, 150, 150, 50, 80]) * (0.45 - 0.05 / 8))


def test_unit_that_is_left_out_has_no_power() -> None:
    system = outage("network.microgrids.1.pv=null", "network.microgrids.1.wt=null", "network.microgrids.1.ess=null")
    sections, units = system.scenario.network.microgrids, system.microgrids
    expected = expected_availability(sections, units, system.profiles)
    assert not expected.pv_kw[:, 1].any()
    assert not expected.wt_kw[:, 1].any()
    assert (units.ess_power_kw[1], units.ess_min_kwh[1], units.ess_max_kwh[1]) == (0, 0, 0)
    assert units.ess_bus[1] == units.pv_bus[1] == units.dg_bus[1]


def test_load_scale_and_reactive_profile_count() -> None:
    system = outage("network.microgrids.3.load={scale: 2, q_profile: pv}")
    expected = expected_availability(system.scenario.network.microgrids, system.microgrids, system.profiles)
    assert expected.load_kw[0, 3] == pytest.approx(2 * 625 * 0.9075)
    assert expected.load_kvar[0, 3] == pytest.approx(2 * 305 * 0.715)


def test_no_noise_gives_exactly_the_profile(expected: Availability) -> None:
    actual = drawn(expected, [0, 7])
    for kind in KINDS:
        assert getattr(actual, kind).tolist() == [getattr(expected, kind).tolist()] * 2


def test_factor_is_one_per_episode_microgrid_and_kind(expected: Availability) -> None:
    actual = drawn(expected, [0, 1], **NOISE)
    by_kind = {kind: factors(expected, actual, kind) for kind in KINDS}
    for factor in by_kind.values():
        assert factor == pytest.approx(np.broadcast_to(factor[:, :1], factor.shape), abs=1e-12)
    first = np.stack([by_kind[kind][:, 0] for kind in ("load_kw", "pv_kw", "wt_kw")])
    assert len(np.unique(first.round(9))) == 2 * 5 * 3
    assert by_kind["load_kvar"] == pytest.approx(by_kind["load_kw"])


def test_factors_have_the_given_spread(expected: Availability) -> None:
    actual = drawn(expected, list(range(2000)), **NOISE)
    # 10,000 draws each: standard error of the mean 0.001, of the spread 0.0007.
    for kind, std in (("load_kw", 0.03), ("pv_kw", 0.1), ("wt_kw", 0.1)):
        first = factors(expected, actual, kind)[:, 0]
        assert first.mean() == pytest.approx(1.0, abs=0.005)
        assert first.std() == pytest.approx(std, rel=0.05)


def test_factors_are_clipped_and_never_below_zero(expected: Availability) -> None:
    actual = drawn(expected, list(range(100)), load={"std": 0.1, "clip_sigma": 0.5}, pv={"std": 1.0})
    load, pv = (factors(expected, actual, kind) for kind in ("load_kw", "pv_kw"))
    assert (load.min(), load.max()) == (pytest.approx(0.95), pytest.approx(1.05))
    assert pv.min() == 0
    assert pv.max() <= 4


def test_episode_does_not_depend_on_the_others(expected: Availability) -> None:
    alone, among = drawn(expected, [5], **NOISE), drawn(expected, [9, 5, 0], **NOISE)
    for kind in KINDS:
        assert getattr(alone, kind)[0].tobytes() == getattr(among, kind)[1].tobytes()


def test_kind_does_not_depend_on_the_noise_of_the_others(expected: Availability) -> None:
    alone, among = drawn(expected, [5], wt=NOISE["wt"]), drawn(expected, [5], **NOISE)
    assert alone.wt_kw.tobytes() == among.wt_kw.tobytes()


def test_seed_and_episode_matter(expected: Availability) -> None:
    powers = [drawn(expected, [e], seed=s, **NOISE).pv_kw.tobytes() for s, e in ((1, 0), (2, 0), (1, 1))]
    assert len(set(powers)) == 3


def test_slot_takes_one_slot_of_all(expected: Availability) -> None:
    slot = drawn(expected, [0, 1], **NOISE).slot(3)
    assert slot.load_kw.shape == (2, 5)
    assert slot.pv_kw.tobytes() == drawn(expected, [0, 1], **NOISE).pv_kw[:, 3].tobytes()
