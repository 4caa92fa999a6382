from pathlib import Path

import pytest

from cosim.scenario.checks import check_sections
from cosim.scenario.loader import parse_scenario

SCENARIO = Path(__file__).parents[2] / "scenarios" / "outage_33bus.yaml"


DAY = SCENARIO.with_name("v2g_day.yaml")


@pytest.mark.parametrize(
    ("overrides", "issues"),
    [
        ([], []),
        (
            ["fleet.start.place=random_node"],
            ["fleet.start.place: must be 'round_robin' or 'random_station', where EVs that commute are at home"],
        ),
        (["fleet.commute.soc_needed=0.97"], ["fleet.commute.soc_needed: must be at most soc_max, 0.95, got 0.97"]),
        (
            ["fleet.commute.departure.mean=08:00"],
            [
                "fleet.commute.departure: within three standard deviations must be from hour 12 to 36, got 5 to 11",
                "fleet.commute.departure: must be a slot after the latest arrival, hour 21, also where it is earliest, "
                "got 5",
            ],
        ),
        (
            ["fleet.commute.arrival.std_h=4"],
            [
                "fleet.commute.arrival: within three standard deviations must be from hour 12 to 36, got 6 to 30",
                "fleet.commute.departure: must be a slot after the latest arrival, hour 30, also where it is earliest, "
                "got 29",
            ],
        ),
        (
            [
                "clock.slots=1",
                "clock.slot_s=86400",
                "fleet.commute.arrival={mean: '12:00', std_h: 0}",
                "fleet.commute.departure={mean: '36:00', std_h: 0}",
            ],
            ["clock.slots: must be at least 2 where EVs commute, got 1"],
        ),
        (
            ["tariff.profile=prize"],
            [
                "tariff.profile: no profile is named 'prize'; did you mean 'price'? "
                "(known: load, price, pv, traffic, wt)"
            ],
        ),
        (["tariff=null"], ["reward.form: 'v2g' needs a price of energy; give tariff"]),
        (["fleet.commute=null"], ["reward.form: 'v2g' needs EVs that commute; give fleet.commute"]),
    ],
)
def test_mistakes_of_a_day_of_commuters(overrides, issues):
    parsed = parse_scenario(DAY, overrides)
    found = check_sections(parsed.sections)
    assert [str(issue) for issue in found] == issues


@pytest.mark.parametrize(
    ("overrides", "issues"),
    [
        ([], []),
        (
            ["profiles.wt.hours=[10, 12, 12, 11]"],
            [
                "profiles.wt.hours.2: must be above the hour before, 12, got 12",
                "profiles.wt.hours.3: must be above the hour before, 12, got 11",
            ],
        ),
        (["profiles.wt.values=[1]"], ["profiles.wt.values: must have as many values as there are hours, 4, got 1"]),
        (
            ["reward.form=ratio", "reward.credit=individual"],
            ["reward.credit: 'individual' needs form 'avoided', got 'ratio'"],
        ),
        (["network.case=null"], ["network: must have either case or file, got neither"]),
        (["network.file=net.json"], ["network.file: must be left out when case is given"]),
        (
            ["network.microgrids.3.name=MG1"],
            ["network.microgrids.3.name: 'MG1' is already the name of network.microgrids.0"],
        ),
        (
            ["network.microgrids.3.dg.vm_pu=1.06"],
            ["network.microgrids.3.dg.vm_pu: must be in the band, 0.95 to 1.05, got 1.06"],
        ),
        (
            ["network.microgrids.1.ess.soc_min=0.9"],
            [
                "network.microgrids.1.ess.soc_min: must be below soc_max, 0.9, got 0.9",
                "network.microgrids.1.ess.soc_start: must be from soc_min 0.9 to soc_max 0.9, got 0.5",
            ],
        ),
        (
            ["network.microgrids.1.ess.soc_start=0.95"],
            ["network.microgrids.1.ess.soc_start: must be from soc_min 0.1 to soc_max 0.9, got 0.95"],
        ),
        (["stations.2.position_km=null"], ["stations.2: must have either node or position_km, got neither"]),
        (["stations.2.node=4"], ["stations.2.position_km: must be left out when node is given"]),
        (["stations.4.name=CDS1"], ["stations.4.name: 'CDS1' is already the name of stations.0"]),
        (
            ["fleet.soc_min=0.95"],
            [
                "fleet.soc_min: must be below soc_max, 0.95, got 0.95",
                "fleet.start.soc: with soc_spread must be from soc_min 0.95 to soc_max 0.95, got 0.5 to 0.7",
            ],
        ),
        (
            ["fleet.start.soc=0.9"],
            ["fleet.start.soc: with soc_spread must be from soc_min 0.1 to soc_max 0.95, got 0.8 to 1"],
        ),
        (["fleet.start.soc_spread=0.5", "fleet.soc_max=1", "fleet.start.soc=0.6"],
            ["fleet.start.soc: with soc_spread must be from soc_min 0.1 to soc_max 1, got 0.1 to 1.1"]),
        (["fleet.start.soc_spread=0.5", "fleet.soc_max=1", "fleet.start.soc=0.5", "fleet.soc_min=0"], []),
        (["fleet.start.soc_spread=0.5", "fleet.soc_max=1", "fleet.start.soc=0.6", "fleet.soc_min=0.1",
            "fleet.start.soc=0.5", "fleet.start.soc_spread=0.4"], []),
        (
            ["congestion.base_flow.road_factor.low=1.3"],
            ["congestion.base_flow.road_factor.low: must be at most high, 1.2, got 1.3"],
        ),
        (
            ["congestion.base_flow={kind: tntp, file: x_flow.tntp}"],
            ["congestion.base_flow.kind: 'tntp' needs roads of kind 'tntp' or 'list', got 'lattice'"],
        ),
        (
            ["congestion.base_flow.profile=trafic"],
            [
                "congestion.base_flow.profile: no profile is named 'trafic'; did you mean 'traffic'? "
                "(known: load, pv, traffic, wt)"
            ],
        ),
        (
            ["network.microgrids.0.load.profile=x", "network.microgrids.0.load.q_profile=lod"],
            [
                "network.microgrids.0.load.profile: no profile is named 'x'; known: load, pv, traffic, wt",
                "network.microgrids.0.load.q_profile: no profile is named 'lod'; did you mean 'load'? "
                "(known: load, pv, traffic, wt)",
            ],
        ),
        (
            ["network.microgrids.2.pv.profile=sun", "network.microgrids.2.wt.profile=wind"],
            [
                "network.microgrids.2.pv.profile: no profile is named 'sun'; known: load, pv, traffic, wt",
                "network.microgrids.2.wt.profile: no profile is named 'wind'; known: load, pv, traffic, wt",
            ],
        ),
    ],
)  # fmt: skip
def test_checks(overrides, issues):
    sections = parse_scenario(SCENARIO, overrides).sections
    assert [str(issue) for issue in check_sections(sections)] == issues


def test_checks_of_missing_sections_are_left_out():
    assert check_sections({}) == []
    sections = parse_scenario(SCENARIO, ["stations.1.name=CDS1", "network.microgrids.0.pv.profile=sun"]).sections
    assert len(check_sections(sections)) == 2
    del sections["profiles"]
    assert [issue.path for issue in check_sections(sections)] == ["stations.1.name"]
