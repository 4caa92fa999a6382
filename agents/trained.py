"""Fleets that have learned: they only decide."""

from __future__ import annotations

from pathlib import Path

import torch

from agents.algorithm import Algorithm, FleetAlgorithm
from agents.commuters.algorithm import CommuterAlgorithm
from agents.commuters.learning import CommuterFleet
from agents.episode_replay import Arrays
from agents.learning import FleetDecider
from agents.telling import Telling
from agents.weights import FleetCard, load_weights
from cosim.errors import ControllerError
from cosim.interface import Action, FleetSpec, Observation

FOLDER = Path(__file__).parent / "fleets"


class TrainedFleet:
    """Decides with trained networks.

    Args:
        spec: The fleet.
        weights: The weights file; default: those that ship.
        offer_unit_kwh: Unit in which EVs tell what they offer [kWh]; 0 for all digits.
        offer_noise_kwh: Standard deviation of the noise on it [kWh], see `OfferNoise`; 0 for none.
        message_latency_slots: Slots until a message arrives.
        message_loss: Share of the messages that never arrive.
    """

    LINE = ""

    def __init__(
        self,
        spec: FleetSpec,
        weights: str = "",
        offer_unit_kwh: float = 0.0,
        offer_noise_kwh: float = 0.0,
        message_latency_slots: int = 0,
        message_loss: float = 0.0,
    ) -> None:
        telling = Telling(offer_unit_kwh, offer_noise_kwh, message_latency_slots, message_loss)
        algorithm, self.card = _trained(self.LINE, weights, spec)
        if not isinstance(algorithm, FleetAlgorithm):
            raise ControllerError(f"{self.LINE} does not choose where to go")
        self._decider = FleetDecider(spec, algorithm, self.card.order, telling)
        self.board = self._decider.board

    def act(self, observation: Observation) -> Action:
        """The best choice of each EV by the networks."""
        return self._decider.decide(observation)[0]


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
        self._fleet = CommuterFleet(spec, algorithm)

    def act(self, observation: Observation) -> Action:
        """The power of each EV by the networks."""
        return self._fleet.act(observation)

    def told(self) -> Arrays:
        """What twins would tell of the last slot, see `CommuterFleet.told`."""
        return self._fleet.told()


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
