"""Calls at a later time, with SimPy's public means."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import simpy


def call_after(
    env: simpy.Environment, delay_s: float, function: Callable[[simpy.Event], None], value: Any = None
) -> simpy.Timeout:
    """Have a function called when some time has passed.

    A callback on a timeout costs a third of a process, and needs no interrupt when plans change.

    Args:
        env: The environment.
        delay_s: The time until the call [s], >= 0.
        function: Called with the event; the event's value is `value`.
        value: What the function needs to know.

    Returns:
        The event.
    """
    event = env.timeout(delay_s, value)
    event.callbacks.append(function)
    return event
