"""Flows of simulated vehicles against the user equilibrium of their trips, on Sioux Falls, vehicles ever smaller.

python tests/benchmarks/static_limit.py
"""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np

import cosim

SCENARIO = Path(__file__).parents[2] / "scenarios" / "outage_siouxfalls.yaml"
FLOW = (
    "congestion.base_flow={{kind: simulated, trips: data/siouxfalls/SiouxFalls_trips.tntp, weight: {weight}, "
    "routing: {routing}, update_s: {update_s}, warm_up_s: 3600, gap: 1.0e-5}}"
)
CASES = (
    ("fixed", 20, 300),
    ("departure", 100, 300),
    ("departure", 20, 300),
    ("departure", 20, 60),
    ("nodes", 20, 60),
    ("nodes", 5, 20),
    ("nodes", 2, 10),
)


def main() -> None:
    print("routing    vehicles per one  update [s]  mean deviation  greatest  CPU s")
    for routing, weight, update_s in CASES:
        flow = FLOW.format(weight=weight, routing=routing, update_s=update_s)
        overrides = ["network.engine=lindistflow", "controller.name=idle", "fleet.size=1", flow]
        expected_vph = cosim.load(SCENARIO, overrides).base_flow_vph[0]
        began = time.process_time()
        records = cosim.run(SCENARIO, episodes=1, overrides=overrides).records
        spent_s = time.process_time() - began
        assert records is not None
        flow_vph = records["road_slots"].cube("flow_vph")[0, 2:].mean(axis=0)
        off = np.abs(flow_vph - expected_vph)
        print(
            f"{routing:10} {weight:16} {update_s:11} {off.sum() / expected_vph.sum():15.2%} "
            f"{(off / expected_vph).max():9.1%} {spent_s:6.1f}"
        )


if __name__ == "__main__":
    main()
