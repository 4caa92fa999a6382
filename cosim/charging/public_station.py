"""A station for customers who come on their own account: chargers of several kinds, a queue with a discipline, faults.

Everything that happens at one instant is settled together: first those who leave, then those who come, by number, one
after another; the power last. So equal times have an order that does not depend on how events were scheduled.
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Final, cast

import simpy

from cosim.charging.customer import Customer, Outcome
from cosim.charging.design import Discipline, StationDesign
from cosim.charging.sharing import max_min_kw, priority_kw
from cosim.charging.timing import call_after
from cosim.errors import SimulationError


class Event(StrEnum):
    """What happens at a station, as a trace has it."""

    ARRIVE = "arrive"
    QUEUE = "queue"
    START = "start"
    POWER = "power"
    END = "end"
    DISPLACED = "displaced"
    LEAVE = "leave"
    FAULT = "fault"
    REPAIR = "repair"


#: Told of time [s], what happened, customer (None for a charger's fault) and charger (-1 for none).
OnEvent = Callable[[float, Event, Customer | None, int], None]


def _first_come(customer: Customer) -> tuple[float, ...]:
    return (not customer.interrupted, customer.arrive_s, customer.number)


def _lowest_soc(customer: Customer) -> tuple[float, ...]:
    return (not customer.interrupted, customer.soc, customer.arrive_s, customer.number)


def _earliest_departure(customer: Customer) -> tuple[float, ...]:
    return (not customer.interrupted, customer.depart_s, customer.arrive_s, customer.number)


def _by_class(customer: Customer) -> tuple[float, ...]:
    return (customer.priority, not customer.interrupted, customer.arrive_s, customer.number)


#: While a limit is too little, what tapering vehicles leave of it is shared again after this time [s].
SHARE_AGAIN_S: Final = 60.0

RANKS: Final[dict[Discipline, Callable[[Customer], tuple[float, ...]]]] = {
    "first_come": _first_come,
    "lowest_soc": _lowest_soc,
    "earliest_departure": _earliest_departure,
    "priority": _by_class,
}


def _rank_of(customer: Customer) -> tuple[float, ...]:
    return customer.rank


class PublicStation:
    """Serves customers.

    A customer who has lost its charger, to a fault or to somebody of a lower class, goes back to the head of the queue
    (of its class) with the energy that it has, and goes on where it stopped. Who has begun does not lose its patience.

    Args:
        env: The environment whose time it lives in.
        design: How it is built.
        on_left: Told of each customer when it leaves for whatever reason; None if nobody wants to know.
        on_event: Told of everything that happens, in order; None if nobody wants to know.
    """

    def __init__(
        self,
        env: simpy.Environment,
        design: StationDesign,
        on_left: Callable[[Customer], None] | None = None,
        on_event: OnEvent | None = None,
    ) -> None:
        self._env = env
        self.design = design
        self._on_left = on_left
        self._on_event = on_event
        self._rank = RANKS[design.discipline]
        self.kind_of = [kind for kind in design.kinds for _ in range(kind.count)]
        """Kind of each charger."""
        self._alike = all(not kind.plugs for kind in design.kinds)
        self._limited = math.isfinite(design.limit_kw)
        self._powered = True
        self._free = list(range(len(self.kind_of)))
        self._broken: set[int] = set()
        self.plugged: dict[int, Customer] = {}
        """Customer at each charger that is in use, in order of plugging in."""
        self.queue: list[Customer] = []
        """Customers who wait, the next one first."""
        self._new: list[Customer] = []
        self._changes: list[tuple[int, bool]] = []
        self._without_power: list[Customer] = []
        self._settling = False
        self._counted_s = env.now
        self.queue_s = 0.0
        """Customers who waited times time, up to the last change [s]."""
        self.busy_s = 0.0
        """Chargers in use times time, likewise [s]."""
        self.limited: list[tuple[float, float]] = []
        """Beginning and end of each time in which the site limit let vehicles have less than they could take [s]."""
        self.waits: list[tuple[float, float]] = []
        """Beginning and end of each stay in the queue that took time [s]."""
        self.spells: list[tuple[int, int, float, float]] = []
        """Charger, customer, beginning and end of each spell at a charger [s]."""
        self._binds_since_s: float | None = None
        self._shares_again = False

    @property
    def empty(self) -> bool:
        """Whether nobody is there."""
        return not (self.plugged or self.queue or self._new)

    # ------------------------------------------------------------------------------------------- what happens

    def arrive(self, customer: Customer) -> None:
        """Somebody comes; served when the instant is settled."""
        self._new.append(customer)
        self._settle_soon()

    def break_down(self, charger: int) -> None:
        """A charger fails; whoever is there when the instant is settled goes back to the queue."""
        self._changes.append((charger, False))
        self._settle_soon()

    def repair(self, charger: int) -> None:
        """A charger works again, when the instant is settled."""
        self._changes.append((charger, True))
        self._settle_soon()

    def _change(self, now: float, charger: int, works: bool) -> None:
        """Let a charger fail, or work again."""
        self._count(now)
        if works:
            self._broken.remove(charger)
            bisect.insort(self._free, charger)
            self._tell(Event.REPAIR, None, charger)
            return
        self._broken.add(charger)
        self._tell(Event.FAULT, None, charger)
        if charger in self.plugged:
            self._displace(now, self.plugged[charger])
        else:
            self._free.remove(charger)

    def close(self) -> None:
        """Bring sums and energies up to now; nobody leaves."""
        now = self._env.now
        self._count(now)
        for customer in self.plugged.values():
            self._book(now, customer)

    def _hold_ended(self, event: simpy.Event) -> None:
        customer = cast(Customer, event.value)
        if customer.ends is event:
            self._serve_out(customer)

    def _flow_ended(self, event: simpy.Event) -> None:
        """A power has lasted as long as it does: the battery is at a corner of its curve, or has what was wanted."""
        customer = cast(Customer, event.value)
        flow = customer.flow
        if flow is None or customer.due is not event:
            return
        self._book(self._env.now, customer)
        customer.reach(flow.until_kwh)
        if customer.done and customer.ends is None:
            self._serve_out(customer)
        else:
            customer.limit_kw = -1.0
            self._without_power.append(customer)
            self._settle_soon()

    def _time_to_go(self, event: simpy.Event) -> None:
        """Who stays for a time goes then, also if it has lost its charger and waits for another one."""
        customer = cast(Customer, event.value)
        if customer.outcome is Outcome.THERE and customer.charger < 0:
            now = self._env.now
            self._count(now)
            self.queue.remove(customer)
            self._end_wait(now, customer)
            self._leave(now, customer, Outcome.SERVED)
            self._settle_soon()

    def _out_of_patience(self, event: simpy.Event) -> None:
        customer = cast(Customer, event.value)
        if customer.outcome is Outcome.THERE and customer.start_s is None:
            now = self._env.now
            self._count(now)
            self.queue.remove(customer)
            self._leave(now, customer, Outcome.RENEGED)
            self._settle_soon()

    # ------------------------------------------------------------------------------------- what comes of it

    def _settle_soon(self) -> None:
        if self._settling:
            return
        env = self._env
        if env.peek() > env.now:
            self._settle(env.now)
            return
        # Something else happens at this very instant.
        self._settling = True
        call_after(env, 0.0, self._settle_now)

    def _settle_now(self, event: simpy.Event) -> None:
        self._settling = False
        self._settle(self._env.now)

    def _settle(self, now: float) -> None:
        if self._changes:
            changes, self._changes = self._changes, []
            for charger, works in changes:
                self._change(now, charger, works)
        if self.queue:
            if self._free:
                self._grant(now)
            if self.design.preemptive:
                self._preempt_from_queue(now)
        if self._new:
            new, self._new = self._new, []
            if len(new) > 1:
                new.sort(key=lambda customer: customer.number)
            for customer in new:
                self._take_in(now, customer)
            if self.design.preemptive and self.queue:
                # Who was displaced may displace another.
                self._preempt_from_queue(now)
        if self._limited:
            self._without_power.clear()
            self._share_power(now)
        elif self._without_power:
            for customer in self._without_power:
                if customer.limit_kw < 0.0 and customer.charger >= 0:
                    self._set_power(now, customer, self.kind_of[customer.charger].power_kw)
            self._without_power.clear()
        if self.queue and self._free:
            self._check_work_conserved(now)

    def _check_work_conserved(self, now: float) -> None:
        """No charger idles while somebody waits whom it fits."""
        for customer in self.queue:
            charger = self._charger_for(customer)
            if charger >= 0:
                raise SimulationError(f"at {now:.3f} s charger {charger} idles while customer {customer.number} waits")

    def _take_in(self, now: float, customer: Customer) -> None:
        """Serve who comes, let it wait, or see it leave."""
        self._tell(Event.ARRIVE, customer)
        queue = self.queue
        customer.queue_met = waiting = len(queue)
        charger = self._charger_for(customer)
        if charger >= 0:
            self._plug_in(now, customer, charger)
        elif self._preempt(now, customer):
            # Whoever lost its charger may fit one that the other did not.
            self._grant(now)
        elif customer.balks_at is not None and waiting >= customer.balks_at:
            self._leave(now, customer, Outcome.BALKED)
        elif self.design.places is not None and waiting >= self.design.places:
            self._leave(now, customer, Outcome.BLOCKED)
        else:
            self._wait(now, customer)
            if math.isfinite(customer.patience_s):
                call_after(self._env, customer.patience_s, self._out_of_patience, customer)

    def _wait(self, now: float, customer: Customer) -> None:
        self._count(now)
        customer.waits_since_s = now
        customer.rank = self._rank(customer)
        bisect.insort(self.queue, customer, key=_rank_of)
        self._tell(Event.QUEUE, customer)

    def _grant(self, now: float) -> None:
        """Give free chargers to those who wait, the next one first, as far as they fit."""
        self._count(now)
        queue = self.queue
        if self._alike and self._powered:
            while queue and self._free:
                self._plug_in(now, queue.pop(0), self._free[0])
            return
        place = 0
        while place < len(queue) and self._free:
            charger = self._charger_for(queue[place])
            if charger >= 0:
                self._plug_in(now, queue.pop(place), charger)
            else:
                place += 1

    def _charger_for(self, customer: Customer) -> int:
        """The first free charger that fits, or -1; also if the station has no power for it."""
        if not self._has_power_for(customer):
            return -1
        if self._alike or not customer.plug:
            return self._free[0] if self._free else -1
        for charger in self._free:
            if self._fits(customer, charger):
                return charger
        return -1

    def _fits(self, customer: Customer, charger: int) -> bool:
        plugs = self.kind_of[charger].plugs
        return not plugs or not customer.plug or customer.plug in plugs

    def _preempt(self, now: float, customer: Customer) -> bool:
        """Take the charger of the highest class, of several the one plugged in last; if it is above the customer's."""
        if not self.design.preemptive or not self._has_power_for(customer):
            return False
        losers = [
            (other.priority, other.spell_s, other.number, charger)
            for charger, other in self.plugged.items()
            if other.priority > customer.priority and self._fits(customer, charger)
        ]
        if not losers:
            return False
        charger = max(losers)[-1]
        self._displace(now, self.plugged[charger])
        self._plug_in(now, customer, charger)
        return True

    def _preempt_from_queue(self, now: float) -> None:
        """Who has lost its charger, to a fault or for lack of power, takes that of a higher class when it can."""
        for customer in list(self.queue):
            if customer in self.queue and self._preempt(now, customer):
                self.queue.remove(customer)
                self._grant(now)

    def _plug_in(self, now: float, customer: Customer, charger: int) -> None:
        self._count(now)
        self._free.remove(charger)
        if customer.start_s is None:
            customer.start_s = now
        self._end_wait(now, customer)
        customer.spell_s = customer.since_s = now
        customer.charger = charger
        customer.limit_kw = -1.0
        self._without_power.append(customer)
        self.plugged[charger] = customer
        self._tell(Event.START, customer, charger)
        hold_s = customer.hold_s
        if customer.stays:
            hold_s = max(customer.depart_s - now, 0.0)
        if hold_s is not None:
            customer.ends = call_after(self._env, hold_s, self._hold_ended, customer)

    def _end_wait(self, now: float, customer: Customer) -> None:
        since_s = customer.waits_since_s
        if now > since_s:
            customer.waited_s += now - since_s
            self.waits.append((since_s, now))

    def _unplug(self, now: float, customer: Customer) -> None:
        self._count(now)
        self._book(now, customer)
        customer.flow = customer.due = customer.ends = None
        charger, customer.charger = customer.charger, -1
        del self.plugged[charger]
        self.spells.append((charger, customer.number, customer.spell_s, now))
        if charger not in self._broken:
            bisect.insort(self._free, charger)

    def _displace(self, now: float, customer: Customer) -> None:
        charger = customer.charger
        self._unplug(now, customer)
        if customer.hold_s is not None:
            customer.hold_s = max(customer.hold_s - (now - customer.spell_s), 0.0)
        customer.interrupted += 1
        self._tell(Event.DISPLACED, customer, charger)
        self._wait(now, customer)
        if customer.stays:
            call_after(self._env, max(customer.depart_s - now, 0.0), self._time_to_go, customer)

    def _serve_out(self, customer: Customer) -> None:
        now, charger = self._env.now, customer.charger
        self._unplug(now, customer)
        self._tell(Event.END, customer, charger)
        self._leave(now, customer, Outcome.SERVED)
        self._settle_soon()

    def _leave(self, now: float, customer: Customer, outcome: Outcome) -> None:
        customer.outcome = outcome
        customer.plug_out_s = now
        if outcome is Outcome.RENEGED:
            self._end_wait(now, customer)
        self._tell(Event.LEAVE, customer)
        if self._on_left is not None:
            self._on_left(customer)

    # ------------------------------------------------------------------------------------------------- power

    def _has_power_for(self, customer: Customer) -> bool:
        """Whether there is any power in the direction that it wants."""
        return True

    def _share_power(self, now: float) -> None:
        """Share the station's limit anew among those at the chargers."""
        self._note_binding(now, self._share_out(now, list(self.plugged), self.design.limit_kw))

    def _share_out(self, now: float, chargers: Sequence[int], limit_kw: float) -> bool:
        """Share a limit among those at some chargers, in order of plugging in; says whether it is too little."""
        customers = [self.plugged[charger] for charger in chargers]
        for customer in customers:
            if customer.tapers:
                # It takes less by now than when its power was set.
                self._book(now, customer)
                customer.limit_kw = -1.0
        kind_of = self.kind_of
        most_kw = [
            customer.most_kw(kind_of[charger].power_kw) for customer, charger in zip(customers, chargers, strict=True)
        ]
        if self.design.sharing == "max_min":
            shares_kw = max_min_kw(most_kw, limit_kw)
        else:
            shares_kw = priority_kw(most_kw, [customer.priority for customer in customers], limit_kw)
        for customer, share_kw in zip(customers, shares_kw, strict=True):
            if customer.limit_kw != share_kw:
                self._set_power(now, customer, share_kw)
        return sum(most_kw) > limit_kw

    def _note_binding(self, now: float, binds: bool) -> None:
        """Note from when until when the limit is too little; then what tapering vehicles leave is shared again soon."""
        if binds and not self._shares_again and any(customer.tapers for customer in self.plugged.values()):
            self._shares_again = True
            call_after(self._env, SHARE_AGAIN_S, self._share_again)
        if binds and self._binds_since_s is None:
            self._binds_since_s = now
        elif not binds and self._binds_since_s is not None:
            self.limited.append((self._binds_since_s, now))
            self._binds_since_s = None

    def _share_again(self, event: simpy.Event) -> None:
        self._shares_again = False
        if self.plugged:
            self._settle_soon()

    def _set_power(self, now: float, customer: Customer, limit_kw: float) -> None:
        """Let a power flow until it becomes another by itself, and note when that is."""
        if customer.since_s < now:
            self._book(now, customer)
        customer.limit_kw = limit_kw
        flow = customer.flow = customer.flow_at(limit_kw)
        customer.due = None
        if flow.until_s < math.inf:
            customer.due = call_after(self._env, max(flow.until_s, 0.0), self._flow_ended, customer)
        self._tell(Event.POWER, customer, customer.charger)

    def _book(self, now: float, customer: Customer) -> None:
        """Book the energy that has flowed since it was last booked."""
        customer.book(now)

    def _count(self, now: float) -> None:
        """Add the time since the last change to the sums over time."""
        elapsed_s = now - self._counted_s
        if elapsed_s > 0.0:
            self.queue_s += len(self.queue) * elapsed_s
            self.busy_s += len(self.plugged) * elapsed_s
            self._counted_s = now

    def _tell(self, event: Event, customer: Customer | None, charger: int = -1) -> None:
        if self._on_event is not None:
            self._on_event(self._env.now, event, customer, charger)
