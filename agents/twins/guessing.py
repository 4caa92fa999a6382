"""How an attacker guesses what is private from what he hears: by the nearest of known samples, or by a network."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from torch import Tensor, nn

#: Nearest neighbours that are averaged.
NEIGHBOURS = 25
#: Training of the network that attacks.
WIDTH, STEPS, ROWS, RATE = 128, 1000, 512, 3e-3
#: Training of the network that reads slot by slot: sequences at a time, how often each is seen, and steps at most.
SEQUENCE_WIDTH, SEQUENCES, EPOCHS, MOST_STEPS, SEQUENCE_RATE = 64, 64, 100, 3000, 5e-3

Features = NDArray[np.float64]


def scaled_alike(features: Features, asked: Features) -> tuple[Features, Features]:
    """Features of known and of other samples, with mean 0 and deviation 1 over the known ones."""
    mean, spread = features.mean(axis=0), features.std(axis=0)
    scale = np.where(spread > 1e-9, spread, 1.0)
    return (features - mean) / scale, (asked - mean) / scale


def by_neighbours(features: Features, truths: Features, asked: Features) -> Features:
    """The mean truth of the nearest samples; of equals, the first."""
    _, nearest = cKDTree(features).query(asked, k=min(NEIGHBOURS, len(features)))
    guess: Features = truths[nearest.reshape(len(asked), -1)].mean(axis=1)
    return guess


def by_network(features: Features, truths: Features, asked: Features) -> Features:
    """What a network makes of it that has learned on the samples."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = nn.Sequential(
            nn.Linear(features.shape[1], WIDTH), nn.ReLU(), nn.Linear(WIDTH, WIDTH), nn.ReLU(),
            nn.Linear(WIDTH, truths.shape[1]),
        )  # fmt: skip
        mean, spread = _scale(truths)
        inputs, wanted = _tensor(features), _tensor((truths - mean) / spread)

        def loss() -> Tensor:
            rows = torch.randint(len(inputs), (min(ROWS, len(inputs)),))
            return _error(network(inputs[rows]), wanted[rows])

        _train(network, loss, STEPS, RATE)
        return _said(network, asked) * spread + mean


def by_sequence(features: Features, truths: Features, counted: NDArray[np.bool_], asked: Features) -> Features:
    """What a recurrent network makes of what it has heard so far, slot by slot.

    Args:
        features: What is heard in each slot of known sequences, shape [N, T, F].
        truths: What was true then, shape [N, T, K].
        counted: Whether the network learns from the slot, shape [N, T]; True somewhere.
        asked: What is heard in each slot of other sequences, shape [M, T, F].

    Returns:
        What it takes to be true in each of their slots, of which it has heard nothing that comes later, shape
        [M, T, K].
    """
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = _Reader(features.shape[2], truths.shape[2])
        mean, spread = _scale(truths[counted])
        inputs, wanted, counts = _tensor(features), _tensor((truths - mean) / spread), torch.from_numpy(counted)
        # Where no slot counts there is nothing to learn, and a mean over nothing is no number.
        drawn_from = torch.nonzero(counts.any(dim=1))[:, 0]
        at_once = min(SEQUENCES, len(drawn_from))

        def loss() -> Tensor:
            rows = drawn_from[torch.randint(len(drawn_from), (at_once,))]
            return _error(network(inputs[rows])[counts[rows]], wanted[rows][counts[rows]])

        _train(network, loss, min(EPOCHS * -(-len(drawn_from) // at_once), MOST_STEPS), SEQUENCE_RATE)
        return _said(network, asked) * spread + mean


class _Reader(nn.Module):
    """A gated recurrent unit, and a network that makes of its memory and of the slot what is true then.

    Args:
        features: Numbers that are heard in a slot.
        truths: Numbers that are to be guessed.
    """

    def __init__(self, features: int, truths: int) -> None:
        super().__init__()
        self._memory = nn.GRU(features, SEQUENCE_WIDTH, batch_first=True)
        self._head = nn.Sequential(
            nn.Linear(SEQUENCE_WIDTH + features, SEQUENCE_WIDTH), nn.ReLU(), nn.Linear(SEQUENCE_WIDTH, truths)
        )

    def forward(self, heard: Tensor) -> Tensor:
        """Guesses [N, T, K] from what is heard [N, T, F]."""
        remembered, _ = self._memory(heard)
        guesses: Tensor = self._head(torch.cat([remembered, heard], dim=-1))
        return guesses


def _scale(truths: Features) -> tuple[Features, Features]:
    """Mean and deviation of truths, the latter above 0."""
    return truths.mean(axis=0), np.maximum(truths.std(axis=0), 1e-9)


def _tensor(values: Features) -> Tensor:
    return torch.from_numpy(values.astype(np.float32))


def _error(guesses: Tensor, wanted: Tensor) -> Tensor:
    """Errors are judged by their size, not by its square."""
    return nn.functional.smooth_l1_loss(guesses, wanted, beta=0.1)


def _train(network: nn.Module, loss: Callable[[], Tensor], steps: int, rate: float) -> None:
    optimiser = torch.optim.Adam(network.parameters(), lr=rate)
    schedule = torch.optim.lr_scheduler.LinearLR(optimiser, 1.0, 0.05, steps)
    for _ in range(steps):
        optimiser.zero_grad(set_to_none=True)
        loss().backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()


def _said(network: nn.Module, asked: Features) -> Features:
    with torch.no_grad():
        said: Features = network(_tensor(asked)).double().numpy()
    return said
