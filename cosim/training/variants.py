"""The variants of a scenario that one policy is trained for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from cosim.loading import load_as_typed
from cosim.scenario.source import override_source
from cosim.scenario.variation import parse_variation
from cosim.system import System


def load_variants(scenario: str | Path, overrides: Sequence[str], vary: str) -> dict[str, System]:
    """Load all variants of a scenario.

    Args:
        scenario: The scenario file.
        overrides: Assignments such as `fleet.soc_min=0.2`.
        vary: A number of the scenario and its values, `fleet.size=20:40:10` (both ends included) or
            `fleet.size=20,30,40`; has the last word.

    Returns:
        Systems by the assignment that makes each of them, in order.

    Raises:
        ScenarioError: If the scenario or what varies is wrong.
    """
    variation = parse_variation(vary)
    typed = [(override, override_source(override)) for override in overrides]
    return {
        override: load_as_typed(scenario, [*typed, (override, variation.source)]) for override in variation.overrides
    }
