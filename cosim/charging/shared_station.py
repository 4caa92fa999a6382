"""A station that the fleet shares with customers, slot by slot: what `station.py` is for the fleet alone.

With nobody but the fleet, first come, first served, and power in order of plugging in, both do the same.
"""

from __future__ import annotations

from collections.abc import Iterator

import simpy

from cosim.charging.battery import Battery
from cosim.charging.customer import Customer, Outcome
from cosim.charging.design import StationDesign
from cosim.charging.power_curve import Flow
from cosim.charging.public_station import PublicStation
from cosim.charging.tally import StationTally
from cosim.interface import EvState


class FleetCustomer(Customer):
    """An EV of the fleet as a customer: it charges or discharges until its battery is at a bound, or it withdraws.

    Args:
        ev: Number of the EV.
        battery: Its battery.
        wanted_kw: Power that it asks for, at the charger [kW], > 0 charges, not zero.
        request_s: Time of asking [s].
        battery_kwh: Capacity of its battery [kWh].
        priority: Its class; lower ones are served first.
    """

    __slots__ = ("battery", "discharged_kwh", "ev", "wanted_kw")

    def __init__(
        self, ev: int, battery: Battery, wanted_kw: float, request_s: float, battery_kwh: float, priority: int
    ) -> None:
        super().__init__(ev, request_s, battery_kwh=battery_kwh, priority=priority)
        self.ev = ev
        self.battery = battery
        self.wanted_kw = wanted_kw
        self.discharged_kwh = 0.0

    @property
    def request_s(self) -> float:
        """Time of asking [s]."""
        return self.arrive_s

    @property
    def plug_in_s(self) -> float | None:
        """Time at which it was first plugged in [s]."""
        return self.start_s

    @property
    def ended(self) -> bool:
        """Whether the charger, or the place in the queue, is free again."""
        return self.plug_out_s is not None

    @property
    def state(self) -> EvState:
        """What the vehicle is doing."""
        if self.ended:
            return EvState.PARKED
        if self.charger < 0:
            return EvState.QUEUEING
        return EvState.CHARGING if self.charges else EvState.DISCHARGING

    @property
    def soc(self) -> float:
        """State of charge, share of the battery."""
        return self.battery.energy_kwh / self.battery_kwh

    @property
    def charges(self) -> bool:
        """Whether it wants energy, not to give some."""
        return self.wanted_kw > 0.0

    @property
    def done(self) -> bool:
        """Whether its battery can go no further."""
        return not self.battery.can_move(self.wanted_kw)

    def most_kw(self, charger_kw: float) -> float:
        """Power that it asks for, as far as its charger has it [kW], >= 0 in either direction."""
        return min(abs(self.wanted_kw), charger_kw)

    def flow_at(self, limit_kw: float) -> Flow:
        """What flows from now on, in the direction that it wants."""
        if limit_kw <= 0.0:
            return Flow(0.0, 0.0, float("inf"), 0.0)
        return Flow(limit_kw, 0.0, self.battery.time_to_bound_s(self._signed(limit_kw)), 0.0)

    def book(self, now: float) -> float:
        """Book the energy that has flowed since it was last booked."""
        elapsed_s, self.since_s = now - self.since_s, now
        if self.flow is None or elapsed_s <= 0.0 or self.flow.power_kw == 0.0:
            return 0.0
        passed_kwh = abs(self.battery.flow(self._signed(self.flow.power_kw), elapsed_s))
        if self.charges:
            self.charged_kwh += passed_kwh
        else:
            self.discharged_kwh += passed_kwh
        return passed_kwh

    def reach(self, energy_kwh: float) -> None:
        """Be at the bound, free of rounding."""
        self.battery.rest_at_bound(self.wanted_kw)

    def _signed(self, power_kw: float) -> float:
        return power_kw if self.charges else -power_kw


class SharedStation(PublicStation):
    """Serves the fleet and customers. Limits change from slot to slot, in both directions.

    Where a slot brings no power to charge with, customers who charge go back to the head of the queue with the energy
    that they have, and wait until there is some; EVs that discharge may have their chargers.

    Args:
        env: The environment whose time it lives in.
        design: How it is built; its limit holds in both directions, beside the slot's.
        battery_kwh: Capacity of the batteries of the fleet [kWh].
        priority: Class of the fleet.
    """

    def __init__(self, env: simpy.Environment, design: StationDesign, battery_kwh: float, priority: int = 0) -> None:
        super().__init__(env, design)
        self.chargers = design.chargers
        self.charge_limit_kw = 0.0
        self.discharge_limit_kw = 0.0
        self._battery_kwh = battery_kwh
        self._priority = priority
        self._limited = True
        self._tally = StationTally()
        self._queued_s = self._used_s = 0.0

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
        self.charge_limit_kw = min(charge_limit_kw, self.design.limit_kw)
        self.discharge_limit_kw = min(discharge_limit_kw, self.design.limit_kw)
        self._powered = self.charge_limit_kw > 0.0
        self._tally = StationTally()
        self._queued_s, self._used_s = self.queue_s, self.busy_s
        for customer in self.plugged.values():
            # Booked at the end of the slot before; power is shared anew.
            customer.limit_kw = -1.0
        self._settling = True

    def request(self, ev: int, battery: Battery, power_kw: float) -> FleetCustomer:
        """Ask for a charger; it is granted when the instant is settled.

        Args:
            ev: Number of the EV.
            battery: Its battery.
            power_kw: Power wanted, at the charger [kW], > 0 charges, not zero.
        """
        request = FleetCustomer(ev, battery, power_kw, self._env.now, self._battery_kwh, self._priority)
        self.arrive(request)
        return request

    def withdraw(self, request: FleetCustomer) -> None:
        """Free a charger, or a place in the queue."""
        now = self._env.now
        self._count(now)
        if request.charger >= 0:
            self._unplug(now, request)
        elif request in self._new:
            self._new.remove(request)
        else:
            self.queue.remove(request)
            self._end_wait(now, request)
        self._leave(now, request, Outcome.SERVED)
        self._settle_soon()

    def requests(self) -> Iterator[FleetCustomer]:
        """All of the fleet that hold a charger or wait for one."""
        for customer in (*self.plugged.values(), *self.queue):
            if isinstance(customer, FleetCustomer):
                yield customer

    def settle(self) -> None:
        """Grant free chargers and share the power, after all that happens at this instant."""
        now = self._env.now
        if not self._powered:
            for customer in [c for c in self.plugged.values() if c.charges and not isinstance(c, FleetCustomer)]:
                self._displace(now, customer)
        self._settling = False
        self._settle(now)

    def end_slot(self) -> StationTally:
        """Bring energies up to now, and give the slot's sums."""
        self.close()
        self._tally.queue_s = self.queue_s - self._queued_s
        self._tally.busy_s = self.busy_s - self._used_s
        return self._tally

    def _settle(self, now: float) -> None:
        super()._settle(now)
        tally = self._tally
        tally.queue_max = max(tally.queue_max, len(self.queue))
        tally.busy_max = max(tally.busy_max, len(self.plugged))

    def _has_power_for(self, customer: Customer) -> bool:
        return self._powered or not customer.charges

    def _share_power(self, now: float) -> None:
        charging = [charger for charger, customer in self.plugged.items() if customer.charges]
        discharging = [charger for charger, customer in self.plugged.items() if not customer.charges]
        short = self._share_out(now, charging, self.charge_limit_kw)
        self._note_binding(now, self._share_out(now, discharging, self.discharge_limit_kw) or short)

    def _book(self, now: float, customer: Customer) -> None:
        passed_kwh = customer.book(now)
        if not isinstance(customer, FleetCustomer):
            self._tally.customers_kwh += passed_kwh
        elif customer.charges:
            self._tally.charged_kwh += passed_kwh
        else:
            self._tally.discharged_kwh += passed_kwh
