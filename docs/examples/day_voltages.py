"""Voltages of a day, bus by bus, from a run folder.

cosim run scenarios/day_33bus.yaml --controller coordinated --episodes 1 --out runs/day
python docs/examples/day_voltages.py runs/day day.svg
"""

from __future__ import annotations

import sys

import matplotlib.pyplot as plt

import cosim


def main(folder: str, picture: str) -> None:
    """Draw the voltages of a run's first episode."""
    records = cosim.read_records(folder, episodes=[0])
    slots, buses, microgrids = (records[name].frame() for name in ("bus_slots", "buses", "microgrids"))
    # In the dark a bus has no voltage.
    vm_pu = slots.pivot(index="slot", columns="bus", values="vm_pu").where(lambda value: value > 0.0)
    figure, axes = plt.subplots(figsize=(9, 4.5), layout="constrained")
    for number, name in enumerate(microgrids.name):
        of_microgrid = vm_pu.loc[:, (buses.microgrid == number).to_numpy()]
        lines = axes.plot(vm_pu.index / 2.0 + 0.25, of_microgrid, color=f"C{number}", linewidth=1.0, alpha=0.8)
        lines[0].set_label(name)
    axes.axvspan(10.0, 16.0, color="0.93", zorder=0)
    axes.text(13.0, 1.0465, "utility out", ha="center", va="center", color="0.4")
    axes.set(
        xlabel="hour of the day", ylabel="voltage [p.u.]", xlim=(0, 24), ylim=(0.955, 1.05), xticks=range(0, 25, 2)
    )
    axes.grid(alpha=0.3)
    axes.legend(ncols=6, loc="upper center", bbox_to_anchor=(0.5, 1.12), frameon=False)
    figure.savefig(picture)


if __name__ == "__main__":
    main(*sys.argv[1:3])
