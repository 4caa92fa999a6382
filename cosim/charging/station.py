"""A station: chargers, a queue in order of arrival, and a power limit shared in order of plugging in.

Everything that changes at one instant is settled together, after all that happens at that instant: so equal
times are ordered by EV number, never by the order in which events were scheduled.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import simpy

from cosim.charging.battery import Battery
from cosim.charging.tally import StationTally
from cosim.charging.timing import call_after
from cosim.charging.visit import Request


class ChargingStation:
    """Chargers that vehicles queue for, first come first served.

    A vehicle holds its charger until its battery is at a bound, the station's limit in its direction falls to
    zero, or it withdraws.

    Args:
        env: The environment whose time it lives in.
        chargers: Number of chargers.
    """

    def __init__(self, env: simpy.Environment, chargers: int) -> None:
        self._env = env
        self.chargers = chargers
        self.plugged: list[Request] = []
        """Vehicles at a charger, in order of plugging in."""
        self.queue: list[Request] = []
        """Vehicles waiting, in order of asking, then of their numbers."""
        self.charge_limit_kw = 0.0
        self.discharge_limit_kw = 0.0
        self._slot_end_s = 0.0
        self._tally = StationTally()
        self._counted_s = env.now
        self._settling = False

    def serves(self, battery: Battery, power_kw: float) -> bool:
        """Whether a vehicle with this battery may hold a charger for this power, not zero."""
        limit_kw = self.charge_limit_kw if power_kw > 0.0 else self.discharge_limit_kw
        return limit_kw > 0.0 and battery.can_move(power_kw)

    def begin_slot(self, charge_limit_kw: float, discharge_limit_kw: float, slot_end_s: float) -> None:
        """Set the limits of a slot; call `settle` when all is said that happens at its start.

        Args:
            charge_limit_kw: Power that all vehicles together may draw [kW], >= 0.
            discharge_limit_kw: Power that they may feed in [kW], >= 0.
            slot_end_s: End of the slot [s].
        """
        self.charge_limit_kw = charge_limit_kw
        self.discharge_limit_kw = discharge_limit_kw
        self._slot_end_s = slot_end_s
        self._tally = StationTally()
        self._settling = True

    def request(self, ev: int, battery: Battery, power_kw: float) -> Request:
        """Ask for a charger; it is granted when the instant is settled.

        Args:
            ev: Number of the EV.
            battery: Its battery.
            power_kw: Power wanted, at the charger [kW], > 0 charges, not zero.
        """
        now = self._env.now
        self._count(now)
        request = Request(ev, battery, power_kw, now)
        self.queue.append(request)
        self._settle_soon(now)
        return request

    def withdraw(self, request: Request) -> None:
        """Free a charger, or a place in the queue."""
        now = self._env.now
        self._count(now)
        if request.plug_in_s is None:
            self.queue.remove(request)
        else:
            self._flow_until(now, request)
            request.power_kw = 0.0
            request.at_bound = None
            self.plugged.remove(request)
        request.plug_out_s = now
        self._settle_soon(now)

    def requests(self) -> Iterator[Request]:
        """All that hold a charger or wait for one."""
        yield from self.plugged
        yield from self.queue

    def settle(self) -> None:
        """Grant free chargers and share the power, after all that happens at this instant."""
        self._settling = False
        plugged, queue = self.plugged, self.queue
        if not plugged and not queue:
            return
        now, tally = self._env.now, self._tally
        self._count(now)
        if queue:
            if len(queue) > 1:
                queue.sort(key=_order_of_service)
            while queue and len(plugged) < self.chargers:
                request = queue.pop(0)
                request.plug_in_s = request.since_s = now
                plugged.append(request)
            for place, request in enumerate(queue):
                if request.request_s == now:
                    request.queue_met = place
            if len(queue) > tally.queue_max:
                tally.queue_max = len(queue)
        if plugged:
            self._share_power(now)
            if len(plugged) > tally.busy_max:
                tally.busy_max = len(plugged)

    def end_slot(self) -> StationTally:
        """Bring energies up to now, and give the slot's sums."""
        if self.plugged or self.queue:
            now = self._env.now
            self._count(now)
            for request in self.plugged:
                self._flow_until(now, request)
        return self._tally

    def _share_power(self, now: float) -> None:
        """Each vehicle gets what it asks for, as far as those plugged in before it leave something."""
        charge_kw, discharge_kw = self.charge_limit_kw, self.discharge_limit_kw
        for request in self.plugged:
            power_kw = request.wanted_kw
            if power_kw > 0.0:
                if power_kw > charge_kw:
                    power_kw = charge_kw
                charge_kw -= power_kw
            else:
                if power_kw < -discharge_kw:
                    power_kw = -discharge_kw
                discharge_kw += power_kw
            if power_kw != request.power_kw or request.set_until_s != self._slot_end_s:
                self._set_power(now, request, power_kw)

    def _set_power(self, now: float, request: Request, power_kw: float) -> None:
        if request.since_s < now:
            self._flow_until(now, request)
        request.power_kw = power_kw
        request.set_until_s = self._slot_end_s
        request.at_bound = None
        if power_kw == 0.0:
            return
        until_bound_s = request.battery.time_to_bound_s(power_kw)
        # A battery that reaches its bound at the slot's end is dealt with when the next slot begins.
        if now + until_bound_s < self._slot_end_s:
            # One that is at its bound but for rounding may be a hair beyond it.
            request.at_bound = call_after(self._env, max(until_bound_s, 0.0), self._at_bound, request)

    def _at_bound(self, event: simpy.Event) -> None:
        request = cast(Request, event.value)
        if request.at_bound is not event:
            # Its power has changed since.
            return
        self._flow_until(self._env.now, request)
        request.battery.rest_at_bound(request.power_kw)
        self.withdraw(request)

    def _flow_until(self, now: float, request: Request) -> None:
        """Book the energy that has flowed since it was last booked."""
        elapsed_s = now - request.since_s
        if elapsed_s > 0.0 and request.power_kw != 0.0:
            passed_kwh = request.battery.flow(request.power_kw, elapsed_s)
            if passed_kwh > 0.0:
                request.charged_kwh += passed_kwh
                self._tally.charged_kwh += passed_kwh
            else:
                request.discharged_kwh -= passed_kwh
                self._tally.discharged_kwh -= passed_kwh
        request.since_s = now

    def _count(self, now: float) -> None:
        """Add the time since the last change to the sums over time."""
        elapsed_s = now - self._counted_s
        if elapsed_s > 0.0:
            self._tally.queue_s += len(self.queue) * elapsed_s
            self._tally.busy_s += len(self.plugged) * elapsed_s
            self._counted_s = now

    def _settle_soon(self, now: float) -> None:
        if self._settling:
            return
        if self._env.peek() > now:
            self.settle()
            return
        # Something else happens at this very instant.
        self._settling = True
        call_after(self._env, 0.0, self._settle_now)

    def _settle_now(self, event: simpy.Event) -> None:
        self.settle()


def _order_of_service(request: Request) -> tuple[float, int]:
    return (request.request_s, request.ev)
