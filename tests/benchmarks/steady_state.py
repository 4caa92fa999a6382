"""Simulated stations against exact values, at length: `python tests/benchmarks/steady_state.py`.

20 replications of each model, long enough that intervals of the mean wait are narrower than 3 % on either side. Says of
every value whether it is within simultaneous intervals: a right program passes in 99 of 100 runs.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import scipy.stats
import yaml

from cosim.queueing.plan import make_plan
from cosim.queueing.study import Request, run_study
from cosim.scenario.study_loader import load_study

HALF = {"kind": "exponential", "mean": 0.5}
#: Station, customers, hours of a replication.
MODELS: dict[str, tuple[dict[str, Any], dict[str, Any], float]] = {
    "M/M/1": ({"chargers": 1}, {"per_h": 1.5}, 60_000),
    "M/M/2": ({"chargers": 2}, {"per_h": 3.0}, 25_000),
    "M/M/4": ({"chargers": 4}, {"per_h": 6.0}, 9_000),
    "M/D/4": ({"chargers": 4}, {"per_h": 6.0, "service_h": {"kind": "constant", "value": 0.5}}, 5_000),
    "M/M/10": ({"chargers": 10}, {"per_h": 16.0}, 6_000),
    "M/M/4/8": ({"chargers": 4, "waiting_places": 4}, {"per_h": 8.0}, 2_500),
    "M/M/4/4": ({"chargers": 4, "waiting_places": 0}, {"per_h": 6.0}, 2_500),
    "M/M/4+M": ({"chargers": 4}, {"per_h": 9.0, "patience_h": HALF}, 2_500),
}
MEASURES = (
    "waiting_probability",
    "waiting_time_mean_h",
    "queue_length_mean",
    "utilisation",
    "blocked_share",
    "reneged_share",
)
REPLICATIONS = 20
#: Share of runs of a right program in which all values are within their intervals.
SIMULTANEOUS = 0.99
NARROW = 0.03


def study(station: dict[str, Any], cars: dict[str, Any], hours: float) -> dict[str, Any]:
    wishes = {"service_h": HALF, **{name: value for name, value in cars.items() if name != "per_h"}}
    customers = {"name": "cars", "station": "A", "arrivals": {"kind": "poisson", "per_h": cars["per_h"]}, **wishes}
    return {
        "version": 1,
        "kind": "queue",
        "name": "steady",
        "seed": 11,
        "clock": {"hours": hours},
        "stations": [{"name": "A", **station}],
        "customers": [customers],
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shorter", type=float, default=1.0, metavar="N", help="divide all lengths by N")
    options = parser.parse_args()
    level = 1.0 - (1.0 - SIMULTANEOUS) / (len(MODELS) * len(MEASURES))
    wider = scipy.stats.t.ppf(0.5 + level / 2.0, REPLICATIONS - 1) / scipy.stats.t.ppf(0.975, REPLICATIONS - 1)
    wrong = wide = 0
    customers, begun_s = 0.0, time.process_time()
    print("model    measure               exact      simulated  95 % half-width  within")
    for model, (station, cars, hours) in MODELS.items():
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "study.yaml"
            path.write_text(yaml.safe_dump(study(station, cars, hours / options.shorter)))
            found = run_study(make_plan(load_study(path)), Request(REPLICATIONS, warm_up_h=50.0, theory=True))
        exact = found.theory["A"].values
        assert exact is not None
        assert exact.model == model
        customers += REPLICATIONS * (found.stations["A"]["arrivals"].mean or 0.0)
        for measure in MEASURES:
            value, estimate = getattr(exact, measure), found.stations["A"][measure]
            if value == 0.0 and estimate.mean == 0.0:
                continue
            half = estimate.high - estimate.mean
            within = abs(estimate.mean - value) <= half * wider
            wrong += not within
            wide += measure == "waiting_time_mean_h" and half > NARROW * value
            print(
                f"{model:8} {measure:20}  {value:9.6f}  {estimate.mean:9.6f}  {100.0 * half / value:6.2f} %"
                f"          {'yes' if within else 'NO'}"
            )
    cpu_s = time.process_time() - begun_s
    print(f"{customers:,.0f} customers in {cpu_s:.0f} s of CPU, {customers / cpu_s:,.0f} per second, measures included")
    print(f"{wrong} values outside simultaneous {100 * SIMULTANEOUS:.0f} % intervals; {wide} mean waits wider than 3 %")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
