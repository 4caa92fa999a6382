"""Trains fleets inside the co-simulation."""

from cosim.training.folder import what_is_kept
from cosim.training.request import CHECKPOINT_EVERY, Trained, Training
from cosim.training.training import train

__all__ = ["CHECKPOINT_EVERY", "Trained", "Training", "train", "what_is_kept"]
