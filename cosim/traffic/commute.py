"""When each EV that commutes comes home, and when it leaves."""

from __future__ import annotations

from dataclasses import dataclass

from cosim.clock import Clock
from cosim.interface import Floats
from cosim.scenario.commute import CLIP_SIGMA, mean_h
from cosim.scenario.schema import CommuteSection, CommuteTime
from cosim.seeding import stream
from cosim.units import SECONDS_PER_HOUR, hours


@dataclass(frozen=True)
class Stays:
    """The stay of each EV at home in an episode.

    Attributes:
        arrive_s: Time at which it comes [s since the episode's start], shape [I].
        depart_s: Time at which it leaves [s since the episode's start], shape [I].
    """

    arrive_s: Floats
    depart_s: Floats


def draw_stays(commute: CommuteSection, clock: Clock, size: int, seed: int, episode: int) -> Stays:
    """Draw the stays of an episode.

    Args:
        commute: The scenario's `fleet.commute`.
        clock: The episode's clock.
        size: Number of EVs.
        seed: The scenario's seed.
        episode: Number of the episode.
    """
    generator = stream(seed, episode, "fleet.commute")

    def draw_s(time: CommuteTime) -> Floats:
        deviation = generator.standard_normal(size).clip(-CLIP_SIGMA, CLIP_SIGMA)
        drawn_s = (mean_h(time) + time.std_h * deviation - hours(clock.start_s)) * SECONDS_PER_HOUR
        # It lies within the episode but for rounding; nothing can happen before its start.
        within_s: Floats = drawn_s.clip(0.0, float(clock.slots * clock.slot_s))
        return within_s

    return Stays(draw_s(commute.arrival), draw_s(commute.departure))
