"""How an attacker guesses what is private from what he hears: by the nearest of known samples, or by a network."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from torch import nn

#: Nearest neighbours that are averaged.
NEIGHBOURS = 25
#: Training of the network that attacks.
WIDTH, STEPS, ROWS, RATE = 128, 1000, 512, 3e-3

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
        mean, spread = truths.mean(axis=0), np.maximum(truths.std(axis=0), 1e-9)
        inputs = torch.from_numpy(features.astype(np.float32))
        wanted = torch.from_numpy(((truths - mean) / spread).astype(np.float32))
        optimiser = torch.optim.Adam(network.parameters(), lr=RATE)
        schedule = torch.optim.lr_scheduler.LinearLR(optimiser, 1.0, 0.05, STEPS)
        for _ in range(STEPS):
            rows = torch.randint(len(inputs), (min(ROWS, len(inputs)),))
            # Errors are judged by their size, not by its square.
            loss = nn.functional.smooth_l1_loss(network(inputs[rows]), wanted[rows], beta=0.1)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            schedule.step()
        with torch.no_grad():
            said = network(torch.from_numpy(asked.astype(np.float32))).double().numpy()
    guess: Features = said * spread + mean
    return guess
