"""What the others of an EV intend, station by station: what a central critic knows beside what the EV sees.

It is a sum over the others, so it does not depend on how many there are, nor on their numbers.
"""

from __future__ import annotations

import numpy as np

from agents.options import CHARGERS, LARGEST, SLOT_KWH, Features
from agents.reach import Mode
from agents.turns import Turn


def others_features(slots: int) -> int:
    """Features of a station in an episode of so many slots."""
    return 4 * slots + 2


def others_at_stations(turn: Turn) -> Features:
    """What the others of the EVs that decide intend at each station, in this order.

    What they leave of its deficit, and of its surplus, in each slot from now on; what they mean to feed in, and to
    draw; slots beyond the episode's end are 0. How many they are, and the energy in their batteries. Those who have not
    decided yet count with last slot's intention.

    Args:
        turn: The EVs that decide.

    Returns:
        Shape [N, H, 4 T + 2].
    """
    outlook, choices, board = turn.outlook, turn.choices, turn.board
    spec, slot, n = outlook.spec, outlook.slot, np.arange(len(turn.ev))
    stations, slots, left = len(spec.station_name), spec.slots, spec.slots - outlook.slot
    features = np.zeros((len(n), stations, others_features(slots)), dtype=np.float32)
    deficit_kwh, surplus_kwh = (
        of_all[turn.replica][..., slot:] for of_all in (outlook.deficit_kwh, outlook.surplus_kwh)
    )
    parts_kwh = (
        choices.deficit_left_kwh,
        choices.surplus_left_kwh,
        deficit_kwh - choices.deficit_left_kwh,
        surplus_kwh - choices.surplus_left_kwh,
    )
    for k, part_kwh in enumerate(parts_kwh):
        features[..., k * slots : k * slots + left] = part_kwh / SLOT_KWH
    there = board.station[turn.replica][..., None] == np.arange(stations)
    there[n, turn.ev] = False
    energy = outlook.observation.energy_kwh[turn.replica] / spec.battery_kwh
    features[..., -2] = there.sum(axis=1) / CHARGERS
    features[..., -1] = (there * energy[..., None]).sum(axis=1) / CHARGERS
    return np.clip(features, -LARGEST, LARGEST, out=features)


def totals_of_others(turn: Turn) -> Features:
    """The same without energies, station after station: what is known to whoever knows the sums of all messages.

    Args:
        turn: The EVs that decide.

    Returns:
        Shape [N, totals].
    """
    features = others_at_stations(turn)[..., :-1]
    return features.reshape(len(features), -1)


def totals_features(stations: int, slots: int) -> int:
    """Numbers that `totals_of_others` gives for each EV."""
    return stations * (others_features(slots) - 1)


def own_offers(turn: Turn) -> Features:
    """What the EVs that decide would draw, and feed in, at each station in each slot from now on, both >= 0.

    Args:
        turn: The EVs that decide.

    Returns:
        In units of `agents.options.SLOT_KWH`, shape [N, H, 2, T]; slots beyond the episode's end are 0.
    """
    slot, slots = turn.outlook.slot, turn.outlook.spec.slots
    offer_kwh = turn.choices.offer_kwh[..., slot:]
    offers = np.zeros((*offer_kwh.shape[:2], 2, slots), dtype=np.float32)
    offers[..., : slots - slot] = np.abs(offer_kwh[:, :, [Mode.CHARGE, Mode.DISCHARGE]]) / SLOT_KWH
    return offers
