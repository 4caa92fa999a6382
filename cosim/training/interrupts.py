"""Ctrl-C while a training goes on: the first one is noted, and answered where a checkpoint can be made."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Interrupts:
    """Whether somebody wants the training to end.

    Attributes:
        asked: Whether they do.
    """

    def __init__(self) -> None:
        self.asked = False


@contextmanager
def noted_interrupts() -> Iterator[Interrupts]:
    """Note the first Ctrl-C instead of raising it; the second one raises `KeyboardInterrupt` at once.

    Only the main thread hears of signals; elsewhere, and where somebody else has taken SIGINT, all stays as it is.
    """
    interrupts = Interrupts()
    main = threading.current_thread() is threading.main_thread()
    if not main or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield interrupts
        return

    def note(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        interrupts.asked = True

    signal.signal(signal.SIGINT, note)
    try:
        yield interrupts
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
