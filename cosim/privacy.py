"""What a fleet gives away: attacks on its messages, beside what it restores with them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cosim.episodes import held_out_episodes
from cosim.experiment import Progress, Tally, default_replicas, run_episodes, slot_counter
from cosim.loading import choices, eavesdrop, load, permit
from cosim.metrics import Estimate
from cosim.schedule import Schedule
from cosim.statistics import bootstrap, mean
from cosim.system import System

if TYPE_CHECKING:
    from cosim.loading import Attacker, Guarantee, Overheard, Reconstruction

#: Held-out episodes; half of them the attacker knows all about.
DEFAULT_EPISODES = 128
#: Parts of what is found that are more than numbers and words.
STRUCTURED = ("metrics", "attacks", "membership", "guarantee")


@dataclass(frozen=True)
class Attack:
    """An attack.

    Attributes:
        hears: What the attacker hears, see `agents.twins.attack.OBSERVERS`.
        attacker: How he guesses: `neighbours`, `network` or `sequence`.
        found: How well private values were guessed.
    """

    hears: str
    attacker: str
    found: Reconstruction


@dataclass(frozen=True)
class Privacy:
    """What a fleet gives away.

    Attributes:
        scenario: Name of the scenario.
        controller: Who decides.
        seed: The scenario's seed.
        episodes: Number of episodes.
        fleet_size: Number of EVs.
        traffic: What went over the bus, and in training would; see `agents.twins.bus.MessageBus.report`.
        metrics: What the fleet restores in these episodes.
        attacks: What attackers find out.
        membership: How well the sums tell a vehicle that was in a run from one that was not: the probability that it
            looks likelier, 0.5 for a guess; see `agents.twins.membership`.
        guarantee: What the noise on messages guarantees, see `agents.twins.accountant`; None without noise.
        wall_s: Time that it took [s].
    """

    scenario: str
    controller: str
    seed: int
    episodes: int
    fleet_size: int
    traffic: dict[str, Any]
    metrics: dict[str, Estimate]
    attacks: Sequence[Attack]
    membership: Estimate
    guarantee: Guarantee | None
    wall_s: float

    def summary(self) -> dict[str, Any]:
        """Everything that `cosim privacy --json` prints."""
        return {
            **{name: value for name, value in vars(self).items() if name not in STRUCTURED},
            "metrics": {name: asdict(estimate) for name, estimate in self.metrics.items()},
            "attacks": [{"hears": a.hears, "attacker": a.attacker, **asdict(a.found)} for a in self.attacks],
            "membership": asdict(self.membership),
            "guarantee": None if self.guarantee is None else asdict(self.guarantee),
        }


def privacy(
    scenario: str | Path | System,
    *,
    controller: str | None = None,
    episodes: int = DEFAULT_EPISODES,
    seed: int | None = None,
    engine: str | None = None,
    overrides: Sequence[str] = (),
    allow_code: bool = False,
    progress: Progress | None = None,
) -> Privacy:
    """Attack the messages of a fleet.

    Args:
        scenario: The scenario file, or a system that was built from one.
        controller: Who decides; default: the scenario's. Its EVs must have a board of intentions.
        episodes: Number of held-out episodes, an even number; of the first half the attacker knows all.
        seed: Seed of all random streams; default: the scenario's.
        engine: Power flow engine; default: the scenario's.
        overrides: Assignments such as `fleet.size=40`, for a scenario file only.
        allow_code: Whether code that is not part of this distribution may be loaded.
        progress: Called while the episodes run.

    Returns:
        What attackers find out, and what the fleet restores.

    Raises:
        ScenarioError: If the scenario is wrong.
        ControllerError: If the controller's EVs share nothing, or it cannot be loaded.
        ValueError: If the number of episodes is odd or below 2.
    """
    if episodes < 2 or episodes % 2:
        raise ValueError(f"episodes must be an even number of at least 2, got {episodes}: half of them teach attackers")
    assignments = [*choices(seed=seed, controller=controller, engine=engine), *overrides]
    system = permit(scenario if isinstance(scenario, System) else load(scenario, assignments), allow_code=allow_code)
    begun_s = time.perf_counter()
    listener, attacker, count, guarantee = eavesdrop(system, allow_code=allow_code)
    tally, slots = Tally(system, keep=False), system.clock.slots
    run_episodes(
        system,
        listener,
        Schedule(held_out_episodes(episodes), min(default_replicas(episodes, 1), episodes), slots),
        workers=1,
        complete=False,
        allow_code=allow_code,
        on_slots=slot_counter(0, episodes * slots, progress),
        on_batch=lambda numbers, records, _: tally.add(numbers, records),
    )
    heard = listener.overheard()
    known, asked = heard.episodes(0, episodes // 2), heard.episodes(episodes // 2, episodes)
    found = attacker.find_members(known, asked)
    return Privacy(
        scenario=system.scenario.name,
        controller=system.scenario.controller.name,
        seed=system.scenario.seed,
        episodes=episodes,
        fleet_size=system.spec.fleet_size,
        traffic=count(heard),
        metrics=tally.totals.estimates(system.scenario.seed),
        attacks=_attacks(attacker, known, asked),
        membership=bootstrap(mean, found[None], seed=system.scenario.seed),
        guarantee=guarantee,
        wall_s=time.perf_counter() - begun_s,
    )


def _attacks(attacker: Attacker, known: Overheard, asked: Overheard) -> list[Attack]:
    """All attackers on some episodes, who have learned from others."""
    return [
        Attack(hears, name, attacker.reconstruct(known, asked, hears, attacker=name))
        for hears in attacker.observers
        for name in attacker.attackers(hears)
    ]
