"""Steps the simulators slot by slot without mosaik, for whoever holds the clock: same order, same connections."""

from __future__ import annotations

from typing import Any

from cosim.world import Simulators


class PlainLoop:
    """The simulators of a run, stepped in the order of the World.

    Args:
        simulators: The simulators, at the first tick of their schedule.

    Attributes:
        simulators: The same.
        tick: Slots that were stepped.
    """

    def __init__(self, simulators: Simulators) -> None:
        self.simulators = simulators
        self._by_name = simulators.by_name()
        self._connections = simulators.connections()
        self._held = simulators.first_ports()
        self._due = dict.fromkeys(self._by_name, 0)
        self.tick = 0

    def received(self, name: str) -> dict[str, Any]:
        """Value of each input port that a simulator has now.

        Args:
            name: The simulator, as `CONNECTIONS` has it.
        """
        values = {}
        for source, target, ports, shifted in self._connections:
            if target == name:
                sent = self._held[source] if shifted else self._by_name[source].ports
                values.update({into: sent[out] for out, into in ports})
        return values

    def step(self) -> None:
        """Go through one slot.

        Raises:
            CosimError: Whatever a simulator raises on purpose.
        """
        for name, simulator in self._by_name.items():
            if self.tick == self._due[name]:
                simulator.advance(self.tick, self.received(name))
                self._due[name] = simulator.tick_after(self.tick)
        self._held = {name: self._by_name[name].ports for name in self._held}
        self.tick += 1
