"""Efforts add up; of the ledger's errors the largest counts."""

from cosim.effort import COMPONENTS, Effort


def test_efforts_add_up() -> None:
    one = Effort(12, 0.5, dict.fromkeys(COMPONENTS, 0.1), 2e-9)
    other = Effort(24, 1.0, dict.fromkeys(COMPONENTS, 0.25), 1e-9)
    assert one.plus(other) == Effort(36, 1.5, dict.fromkeys(COMPONENTS, 0.35), 2e-9)
    assert Effort().plus(one) == one
