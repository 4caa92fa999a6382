"""Fleets that have learned: they only decide."""

from __future__ import annotations

from pathlib import Path

import torch

from agents.learning import FleetDecider
from agents.telling import Telling
from agents.weights import load_weights
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
        # One thread: with small networks more threads only wait for each other.
        torch.set_num_threads(1)
        path = Path(weights) if weights else FOLDER / f"{self.LINE}.safetensors"
        if not weights and not path.exists():
            raise ControllerError(
                f"no weights of {self.LINE!r} ship; train it and set controller.options.weights=DIR/best.safetensors"
            )
        algorithm, self.card = load_weights(path, spec, self.LINE)
        self._decider = FleetDecider(spec, algorithm, self.card.order, telling)
        self.board = self._decider.board

    def act(self, observation: Observation) -> Action:
        """The best choice of each EV by the networks."""
        return self._decider.decide(observation)[0]


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
