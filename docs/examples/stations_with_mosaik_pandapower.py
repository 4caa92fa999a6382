"""Our stations on a feeder of mosaik-pandapower-2: what they draw, and the voltages that follow."""

import mosaik

SLOT_S, SLOTS = 1800, 12
SIMULATORS = {
    "Traffic": {"python": "cosim.simulators.hosted_traffic:HostedTraffic"},
    "Feeder": {"python": "mosaik_components.pandapower:Simulator"},
    "Output": {"python": "mosaik.basic_simulators:OutputSimulator"},
}


def limit_mw(vm_pu):
    """What a station may draw after a slot in which its bus had a voltage."""
    return 0.3 if vm_pu > 0.92 else 0.05


def simulate(by_voltage):
    """An outage on the feeder: power of each station [MW] and voltage at its bus, by time."""
    world = mosaik.World(SIMULATORS, skip_greetings=True, configure_logging=False)
    traffic = world.start("Traffic", scenario="scenarios/outage_33bus.yaml", controller="coordinated").Traffic()
    feeder = world.start("Feeder", step_size=SLOT_S).Grid(network_function="case33bw")
    bus = {entity.eid: entity for entity in feeder.children}
    outputs = world.start("Output")
    output = outputs.Dict()
    seen = outputs.get_dict(output.eid)

    for station in traffic.children:
        if station.type != "Station":
            continue
        at = bus[f"Bus-{station.extra_info['bus']}"]
        world.connect(station, at, ("p_mw", "P_load[MW]"), ("q_mvar", "Q_load[MVar]"))
        if by_voltage:
            # Back to the station, one slot later; in the first slot the voltage is taken to be 1.
            back = {"time_shifted": True, "initial_data": {"Vm[pu]": 1.0}, "transform": limit_mw}
            world.connect(at, station, ("Vm[pu]", "charge_limit_mw"), **back)
        world.connect(station, output, "p_mw")
        world.connect(at, output, "Vm[pu]")
    world.run(until=SLOTS * SLOT_S, print_progress=False)
    return seen


if __name__ == "__main__":
    for by_voltage in (False, True):
        print("limits from voltages" if by_voltage else "limits of the scenario's microgrids")
        print("   h  " + "  ".join(f"CDS{h} MW   p.u." for h in range(1, 6)))
        for time, values in simulate(by_voltage).items():
            columns = zip(values["p_mw"].values(), values["Vm[pu]"].values(), strict=True)
            print(f"{time / 3600:4.1f}  " + "  ".join(f"{p_mw:7.3f} {vm_pu:6.4f}" for p_mw, vm_pu in columns))
