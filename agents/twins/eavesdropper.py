"""Listens to a fleet: what goes over its board, beside what was true of each vehicle."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from agents.board import IntentionBoard
from agents.offer_noise import OfferNoise
from cosim.errors import ControllerError
from cosim.interface import Action, Controller, FleetSpec, Floats, Ints, LearningController, Observation

if TYPE_CHECKING:
    # Who only listens needs no msgpack.
    from agents.twins.bus import MessageBus


@dataclass(frozen=True)
class Overheard:
    """Messages and truths of E episodes, with T slots, I EVs and H stations.

    Attributes:
        decided: Whether the EV sent a message in the slot, shape [E, T, I].
        turn: Turn of the slot in which it sent it, from 0; -1 for none, likewise. Who sends two has the last one's.
        station: Station of its message, -1 for none, likewise.
        arrival: Slot of arrival that it told, likewise.
        offer_kwh: Offers that it told, slot by slot of the episode [kWh], > 0 drawn, shape [E, T, I, T].
        fed_kwh: What all mean to feed in, when all have decided [kWh], shape [E, T, H, T].
        drawn_kwh: What all mean to draw [kWh], likewise.
        position_km: Where the EV is as the slot begins [km], shape [E, T, I, 2].
        energy_kwh: What its battery holds then [kWh], shape [E, T, I].
    """

    decided: Ints
    turn: Ints
    station: Ints
    arrival: Ints
    offer_kwh: Floats
    fed_kwh: Floats
    drawn_kwh: Floats
    position_km: Floats
    energy_kwh: Floats

    def episodes(self, first: int, last: int) -> Overheard:
        """Some of the episodes, the last one not among them."""
        return Overheard(**{f.name: getattr(self, f.name)[first:last] for f in fields(self)})


def board_of(fleet: Controller) -> IntentionBoard | None:
    """The board that a fleet's EVs talk over; None if they tell each other nothing."""
    board = getattr(fleet, "board", None)
    return board if isinstance(board, IntentionBoard) else None


class Eavesdropper:
    """A controller that lets another one decide, and writes down what its EVs say.

    If the other one learns, so does this one.

    Args:
        spec: The fleet.
        fleet: Who decides.
        name: Its name.

    Raises:
        ControllerError: If its EVs tell each other nothing.
    """

    def __init__(self, spec: FleetSpec, fleet: Controller, name: str) -> None:
        board = board_of(fleet)
        if board is None:
            alone = f"controller {name!r} shares nothing: its EVs have no board of intentions"
            if spec.day is not None:
                alone = "attacks know EVs that choose where to go; cosim compare --privacy counts what commuters send"
            raise ControllerError(alone)
        self._spec = spec
        self._fleet = fleet
        self._board = board
        self._episodes: list[list[dict[str, NDArray[Any]]]] = []
        if isinstance(fleet, LearningController):
            self.learn = fleet.learn

    @property
    def bus(self) -> MessageBus | None:
        """The bus that carries what its EVs say, None for none."""
        bus: MessageBus | None = getattr(self._board, "bus", None)
        return bus

    @property
    def noise(self) -> OfferNoise | None:
        """Noise on what its EVs say, None for none."""
        return self._board.noise

    def act(self, observation: Observation) -> Action:
        """What the fleet decides."""
        action = self._fleet.act(observation)
        if observation.slot == 0:
            self._episodes.append([])
        board = self._board
        # Half of the memory is enough for what a network or a neighbour can tell apart.
        offers, fed, drawn = (kwh.astype(np.float32) for kwh in (board.offer_kwh, board.fed_kwh, board.drawn_kwh))
        self._episodes[-1].append(
            {
                "decided": (board.turn >= 0).astype(np.int64),
                "turn": board.turn.copy(),
                "station": board.station.copy(),
                "arrival": board.arrival.copy(),
                "offer_kwh": offers,
                "fed_kwh": fed,
                "drawn_kwh": drawn,
                "position_km": observation.position_km.copy(),
                "energy_kwh": observation.energy_kwh.copy(),
            }
        )
        return action

    def overheard(self) -> Overheard:
        """All that was said and was true so far, episode by episode."""
        batches = [
            {name: np.stack([slot[name] for slot in batch], axis=1) for name in batch[0]} for batch in self._episodes
        ]
        return Overheard(**{name: np.concatenate([batch[name] for batch in batches]) for name in batches[0]})
