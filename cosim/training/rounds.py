"""Which episodes train and which validate, round after round."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cosim.episodes import VALIDATION

#: Rounds of training between two validations.
ROUNDS_PER_VALIDATION = 8


@dataclass(frozen=True)
class Round:
    """Episodes side by side.

    Attributes:
        number: Rounds of training before it.
        validates: Whether it is one of validation.
        episodes: Numbers of its episodes.
    """

    number: int
    validates: bool
    episodes: tuple[int, ...]


@dataclass(frozen=True)
class Plan:
    """The rounds of a training, with validation between them and at the end.

    Attributes:
        episodes: Episodes of training; rounded up to whole rounds.
        replicas: Episodes of a round.
    """

    episodes: int
    replicas: int

    @property
    def rounds(self) -> int:
        """Rounds of training."""
        return -(-self.episodes // self.replicas)

    def validates_after(self, done: int) -> bool:
        """Whether there is a validation after so many rounds of training."""
        return done > 0 and (done % ROUNDS_PER_VALIDATION == 0 or done == self.rounds)

    def rest(self, done: int, validated: bool) -> Iterator[Round]:
        """The rounds that are left.

        Args:
            done: Rounds of training that are done.
            validated: Whether the validation after them is done, if there is one.
        """
        if not validated and self.validates_after(done):
            yield self._validation(done)
        for number in range(done, self.rounds):
            first = number * self.replicas
            yield Round(number, False, tuple(range(first, first + self.replicas)))
            if self.validates_after(number + 1):
                yield self._validation(number + 1)

    def _validation(self, done: int) -> Round:
        return Round(done, True, tuple(VALIDATION[: self.replicas]))
