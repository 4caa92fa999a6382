"""Ctrl-C is noted once, and raised the second time."""

from __future__ import annotations

import os
import signal
from concurrent.futures import ThreadPoolExecutor

import pytest

from cosim.training.interrupts import noted_interrupts


def test_the_first_is_noted_and_the_second_raised() -> None:
    with noted_interrupts() as interrupts:
        assert not interrupts.asked
        os.kill(os.getpid(), signal.SIGINT)
        assert interrupts.asked
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_elsewhere_all_stays_as_it_is() -> None:
    def handler() -> object:
        with noted_interrupts():
            return signal.getsignal(signal.SIGINT)

    with ThreadPoolExecutor(max_workers=1) as executor:
        assert executor.submit(handler).result() is signal.default_int_handler
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        assert handler() is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
