"""LinDistFlow corrected for losses: by hand on one line, and how near it is to the AC equations."""

from __future__ import annotations

import numpy as np
import pandapower
import pytest
from grid_cases import case33bw

from cosim.grid.feeder import Feeder, build_feeder
from cosim.grid.power_flow import NotConvergedError, PowerFlowResult, open_engine
from cosim.interface import Floats

NAME = "lindistflow-losses"
OPENED = ((1, 2), (4, 5), (5, 6), (11, 12))


def one_line(*, slack_first: bool = True, **line: float) -> Feeder:
    """10 kV, 1.02 p.u. at one end of a line of 1 ohm and 0.5 ohm."""
    net = pandapower.create_empty_network()
    for _ in range(2):
        pandapower.create_bus(net, 10.0)
    values = {"length_km": 5.0, "r_ohm_per_km": 0.2, "x_ohm_per_km": 0.1, "c_nf_per_km": 0.0, "max_i_ka": 1.0}
    pandapower.create_line_from_parameters(net, *((0, 1) if slack_first else (1, 0)), **(values | line))
    return build_feeder(net, [0], [1.02])


def feeder33(kind: str) -> Feeder:
    """The 33-bus feeder as it is, with its tie lines closed as well, or in five islands."""
    net = case33bw()
    if kind == "loops":
        net.line["in_service"] = True
    if kind != "islands":
        return build_feeder(net, [0], [1.0])
    for ends in OPENED:
        net.line.loc[net.line.from_bus.isin(ends) & net.line.to_bus.isin(ends), "in_service"] = False
    return build_feeder(net, [1, 2, 5, 6, 12], [1.0] * 5)


def rated(cases: int = 1) -> tuple[Floats, Floats]:
    """The loads of the 33-bus feeder, from a case of none to a case of all of them [MW, Mvar]."""
    net = case33bw()
    p_mw, q_mvar = np.zeros((2, 33))
    np.add.at(p_mw, net.load.bus, net.load.p_mw)
    np.add.at(q_mvar, net.load.bus, net.load.q_mvar)
    share = np.linspace(0.0, 1.0, cases)[:, None] if cases > 1 else np.ones((1, 1))
    return share * p_mw, share * q_mvar


def solve(feeder: Feeder, p_mw: Floats, q_mvar: Floats, engine: str = NAME) -> PowerFlowResult:
    return open_engine(engine, feeder).solve(p_mw, q_mvar)


# ------------------------------------------------------------------------------------------------- one line


@pytest.mark.parametrize("slack_first", [True, False])
def test_one_line_by_hand(slack_first: bool) -> None:
    # Per unit of 1 MVA and 10 kV: r = 0.01, x = 0.005, P = 0.8, Q = 0.3, E^2 = 1.0404.
    # Without losses V^2 = 1.0404 - 2 (0.008 + 0.0015) = 1.0214, in the middle 1.0309;
    # I^2 = (0.64 + 0.09) / 1.0309 = 0.70811912; half the losses 0.00354060 MW and 0.00177030 Mvar.
    # With those V^2 = 1.0214 - 2 (0.01 * 0.00354060 + 0.005 * 0.00177030) = 1.02131149, in the middle 1.03085574;
    # P' = 0.80354060, Q' = 0.30177030, I^2 = 0.73674281 / 1.03085574 = 0.71469051.
    # Losses 0.00714691 MW and 0.00357345 Mvar; V^2 = 1.0214 - 0.0000625 * 2 * 0.71469051 = 1.02131066.
    found = solve(one_line(slack_first=slack_first), np.array([[0.0, 0.8]]), np.array([[0.0, 0.3]]))
    assert found.vm_pu[0] == pytest.approx([1.02, np.sqrt(1.02131066)], abs=1e-8)
    assert found.slack_p_mw[0, 0] == pytest.approx(0.8 + 0.00714691, abs=1e-8)
    assert found.slack_q_mvar[0, 0] == pytest.approx(0.3 + 0.00357345, abs=1e-8)


@pytest.mark.parametrize("p_mw", [-3.0, -0.8, 0.0, 0.8, 3.0])
def test_one_line_is_near_the_quadratic(p_mw: float) -> None:
    # v^2 + (2 (r P + x Q) - E^2) v + (r^2 + x^2) (P^2 + Q^2) = 0, v = V^2; losses r (P^2 + Q^2) / v.
    q_mvar = 0.375 * p_mw
    b = 2 * (0.01 * p_mw + 0.005 * q_mvar) - 1.0404
    squared = p_mw**2 + q_mvar**2
    v = (-b + np.sqrt(b * b - 4 * 0.000125 * squared)) / 2
    found = solve(one_line(), np.array([[0.0, p_mw]]), np.array([[0.0, q_mvar]]))
    assert found.vm_pu[0, 1] == pytest.approx(np.sqrt(v), abs=8e-6)
    assert found.slack_p_mw[0, 0] - p_mw == pytest.approx(0.01 * squared / v, rel=2e-3)


@pytest.mark.parametrize("line", [{"c_nf_per_km": 300.0}, {"c_nf_per_km": 300.0, "parallel": 2}])
@pytest.mark.parametrize("p_mw", [0.0, 0.8])
def test_what_a_line_charges_counts(p_mw: float, line: dict[str, float]) -> None:
    drawn = np.array([[0.0, p_mw]]), np.array([[0.0, 0.0]])
    found, expected = (solve(one_line(**line), *drawn, engine=engine) for engine in (NAME, "pandapower"))
    assert found.vm_pu == pytest.approx(expected.vm_pu, abs=1e-7)
    assert found.slack_p_mw == pytest.approx(expected.slack_p_mw, abs=2e-6)
    assert found.slack_q_mvar == pytest.approx(expected.slack_q_mvar, abs=2e-6)


# -------------------------------------------------------------------------------------------- the 33-bus feeder


def test_intact_feeder_is_near_its_published_voltage_and_losses() -> None:
    p_mw, q_mvar = rated()
    found = solve(feeder33("intact"), p_mw, q_mvar)
    assert found.vm_pu.argmin() == 17
    assert found.vm_pu.min() == pytest.approx(0.91309, abs=2e-5)
    losses_kw = 1000 * (found.slack_p_mw[0, 0] - p_mw.sum())
    assert losses_kw == pytest.approx(202.68 * (1 - 0.0042), abs=0.01)


# As measured; without the correction voltages are off by 6.4e-3, 1.8e-3 and 8.9e-4 p.u.
@pytest.mark.parametrize(
    ("kind", "error_pu", "share"), [("intact", 7e-6, 2.7e-3), ("loops", 6.6e-6, 5.6e-4), ("islands", 1.5e-7, 2.9e-4)]
)
def test_error_against_ac(kind: str, error_pu: float, share: float) -> None:
    p_mw, q_mvar = rated(11)
    feeder = feeder33(kind)
    found, expected = (solve(feeder, p_mw, q_mvar, engine) for engine in (NAME, "power-grid-model"))
    assert np.abs(found.vm_pu - expected.vm_pu).max() < error_pu
    drawn_mw = feeder.per_island(p_mw)
    losses_mw, expected_mw = found.slack_p_mw - drawn_mw, expected.slack_p_mw - drawn_mw
    assert losses_mw.sum() == pytest.approx(expected_mw.sum(), rel=share)


@pytest.mark.parametrize("kind", ["intact", "loops", "islands"])
def test_losses_are_never_below_zero(kind: str) -> None:
    random = np.random.default_rng(4)
    p_mw, q_mvar = random.uniform(-0.3, 0.3, (50, 33)), random.uniform(-0.1, 0.1, (50, 33))
    p_mw[0], q_mvar[0] = 0.0, 0.0
    feeder = feeder33(kind)
    found = solve(feeder, p_mw, q_mvar)
    losses_mw = found.slack_p_mw - feeder.per_island(p_mw)
    assert (losses_mw >= 0.0).all()
    assert (losses_mw[0] == 0.0).all()


# ------------------------------------------------------------------------------------------------ what may happen


def test_first_case_without_voltage_is_named_and_the_next_is_as_before() -> None:
    p_mw, q_mvar = rated(7)
    engine = open_engine(NAME, feeder33("intact"))
    before = engine.solve(p_mw, q_mvar)
    beyond = p_mw.copy()
    beyond[2] *= 80.0  # with its losses only
    beyond[5] *= 1000.0  # at once
    with pytest.raises(NotConvergedError) as caught:
        engine.solve(beyond, q_mvar)
    assert caught.value.case == 2
    assert engine.solve(p_mw, q_mvar).vm_pu.tobytes() == before.vm_pu.tobytes()


def test_a_bus_alone_has_the_voltage_of_its_source() -> None:
    net = pandapower.create_empty_network()
    pandapower.create_bus(net, 10.0)
    found = solve(build_feeder(net, [0], [1.01]), np.array([[0.4]]), np.array([[0.1]]))
    assert found.vm_pu.tolist() == [[1.01]]
    assert (found.slack_p_mw.item(), found.slack_q_mvar.item()) == (0.4, 0.1)
