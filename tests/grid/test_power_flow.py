"""Every engine against pandapower, and against what can be worked by hand."""

from collections.abc import Iterator

import numpy as np
import pandapower
import pytest
from grid_cases import ENGINE_NAMES, case33bw, column, outage, run

from cosim.errors import ScenarioError
from cosim.grid.feeder import Feeder, build_feeder
from cosim.grid.power_flow import ENGINES, NotConvergedError, PowerFlowResult, find_engine, open_engine
from cosim.interface import Floats

AC_NAMES = [engine.name for engine in ENGINES if engine.exact]
FIELDS = ("vm_pu", "slack_p_mw", "slack_q_mvar")


@pytest.fixture(scope="module")
def feeder() -> Feeder:
    return outage().network.stages[0].feeder


@pytest.fixture(scope="module")
def drawn() -> tuple[Floats, Floats]:
    """200 injections of the five islands, mostly drawn, some fed in [MW, Mvar]."""
    random = np.random.default_rng(1)
    return random.uniform(-0.25, 0.35, (200, 33)), random.uniform(-0.1, 0.2, (200, 33))


@pytest.fixture(scope="module")
def reference(feeder: Feeder, drawn: tuple[Floats, Floats]) -> Iterator[PowerFlowResult]:
    return open_engine("pandapower", feeder).solve(*drawn)


def two_buses(**line: float) -> Feeder:
    """10 kV, 1.02 p.u. at bus 0, a line of 5 km to bus 1; 0.8 MW and 0.3 Mvar are drawn there below."""
    net = pandapower.create_empty_network(f_hz=line.pop("f_hz", 50.0))
    for _ in range(2):
        pandapower.create_bus(net, 10.0)
    values = {"length_km": 5.0, "r_ohm_per_km": 0.2, "x_ohm_per_km": 0.1, "c_nf_per_km": 0.0, "max_i_ka": 1.0}
    pandapower.create_line_from_parameters(net, 0, 1, **(values | line))
    return build_feeder(net, [0], [1.02])


def solve_two_buses(engine: str, **line: float) -> PowerFlowResult:
    return open_engine(engine, two_buses(**line)).solve(np.array([[0.0, 0.8]]), np.array([[0.0, 0.3]]))


# ------------------------------------------------------------------------------------------ conformance


@pytest.mark.parametrize("name", [name for name in AC_NAMES if name != "pandapower"])
def test_ac_engine_agrees_with_pandapower(name, feeder, drawn, reference) -> None:
    result = open_engine(name, feeder).solve(*drawn)
    for field in FIELDS:
        assert getattr(result, field) == pytest.approx(getattr(reference, field), abs=1e-6)


def test_linear_engine_is_near_pandapower(feeder, drawn, reference) -> None:
    result = open_engine("lindistflow", feeder).solve(*drawn)
    error_pu = np.abs(result.vm_pu - reference.vm_pu)
    assert error_pu.max() < 1.31e-3
    assert error_pu.mean() < 6.3e-5


@pytest.mark.parametrize("name", ["outage_33bus", "outage_33bus_deterministic"])
def test_linear_engine_is_near_pandapower_in_the_scenarios(name: str) -> None:
    voltages = []
    for engine in ("lindistflow", "pandapower"):
        slots = run(outage(f"network.engine={engine}", name=name).grid_model(), [0])
        voltages.append(np.stack([slot.buses.vm_pu for slot in slots]))
    error_pu = np.abs(voltages[0] - voltages[1])
    assert error_pu.max() < 4.9e-4
    assert error_pu.mean() < 7.4e-5


@pytest.mark.parametrize("name", AC_NAMES)
def test_intact_feeder_has_its_published_voltage_and_losses(name: str) -> None:
    net = case33bw()
    p_mw, q_mvar = np.zeros((2, 1, 33))
    np.add.at(p_mw[0], net.load.bus, net.load.p_mw)
    np.add.at(q_mvar[0], net.load.bus, net.load.q_mvar)
    result = open_engine(name, build_feeder(net, [0], [1.0])).solve(p_mw, q_mvar)
    assert result.vm_pu.argmin() == 17
    assert result.vm_pu.min() == pytest.approx(0.91309, abs=1e-5)
    assert (result.slack_p_mw - p_mw.sum()) * 1000 == pytest.approx(202.68, abs=0.01)


# ---------------------------------------------------------------------------------------------- two buses


@pytest.mark.parametrize("name", AC_NAMES)
def test_two_buses_by_hand(name: str) -> None:
    # r = 1 ohm, x = 0.5 ohm, P = 0.8 MW, Q = 0.3 Mvar at the far end, E = 10.2 kV.
    # v = V^2 solves v^2 + (2 (r P + x Q) - E^2) v + (r^2 + x^2) (P^2 + Q^2) = 0.
    # 2 (0.8 + 0.15) - 104.04 = -102.14; 1.25 * 0.73 = 0.9125
    # v = (102.14 + sqrt(102.14^2 - 4 * 0.9125)) / 2 = 102.1310654021; V = 10.105991559571 kV
    # Losses are (P^2 + Q^2) / v times r and x: 0.73 / 102.1310654021 = 0.00714767830 MW, half of it in Mvar.
    result = solve_two_buses(name)
    assert result.vm_pu[0] == pytest.approx([1.02, 1.010599155957], abs=1e-9)
    assert result.slack_p_mw[0, 0] == pytest.approx(0.8071476783, abs=1e-7)
    assert result.slack_q_mvar[0, 0] == pytest.approx(0.3035738392, abs=1e-7)


def test_two_buses_by_the_linear_formula() -> None:
    # (r P + x Q) / V_n^2 = (1 * 0.8 + 0.5 * 0.3) / 100 = 0.0095
    result = solve_two_buses("lindistflow")
    assert result.vm_pu[0] == pytest.approx([1.02, 1.0105], abs=1e-12)
    assert (result.slack_p_mw[0, 0], result.slack_q_mvar[0, 0]) == (0.8, 0.3)


def test_linear_voltages_count_the_shared_way_only() -> None:
    # 0 - 1 - 2 and 1 - 3, each 1 ohm at 10 kV; 1 MW at bus 2 drops 0.01 p.u. on 0-1 and 0.01 on 1-2.
    net = pandapower.create_empty_network()
    for _ in range(4):
        pandapower.create_bus(net, 10.0)
    for ends in ((1, 0), (1, 2), (3, 1)):
        pandapower.create_line_from_parameters(net, *ends, 1.0, 1.0, 0.0, 0.0, 1.0)
    engine = open_engine("lindistflow", build_feeder(net, [0], [1.0]))
    result = engine.solve(np.array([[0.0, 0.0, 1.0, 0.0]]), np.zeros((1, 4)))
    assert result.vm_pu[0] == pytest.approx([1.0, 0.99, 0.98, 0.99], abs=1e-12)


@pytest.mark.parametrize("name", AC_NAMES)
@pytest.mark.parametrize(
    "line",
    [{"parallel": 2}, {"c_nf_per_km": 300.0}, {"c_nf_per_km": 300.0, "parallel": 2}, {"c_nf_per_km": 300, "f_hz": 60}],
)
def test_line_agrees_with_a_plain_pandapower_run(name: str, line: dict[str, float]) -> None:
    result = solve_two_buses(name, **line)
    net = two_buses(**line).net
    pandapower.create_load(net, 1, p_mw=0.8, q_mvar=0.3)
    pandapower.runpp(net, numba=False)
    assert result.vm_pu[0] == pytest.approx(net.res_bus.vm_pu.to_numpy(), abs=1e-8)
    assert result.slack_p_mw[0] == pytest.approx(net.res_ext_grid.p_mw.to_numpy(), abs=1e-7)
    assert result.slack_q_mvar[0] == pytest.approx(net.res_ext_grid.q_mvar.to_numpy(), abs=1e-7)


def test_parallel_lines_halve_the_linear_drop() -> None:
    assert solve_two_buses("lindistflow", parallel=2).vm_pu[0, 1] == pytest.approx(1.02 - 0.0095 / 2, abs=1e-12)


# ------------------------------------------------------------------------------- batches and what has no solution


@pytest.mark.parametrize("name", ENGINE_NAMES)
def test_case_has_the_same_bits_in_any_batch(name, feeder, drawn) -> None:
    p_mw, q_mvar = drawn
    engine = open_engine(name, feeder)
    sixteen = engine.solve(p_mw[:16], q_mvar[:16])
    for cases in (slice(9, 10), slice(4, 11)):
        fewer = engine.solve(p_mw[cases], q_mvar[cases])
        for field in FIELDS:
            assert getattr(fewer, field).tobytes() == getattr(sixteen, field)[cases].tobytes()


@pytest.mark.parametrize("name", AC_NAMES)
@pytest.mark.parametrize(("impossible", "first"), [([3, 5], 3), ([0], 0), ([6], 6)])
def test_first_case_without_solution_is_named(name, impossible, first, feeder, drawn) -> None:
    p_mw, q_mvar = drawn[0][:7].copy(), drawn[1][:7]
    p_mw[impossible] *= 1000
    with pytest.raises(NotConvergedError) as caught:
        open_engine(name, feeder).solve(p_mw, q_mvar)
    assert caught.value.case == first


@pytest.mark.parametrize("name", AC_NAMES)
def test_engine_goes_on_after_a_case_without_solution(name, feeder, drawn) -> None:
    p_mw, q_mvar = drawn[0][:1], drawn[1][:1]
    engine = open_engine(name, feeder)
    before = engine.solve(p_mw, q_mvar).vm_pu
    with pytest.raises(NotConvergedError):
        engine.solve(p_mw * 1000, q_mvar)
    assert engine.solve(p_mw, q_mvar).vm_pu.tobytes() == before.tobytes()


def test_engines_are_listed_by_name() -> None:
    assert tuple(engine.name for engine in ENGINES) == ENGINE_NAMES
    assert find_engine("pandapower").cls == "PandapowerFlow"


def test_unknown_engine_is_a_mistake() -> None:
    with pytest.raises(ScenarioError) as caught:
        find_engine("opendes")
    assert str(caught.value) == (
        "network.engine: must be one of 'lindistflow', 'lindistflow-losses', 'power-grid-model', 'pandapower', "
        "'opendss', or module:Class, got 'opendes'"
    )


@pytest.mark.parametrize(
    ("name", "losses_kwh"), [("lindistflow", 0.0), ("lindistflow-losses", 120.40), ("power-grid-model", 120.42)]
)
def test_losses_of_the_outage(name: str, losses_kwh: float) -> None:
    # MG1..5 with AC: (9.01 + 43.53 + 184.68 + 1.56 + 2.06) kW summed over the slots, times half an hour.
    slots = run(outage(f"network.engine={name}").grid_model(), [0])
    assert column(slots, "losses_kwh").sum() == pytest.approx(losses_kwh, abs=0.01)
