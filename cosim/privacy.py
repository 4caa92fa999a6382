"""What a fleet gives away: attacks on its messages, beside what it restores with them."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cosim.episodes import held_out_episodes
from cosim.errors import RecordError, RepetitionError
from cosim.experiment import Progress, Tally, default_replicas, run_episodes, slot_counter
from cosim.loading import choices, eavesdrop, load, permit
from cosim.metrics import EpisodeTotals, Estimate
from cosim.records.store import StoredRun, is_run_folder
from cosim.records.stored_training import is_training_folder
from cosim.repetition import run_again, system_of
from cosim.schedule import Schedule
from cosim.statistics import bootstrap, mean
from cosim.system import System
from cosim.workers import OnSlots

if TYPE_CHECKING:
    from cosim.loading import Attacker, Eavesdropper, Guarantee, Listening, Overheard, Reconstruction

#: Held-out episodes; half of them the attacker knows all about.
DEFAULT_EPISODES = 128
#: Held-out episodes that teach those who attack a stored run, at least.
LEAST_TEACHING = 64
#: Parts of what is found that are more than numbers and words.
STRUCTURED = ("run", "metrics", "attacks", "membership", "guarantee")


@dataclass(frozen=True)
class Attack:
    """An attack.

    Attributes:
        hears: What the attacker hears, see `agents.twins.observers.OBSERVERS`.
        attacker: How he guesses: `neighbours`, `network` or `sequence`.
        found: How well private values were guessed.
    """

    hears: str
    attacker: str
    found: Reconstruction


@dataclass(frozen=True)
class AttackedRun:
    """The stored run that was attacked.

    Attributes:
        folder: The run folder.
        episodes_planned: Episodes that the run was to have.
        interrupted: Whether the run has no summary.
    """

    folder: str
    episodes_planned: int
    interrupted: bool


@dataclass(frozen=True)
class Privacy:
    """What a fleet gives away.

    Attributes:
        scenario: Name of the scenario.
        controller: Who decides.
        seed: The scenario's seed.
        run: The stored run whose episodes these are; None for held-out episodes.
        episodes: Number of episodes whose traffic is counted and whose metrics stand here.
        episodes_known: Number of episodes that the attackers know all about: of held-out ones the first half, of a
            stored run others than its own.
        fleet_size: Number of EVs.
        traffic: What went over the bus, and in training would; see `agents.twins.bus.MessageBus.report`.
        metrics: What the fleet restores in these episodes.
        attacks: What attackers find out.
        membership: How well the sums tell a vehicle that was in a run from one that was not: the probability that it
            looks likelier, 0.5 for a guess; see `agents.twins.membership`. Without a mean where one episode is asked
            about, which has no other to take strangers from.
        guarantee: What the noise on messages guarantees, see `agents.twins.accountant`; None without noise.
        wall_s: Time that it took [s].
    """

    scenario: str
    controller: str
    seed: int
    run: AttackedRun | None
    episodes: int
    episodes_known: int
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
            "run": None if self.run is None else asdict(self.run),
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
    listening = eavesdrop(system, allow_code=allow_code)
    on_slots = slot_counter(0, episodes * system.clock.slots, progress)
    heard, totals = _held_out(system, listening.listener, episodes, on_slots, allow_code=allow_code)
    known, asked = heard.episodes(0, episodes // 2), heard.episodes(episodes // 2, episodes)
    return _attacked(system, listening, listening.count(heard), totals, known, asked, begun_s=begun_s)


def privacy_of_run(
    folder: str | Path,
    *,
    episodes: int | None = None,
    allow_code: bool = False,
    progress: Progress | None = None,
) -> Privacy:
    """Attack the messages of a stored run: its own episodes, run again with somebody who listens.

    The attackers learn from held-out episodes of the same scenario, none of which is in the run.

    Args:
        folder: The run folder; of an interrupted run the episodes that are finished.
        episodes: Number of held-out episodes that teach the attackers; default: as many as the run has, at least 64.
        allow_code: Whether code that is not part of this distribution may be loaded.
        progress: Called while the episodes run.

    Returns:
        What attackers find out, and what the fleet restores.

    Raises:
        RecordError: If the folder holds no run or is damaged, a file that the run was made from is missing, or no
            episode is finished.
        RepetitionError: If the run is not the same when it is run again here.
        ControllerError: If the controller's EVs share nothing, or it cannot be loaded.
        ValueError: If the number of episodes is below 1.
    """
    if episodes is not None and episodes < 1:
        raise ValueError(f"episodes must be at least 1, got {episodes}: they teach attackers")
    stored = _run_with_episodes(Path(folder))
    teaching = episodes or max(LEAST_TEACHING, stored.episodes)
    system = permit(system_of(stored), allow_code=allow_code)
    begun_s = time.perf_counter()
    listening = eavesdrop(system, allow_code=allow_code)
    on_slots = slot_counter(0, (stored.episodes + teaching) * system.clock.slots, progress)
    again = run_again(stored, system, listening.listener, workers=1, allow_code=allow_code, on_slots=on_slots)
    if not again.same:
        raise RepetitionError(f"{folder}: the run does not repeat here; `cosim verify {folder}` shows where it differs")
    asked = listening.listener.overheard()
    # Counted before others say anything.
    traffic = listening.count(asked)
    # A fleet of its own, which remembers nothing of the run.
    teacher = eavesdrop(system, allow_code=allow_code).listener
    known, _ = _held_out(system, teacher, teaching, on_slots, allow_code=allow_code)
    run = AttackedRun(str(folder), stored.metadata["episodes"], stored.summary is None)
    return _attacked(system, listening, traffic, again.totals, known, asked, begun_s=begun_s, run=run)


def _run_with_episodes(folder: Path) -> StoredRun:
    """A run folder with at least one finished episode."""
    if is_training_folder(folder) and not is_run_folder(folder):
        raise RecordError(f"{folder} holds a training, no run; name a folder that `cosim run --out` has written")
    stored = StoredRun(folder)
    if not stored.episodes:
        raise RecordError(f"{folder}: no episode of the run is finished, so that there is nothing to attack")
    return stored


def _held_out(
    system: System, listener: Eavesdropper, episodes: int, on_slots: OnSlots, *, allow_code: bool
) -> tuple[Overheard, EpisodeTotals]:
    """What a listener hears in the first held-out episodes, and what is kept of each of them."""
    tally = Tally(system, keep=False)
    run_episodes(
        system,
        listener,
        Schedule(held_out_episodes(episodes), default_replicas(episodes, 1), system.clock.slots),
        allow_code=allow_code,
        on_slots=on_slots,
        on_batch=lambda numbers, records, _: tally.add(numbers, records),
    )
    return listener.overheard(), tally.totals


def _attacked(
    system: System,
    listening: Listening,
    traffic: dict[str, Any],
    totals: EpisodeTotals,
    known: Overheard,
    asked: Overheard,
    *,
    begun_s: float,
    run: AttackedRun | None = None,
) -> Privacy:
    """What attackers who know some episodes find out of others, beside the traffic and totals of those that count."""
    attacker, seed = listening.attacker, system.scenario.seed
    attacks = _attacks(attacker, known, asked, messages=_sends(traffic, "Intention"))
    return Privacy(
        scenario=system.scenario.name,
        controller=system.scenario.controller.name,
        seed=seed,
        run=run,
        episodes=len(totals.episode),
        episodes_known=len(known.decided),
        fleet_size=system.spec.fleet_size,
        traffic=traffic,
        metrics=totals.estimates(seed),
        attacks=attacks,
        membership=bootstrap(mean, attacker.find_members(known, asked)[None], seed=seed),
        guarantee=listening.guarantee,
        wall_s=time.perf_counter() - begun_s,
    )


def _sends(traffic: Mapping[str, Any], kind: str) -> bool:
    """Whether a class of messages goes to anybody in use."""
    return any((flow["class"], flow["phase"]) == (kind, "execution") for flow in traffic["flows"])


def _attacks(attacker: Attacker, known: Overheard, asked: Overheard, *, messages: bool) -> list[Attack]:
    """All attackers on some episodes, who have learned from others; nobody hears messages where none are sent."""
    return [
        Attack(hears, name, attacker.reconstruct(known, asked, hears, attacker=name))
        for hears in attacker.observers(messages=messages)
        for name in attacker.attackers(hears)
    ]
