"""Fleets that have learned: they only decide."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from agents.algorithm import Algorithm, FleetAlgorithm
from agents.board import IntentionBoard
from agents.catalogue import LINES, find_line
from agents.commuters.algorithm import CommuterAlgorithm
from agents.commuters.learning import CommuterFleet
from agents.episode_replay import Arrays
from agents.learning import FleetDecider
from agents.telling import Telling
from agents.turns import ROUNDS, Order
from agents.weights import FleetCard, load_weights
from cosim.errors import ControllerError
from cosim.interface import Action, FleetSpec, Observation

if TYPE_CHECKING:
    from agents.twins.twin_board import TwinBoard

FOLDER = Path(__file__).parent / "fleets"


class TrainedFleet:
    """Decides with trained networks.

    Args:
        spec: The fleet.
        weights: The weights file; default: those that ship.
        offer_unit_kwh: Unit in which EVs tell what they offer [kWh]; 0 for all digits.
        offer_noise_kwh: Standard deviation of the noise on it [kWh], see `OfferNoise`; 0 for none.
        message_latency_h: Simulated time until a message arrives [h]. EVs decide as a slot begins, so it is known from
            the first slot on that begins no earlier.
        message_loss: Share of the messages that never arrive.
        rounds: Rounds of a slot: the EVs of each decide at once. 0 for the order of the training.
        bus: How twins hear of each other on the message bus, see `agents.twins.twin_board`; for fleets that learned
            from messages. Empty for the same without the bus, which is faster.

    Raises:
        ControllerError: If the weights do not fit, or an option is out of its range.
    """

    LINE = ""

    def __init__(
        self,
        spec: FleetSpec,
        weights: str = "",
        offer_unit_kwh: float = 0.0,
        offer_noise_kwh: float = 0.0,
        message_latency_h: float = 0.0,
        message_loss: float = 0.0,
        rounds: int = 0,
        bus: str = "",
    ) -> None:
        telling = Telling(offer_unit_kwh, offer_noise_kwh, _slots_of(message_latency_h, spec.slot_h), message_loss)
        algorithm, self.card = _trained(self.LINE, weights, spec)
        if not isinstance(algorithm, FleetAlgorithm):
            raise ControllerError(f"{self.LINE} does not choose where to go")
        self.weights = _numbers(algorithm)
        """Numbers in the network that decides."""
        order = _order(self.card, rounds)
        self._twins = None if bus in ("", None) else _twins(self.card, spec, telling, order, bus)
        self.board = self._twins or IntentionBoard.of_fleet(spec, telling)
        self._decider = FleetDecider(spec, algorithm, order, rounds or ROUNDS, self.board)

    def act(self, observation: Observation) -> Action:
        """The best choice of each EV by the networks."""
        known = observation if self._twins is None else self._twins.hear(observation)
        return self._decider.decide(known)[0]


class TrainedCommuters:
    """Decides for EVs that commute with trained networks.

    Args:
        spec: The fleet.
        weights: The weights file; default: those that ship.
    """

    LINE = ""

    def __init__(self, spec: FleetSpec, weights: str = "") -> None:
        algorithm, self.card = _trained(self.LINE, weights, spec)
        if not isinstance(algorithm, CommuterAlgorithm):
            raise ControllerError(f"{self.LINE} does not guide EVs that commute")
        self.weights = _numbers(algorithm)
        """Numbers in the network that decides."""
        self._fleet = CommuterFleet(spec, algorithm)

    def act(self, observation: Observation) -> Action:
        """The power of each EV by the networks."""
        return self._fleet.act(observation)

    def told(self) -> Arrays:
        """What twins would tell of the last slot, see `CommuterFleet.told`."""
        return self._fleet.told()


def _numbers(algorithm: Algorithm) -> int:
    return sum(values.numel() for values in algorithm.weights().values())


def _slots_of(latency_h: float, slot_h: float) -> int:
    """Slots until a message is known that takes so long."""
    if isinstance(latency_h, bool) or not isinstance(latency_h, int | float) or not 0.0 <= latency_h < math.inf:
        raise ControllerError(
            f"controller.options.message_latency_h: must be a number of at least 0, got {latency_h!r}"
        )
    # What differs by rounding only is no slot more.
    return math.ceil(round(latency_h / slot_h, 9))


def _order(card: FleetCard, rounds: int) -> Order:
    """The order in which a fleet decides, if it is asked for so many rounds."""
    if type(rounds) is not int or rounds < 0:
        raise ControllerError(f"controller.options.rounds: must be a whole number of at least 0, got {rounds!r}")
    if not rounds:
        return card.order
    if "rounds" not in find_line(card.algorithm).orders:
        raise ControllerError(
            f"controller.options.rounds: {card.algorithm} decides {card.order} only, not in rounds; leave it out"
        )
    return "rounds"


def _twins(card: FleetCard, spec: FleetSpec, telling: Telling, order: Order, way: Any) -> TwinBoard:
    """The board on the bus, for fleets that know no more than what messages tell."""
    if find_line(card.algorithm).shares != "messages":
        able = ", ".join(line.name for line in LINES if line.shares == "messages" and not line.commutes)
        raise ControllerError(
            f"controller.options.bus: {card.algorithm} sees more than messages tell; on the bus run {able}"
        )
    if way == "shares" and order == "sequential":
        raise ControllerError(
            "controller.options.bus: shares hide an EV among those that decide with it, and here one decides after "
            "another; set controller.options.rounds too"
        )
    # Who does not use the bus needs no msgpack.
    from agents.twins.twin_board import TwinBoard

    return TwinBoard(spec, telling, way)


def _trained(line: str, weights: str, spec: FleetSpec) -> tuple[Algorithm, FleetCard]:
    """Read weights of a line: those of a file, or those that ship."""
    # One thread: with small networks more threads only wait for each other.
    torch.set_num_threads(1)
    path = Path(weights) if weights else FOLDER / f"{line}.safetensors"
    if not weights and not path.exists():
        raise ControllerError(
            f"no weights of {line!r} ship; train it and set controller.options.weights=DIR/best.safetensors"
        )
    return load_weights(path, spec, line)


class MaddqnFleet(TrainedFleet):
    """MADDQN."""

    LINE = "maddqn"


class AdmaddpgFleet(TrainedFleet):
    """AD-MADDPG."""

    LINE = "admaddpg"


class AdmaddpgNoLstmFleet(TrainedFleet):
    """AD-MADDPG that remembers no earlier slot."""

    LINE = "admaddpg-no-lstm"


class TeamPpoFleet(TrainedFleet):
    """MADDQN, fine-tuned by the team's reward."""

    LINE = "team-ppo"


class AdmaddpgLiteralFleet(TrainedFleet):
    """AD-MADDPG with heading, distance and power by sigmoid."""

    LINE = "admaddpg-literal"


class MaddpgFleet(TrainedFleet):
    """MADDPG with heading, distance and power by sigmoid."""

    LINE = "maddpg"


class MaddpgPointerFleet(TrainedFleet):
    """MADDPG whose actors choose stations and modes."""

    LINE = "maddpg-pointer"


class MaddpgMessagesFleet(TrainedFleet):
    """MADDPG on messages."""

    LINE = "maddpg-messages"


class DtMaddpgFleet(TrainedFleet):
    """Digital twins that share predictions."""

    LINE = "dt-maddpg"


class IndependentFleet(TrainedFleet):
    """A network of its own for each EV."""

    LINE = "independent"


class V2gIlFleet(TrainedCommuters):
    """Commuters, each with networks of its own."""

    LINE = "v2g-il"


class V2gMaddpgFleet(TrainedCommuters):
    """Commuters trained by a critic that is told all."""

    LINE = "v2g-maddpg"


class V2gDtMaddpgFleet(TrainedCommuters):
    """Commuters whose digital twins share predictions."""

    LINE = "v2g-dt-maddpg"
