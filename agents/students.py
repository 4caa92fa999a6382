"""Fleets that learn, of either kind: those that choose where to go, and those that commute."""

from __future__ import annotations

from collections.abc import Callable

from agents.algorithm import Algorithm, FleetAlgorithm
from agents.commuters.algorithm import CommuterAlgorithm
from agents.commuters.learning import CommutersInTraining, kept_of_commuters
from agents.episode_replay import Shapes
from agents.exploration import Exploration
from agents.learning import FleetInTraining, kept_shapes
from agents.turns import Order
from cosim.interface import Episodes, FleetSpec

Student = FleetInTraining | CommutersInTraining


def kept_of(spec: FleetSpec, algorithm: Algorithm) -> Shapes:
    """What is kept of an episode: shape and type by name."""
    if isinstance(algorithm, CommuterAlgorithm):
        return kept_of_commuters(spec, algorithm)
    if isinstance(algorithm, FleetAlgorithm):
        return kept_shapes(spec, algorithm)
    raise TypeError(f"{type(algorithm).__name__} does not say how it decides")


def make_student(
    spec: FleetSpec,
    algorithm: Algorithm,
    *,
    order: Order,
    validation_from: int,
    exploration: Callable[[int], Exploration],
    on_episodes: Callable[[Episodes], None],
) -> Student:
    """A fleet that explores, keeps and hands on.

    Args:
        spec: The fleet.
        algorithm: Whose networks decide.
        order: Whether EVs decide one after another.
        validation_from: Episodes from this number on are of validation.
        exploration: Gives the random choices of so many episodes side by side.
        on_episodes: Called when episodes have ended.
    """
    if isinstance(algorithm, CommuterAlgorithm):
        return CommutersInTraining(
            spec, algorithm, validation_from=validation_from, exploration=exploration, on_episodes=on_episodes
        )
    if isinstance(algorithm, FleetAlgorithm):
        return FleetInTraining(
            spec,
            algorithm,
            order=order,
            validation_from=validation_from,
            exploration=exploration,
            on_episodes=on_episodes,
        )
    raise TypeError(f"{type(algorithm).__name__} does not say how it decides")
