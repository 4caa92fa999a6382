"""Trains fleets inside the co-simulation."""

from cosim.training.folder import what_is_kept
from cosim.training.request import Trained, Training
from cosim.training.training import train
from cosim.training.variants import load_variants

__all__ = ["Trained", "Training", "load_variants", "train", "what_is_kept"]
