"""Weights of trained fleets: a safetensors file, and beside it a JSON file that says what they are."""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
from torch import Tensor

from agents.algorithm import Algorithm
from agents.catalogue import check_fleet, find_line, make_algorithm, make_settings
from agents.turns import Order
from cosim.errors import ControllerError
from cosim.interface import FleetSpec

#: Changes when features change their meaning: weights of another version see nonsense.
FEATURES_VERSION = 1


@dataclass(frozen=True)
class FleetCard:
    """What trained weights are.

    Attributes:
        algorithm: Name of the line.
        settings: Its settings.
        order: Whether EVs decide one after another; weights are run in the order that they were trained in.
        stations: Names of the stations that they know.
        fleet_size: EVs that they were trained with; the most, where it varied.
        episodes: Episodes of training.
        seed: Seed of the training.
        validation: Mean restoration ratio on the episodes of validation, or mean reward where EVs commute.
        command: How they were trained.
        features_version: Version of the features.
        sha256: Fingerprint of the weights file.
        vary: What varied in training, as it was written; empty for one scenario.
    """

    algorithm: str
    settings: Mapping[str, Any]
    order: Order
    stations: tuple[str, ...]
    fleet_size: int
    episodes: int
    seed: int
    validation: float | None
    command: str
    features_version: int = FEATURES_VERSION
    sha256: str = field(default="")
    vary: str = ""


def save_weights(path: Path, weights: Mapping[str, Tensor], card: FleetCard) -> None:
    """Write weights, and what they are.

    Args:
        path: The weights file, `.safetensors`; the card is written beside it as `.json`.
        weights: The weights that decide, by name.
        card: What they are.

    Raises:
        OSError: If a file cannot be written.
    """
    content = safetensors.torch.save({name: value.contiguous() for name, value in weights.items()})
    whole = {**asdict(card), "sha256": hashlib.sha256(content).hexdigest()}
    for file, data in (
        (path, content),
        (path.with_suffix(".json"), (json.dumps(whole, indent=2) + "\n").encode()),
    ):
        # Never half a file under its name.
        part = file.with_suffix(file.suffix + ".part")
        part.write_bytes(data)
        part.replace(file)


def load_weights(path: Path, spec: FleetSpec, *algorithms: str) -> tuple[Algorithm, FleetCard]:
    """Read weights for a fleet.

    Args:
        path: The weights file.
        spec: The fleet.
        algorithms: Names of the lines that they may be of.

    Raises:
        ControllerError: If they are missing, damaged, altered, of another line or version, or for other stations.
    """
    card = _read_card(path.with_suffix(".json"))
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ControllerError(f"{path}: cannot be read ({error.strerror})") from error
    if hashlib.sha256(content).hexdigest() != card.sha256:
        raise ControllerError(f"{path}: is not the file that {path.with_suffix('.json').name} describes")
    if card.algorithm not in algorithms:
        allowed = " or ".join(repr(name) for name in algorithms)
        raise ControllerError(f"{path}: holds weights of {card.algorithm!r}, not of {allowed}")
    if card.features_version != FEATURES_VERSION:
        raise ControllerError(
            f"{path}: was trained on version {card.features_version} of the features, not {FEATURES_VERSION}; "
            "train it anew"
        )
    if card.stations != spec.station_name:
        known, there = ", ".join(card.stations), ", ".join(spec.station_name)
        raise ControllerError(f"{path}: knows the stations {known}, but the scenario has {there}")
    line = find_line(card.algorithm)
    check_fleet(line, spec_commutes=spec.day is not None)
    if line.own_networks and card.fleet_size != spec.fleet_size:
        raise ControllerError(
            f"{path}: holds a network for each of {card.fleet_size} EVs, but the scenario has {spec.fleet_size}; "
            f"set fleet.size={card.fleet_size} or train it anew"
        )
    given = {name: value for name, value in card.settings.items() if name not in line.presets}
    made = make_algorithm(line, spec, make_settings(line, given), card.seed)
    made.load_weights(_tensors(path, content, made))
    return made, card


def _tensors(path: Path, content: bytes, algorithm: Algorithm) -> dict[str, Tensor]:
    try:
        tensors = safetensors.torch.load(content)
    except (safetensors.SafetensorError, struct.error, ValueError) as error:
        raise ControllerError(f"{path}: is no safetensors file ({error})") from error
    expected = {name: tuple(value.shape) for name, value in algorithm.weights().items()}
    if {name: tuple(value.shape) for name, value in tensors.items()} != expected:
        raise ControllerError(f"{path}: its tensors are not those of its settings")
    return tensors


def _read_card(path: Path) -> FleetCard:
    try:
        read = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ControllerError(f"{path}: cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise ControllerError(f"{path}: is no JSON ({error})") from error
    try:
        card = FleetCard(**{**read, "stations": tuple(read["stations"])})
    except (TypeError, KeyError) as error:
        raise ControllerError(f"{path}: does not describe weights of a fleet ({error})") from error
    if not isinstance(card.settings, dict):
        raise ControllerError(f"{path}: settings must be an object")
    return card
