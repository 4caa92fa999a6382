"""Walks of an EV through the network of stations, slots and energy levels, and the best of them at given prices.

A node is a station, the beginning of a slot and an energy level. An arc leads from it to a station, its own or another
one: the EV drives there, charges, discharges or waits in what is left of the slot of its arrival, and is at a node of
that station when the next slot begins.

B = programs that are solved side by side, N = EVs or groups of them, H = stations, T = slots from now to the episode's
end, L = energy levels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cosim.interface import FleetSpec, Floats, Ints
from cosim.planning.trips import Trips

#: Share of a level that rounding may have left.
ROUNDING_LEVELS = 1e-6


@dataclass(frozen=True)
class Levels:
    """Energy levels of all batteries, evenly spaced from the lowest energy to the highest.

    Attributes:
        spec: The fleet.
        count: Number of levels, L, at least 2.
        favourable: Whether energy is rounded in the EV's favour: what a trip takes down, what a slot's power allows
            up. No EV then does better than a walk says: the value of an EV between two levels is made of straight
            pieces that bend upwards, so it is at most the mean of what the two levels are worth. Else it is rounded
            so that a walk can be driven.
    """

    spec: FleetSpec
    count: int
    favourable: bool

    @property
    def step_kwh(self) -> float:
        """Energy from one level to the next [kWh]."""
        return (self.spec.energy_max_kwh - self.spec.energy_min_kwh) / (self.count - 1)

    def held(self, energy_kwh: Floats) -> Floats:
        """Energy of batteries in levels, not rounded, any shape."""
        level: Floats = np.clip((energy_kwh - self.spec.energy_min_kwh) / self.step_kwh, 0.0, self.count - 1.0)
        return level

    def of(self, energy_kwh: Floats) -> Ints:
        """The highest level that batteries hold [kWh], any shape."""
        return np.floor(self.held(energy_kwh) + ROUNDING_LEVELS).astype(np.int64)

    def trip(self, energy_kwh: Floats) -> Ints:
        """Levels that an energy for driving takes [kWh], any shape."""
        levels = energy_kwh / self.step_kwh
        if self.favourable:
            return np.floor(levels + ROUNDING_LEVELS).astype(np.int64)
        return np.ceil(levels - ROUNDING_LEVELS).astype(np.int64)

    def most(self, energy_kwh: Floats) -> Ints:
        """Most levels that an energy into or out of a battery makes [kWh], any shape."""
        levels = np.minimum(energy_kwh / self.step_kwh, self.count)
        rounded = np.ceil(levels - ROUNDING_LEVELS) if self.favourable else np.rint(levels)
        return rounded.astype(np.int64)


@dataclass(frozen=True)
class Market:
    """What energy is worth, and how much of it one EV can have; all >= 0, shape [B, H, T].

    Attributes:
        draw_price: What an EV pays per kWh drawn.
        feed_price: What it earns per kWh fed in.
        draw_limit_kwh: What it may draw in a slot [kWh].
        feed_limit_kwh: What it may feed in [kWh].
        drive_price: What it pays per kWh for driving, one number.
    """

    draw_price: Floats
    feed_price: Floats
    draw_limit_kwh: Floats
    feed_limit_kwh: Floats
    drive_price: float = 0.0


@dataclass(frozen=True)
class Starts:
    """Where walks begin: N EVs of each program.

    Attributes:
        trips: Trips to the stations, shape [B, N, H].
        level: Energy level, shape [B, N].
    """

    trips: Trips
    level: Ints


@dataclass(frozen=True)
class Walks:
    """What EVs do slot by slot, shape [B, N, T].

    Attributes:
        station: Station that the EV is at or on its way to; -1 for an EV that does nothing.
        there: Whether it is there in that slot.
        drawn_kwh: Energy drawn [kWh].
        fed_kwh: Energy fed in [kWh].
        driven_kwh: Energy for driving, all slots together [kWh], shape [B, N].
        value: What the walk earns, shape [B, N].
    """

    station: Ints
    there: NDArray[np.bool_]
    drawn_kwh: Floats
    fed_kwh: Floats
    driven_kwh: Floats
    value: Floats

    @classmethod
    def none(cls, programs: int, evs: int, slots: int) -> Walks:
        """Walks of EVs that do nothing."""
        shape = (programs, evs, slots)
        nowhere, never = np.full(shape, -1), np.zeros(shape, dtype=np.bool_)
        return cls(nowhere, never, *np.zeros((2, *shape)), *np.zeros((2, programs, evs)))

    def of(self, program: Ints, ev: Ints) -> Walks:
        """The walk of one EV in each of K programs, shape [K, 1, T]."""
        return Walks(*(column[program, ev][:, None] for column in vars(self).values()))

    def put(self, program: Ints, ev: Ints, walks: Walks) -> None:
        """Replace the walk of one EV in each of K programs."""
        for column, new in zip(vars(self).values(), vars(walks).values(), strict=True):
            column[program, ev] = new[:, 0]

    def and_those(self, others: Walks) -> Walks:
        """The walks of both, program after program."""
        return Walks(*(np.concatenate(both) for both in zip(vars(self).values(), vars(others).values(), strict=True)))

    def later(self) -> Walks:
        """The walks from the second slot on; what they drive and earn stays that of all slots."""
        return Walks(
            station=self.station[..., 1:].copy(),
            there=self.there[..., 1:].copy(),
            drawn_kwh=self.drawn_kwh[..., 1:].copy(),
            fed_kwh=self.fed_kwh[..., 1:].copy(),
            driven_kwh=self.driven_kwh.copy(),
            value=self.value.copy(),
        )


class BestWalks:
    """The most that an EV can earn from every node on, found by going backwards through the network.

    Args:
        levels: The energy levels.
        between: Trips between stations, shape [H, H].
        market: Prices and limits.

    Attributes:
        value: What is earned from each node on, shape [T + 1, B, H, L].
    """

    def __init__(self, levels: Levels, between: Trips, market: Market) -> None:
        self._levels = levels
        self._between = between
        self._market = market
        spec = levels.spec
        self._discharge_kw = spec.discharge_kw * spec.max_discharge_share
        # Energy at the charger per level.
        self._draw_kwh = levels.step_kwh / spec.charge_efficiency
        self._feed_kwh = levels.step_kwh * spec.discharge_efficiency
        programs, stations, self._slots = market.draw_price.shape
        self.value: Floats = np.zeros((self._slots + 1, programs, stations, levels.count))
        self._go_back()

    def follow(self, starts: Starts) -> Walks:
        """The best walks of some EVs; among equal arcs those that change the energy least.

        Args:
            starts: Where they are.
        """
        slots, trips, level = self._slots, starts.trips, starts.level.copy()
        walks = Walks.none(level.shape[0], level.shape[1], slots)
        slot = np.zeros_like(level)
        for now in range(slots):
            b, n = np.nonzero(slot == now)
            if not len(b):
                continue
            best, station, change = self._best_arc(b, now, level[b, n], trips.from_some((b, n)))
            if now == 0:
                walks.value[b, n] = best
            goes = station >= 0
            # Who can go nowhere does nothing until the end.
            slot[b[~goes], n[~goes]] = slots
            b, n, station, change = b[goes], n[goes], station[goes], change[goes]
            arrival = now + trips.slots[b, n, station]
            for later in range(now, int(arrival.max(initial=-1)) + 1):
                going = arrival >= later
                walks.station[b[going], n[going], later] = station[going]
            walks.there[b, n, arrival] = True
            walks.drawn_kwh[b, n, arrival] = np.maximum(change, 0) * self._draw_kwh
            walks.fed_kwh[b, n, arrival] = np.maximum(-change, 0) * self._feed_kwh
            trip_kwh = trips.energy_kwh[b, n, station]
            walks.driven_kwh[b, n] += trip_kwh
            level[b, n] += change - self._levels.trip(trip_kwh)
            slot[b, n] = arrival + 1
            trips = trips.with_some((b, n), self._between.from_some(station))
        return walks

    def _go_back(self) -> None:
        """Fill in the values, from the last slot to the first."""
        between, levels = self._between, self._levels
        used = levels.trip(between.energy_kwh)
        paid = self._market.drive_price * between.energy_kwh
        served: dict[int, Floats] = {}
        for slot in reversed(range(self._slots)):
            served[slot] = self._served(slot)
            best = self.value[slot]
            possible = (slot + between.slots < self._slots) & (used < levels.count)
            for start, end in np.argwhere(possible).tolist():
                left = levels.count - used[start, end]
                there = served[slot + int(between.slots[start, end])][:, start, end, :left]
                np.maximum(best[:, start, -left:], there - paid[start, end], out=best[:, start, -left:])

    def _served(self, slot: int) -> Floats:
        """Value of each level in a slot at a station where a trip from another one has just ended, [B, H, H, L]."""
        market, level = self._market, np.arange(self._levels.count)
        after = self.value[slot + 1]
        up, down = self._most(slot, np.arange(after.shape[1])[None, :], self._between.rest_h)
        # Levels that are bought cost, and levels that are sold earn, the difference of these.
        cost = (market.draw_price[..., slot] * self._draw_kwh)[..., None] * level
        gain = (market.feed_price[..., slot] * self._feed_kwh)[..., None] * level
        charged = _window_max(after - cost, up) + cost[:, None]
        sold = _window_max((after - gain)[..., ::-1], down)[..., ::-1] + gain[:, None]
        return np.maximum(charged, sold)

    def _most(self, slot: Ints | int, station: Ints, rest_h: Floats) -> tuple[Ints, Ints]:
        """Most levels up and down at stations in what is left of slots; shape [B] + S of arguments of shape S."""
        market, levels = self._market, self._levels
        spec = levels.spec
        draw_kwh = np.minimum(market.draw_limit_kwh[:, station, slot], spec.charge_kw * rest_h)
        feed_kwh = np.minimum(market.feed_limit_kwh[:, station, slot], self._discharge_kw * rest_h)
        return levels.most(draw_kwh * spec.charge_efficiency), levels.most(feed_kwh / spec.discharge_efficiency)

    def _best_arc(self, program: Ints, slot: int, level: Ints, trips: Trips) -> tuple[Floats, Ints, Ints]:
        """The best next arc of N EVs, each in its program: value, station (-1 for none) and change of level there."""
        market, top, each = self._market, self._levels.count - 1, np.arange(len(program))
        b, h = program[:, None], np.arange(trips.slots.shape[1])[None, :]
        arrival = slot + trips.slots
        t = np.minimum(arrival, self._slots - 1)
        arrived = level[:, None] - self._levels.trip(trips.energy_kwh)
        possible = (arrival < self._slots) & (arrived >= 0)
        ups, downs = (most[program, each] for most in self._most(t, h, trips.rest_h))
        # No change first, so that it wins ties.
        change = np.arange(-int(downs.max(initial=0)), int(ups.max(initial=0)) + 1)
        change = change[np.argsort(np.abs(change), kind="stable")]
        after = arrived[..., None] + change
        possible = possible[..., None] & (change <= ups[..., None]) & (change >= -downs[..., None])
        possible &= (after >= 0) & (after <= top)
        earned = market.feed_price[b, h, t][..., None] * np.maximum(-change, 0) * self._feed_kwh
        paid = market.draw_price[b, h, t][..., None] * np.maximum(change, 0) * self._draw_kwh
        paid = paid + market.drive_price * trips.energy_kwh[..., None]
        then = self.value[t[..., None] + 1, b[..., None], h[..., None], np.clip(after, 0, top)]
        worth = np.where(possible, then + earned - paid, -np.inf).reshape(len(each), -1)
        chosen = np.argmax(worth, axis=1)
        best = worth[each, chosen]
        found = np.isfinite(best)
        return np.where(found, best, 0.0), np.where(found, chosen // len(change), -1), change[chosen % len(change)]


def _window_max(values: Floats, most: Ints) -> Floats:
    """The greatest of each value and those behind it, up to a number of them that differs from row to row.

    Args:
        values: Shape [B, H, L].
        most: How many behind it, shape [B, K, H].

    Returns:
        Shape [B, K, H, L].

    Source:
        Two overlapping windows whose width is a power of two, the sparse table of Bender & Farach-Colton 2000.
    """
    programs, stations, levels = values.shape
    width = np.minimum(most, levels - 1) + 1
    power = np.frexp(width.astype(np.float64))[1] - 1
    tables = [values]
    for k in range(int(power.max(initial=0))):
        behind = np.full_like(values, -np.inf)
        behind[..., : -(2**k)] = tables[-1][..., 2**k :]
        tables.append(np.maximum(tables[-1], behind))
    row = power[..., None], np.arange(programs)[:, None, None, None], np.arange(stations)[:, None]
    first = np.arange(levels)
    second = np.minimum(first + (width - 2**power)[..., None], levels - 1)
    table = np.stack(tables)
    greatest: Floats = np.maximum(table[(*row, first)], table[(*row, second)])
    return greatest
