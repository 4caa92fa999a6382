"""Which episodes of which variant train and which validate, round after round."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cosim.episodes import VALIDATION

#: Rounds of training of each variant between two validations.
ROUNDS_PER_VALIDATION = 8


@dataclass(frozen=True)
class Round:
    """Episodes side by side.

    Attributes:
        number: Rounds of training before it.
        validates: Whether it is one of validation.
        variant: Number of the variant of the scenario.
        episodes: Numbers of its episodes.
    """

    number: int
    validates: bool
    variant: int
    episodes: tuple[int, ...]


@dataclass(frozen=True)
class Plan:
    """The rounds of a training, with validation between them and at the end.

    Rounds of training take turns among the variants; a validation is a round of each.

    Attributes:
        episodes: Episodes of training; rounded up to whole rounds.
        replicas: Episodes of a round.
        variants: Number of variants of the scenario.
    """

    episodes: int
    replicas: int
    variants: int = 1

    @property
    def rounds(self) -> int:
        """Rounds of training."""
        return -(-self.episodes // self.replicas)

    def validates_after(self, done: int) -> bool:
        """Whether there is a validation after so many rounds of training."""
        return done > 0 and (done % (ROUNDS_PER_VALIDATION * self.variants) == 0 or done == self.rounds)

    def rest(self, done: int, validated: bool) -> Iterator[Round]:
        """The rounds that are left.

        Args:
            done: Rounds of training that are done.
            validated: Whether the validation after them is done, if there is one.
        """
        if not validated:
            yield from self.validation(done)
        for number in range(done, self.rounds):
            yield self.training(number)
            yield from self.validation(number + 1)

    def training(self, number: int) -> Round:
        """A round of training by its number."""
        first = number * self.replicas
        return Round(number, False, number % self.variants, tuple(range(first, first + self.replicas)))

    def validation(self, done: int) -> list[Round]:
        """The rounds of validation after so many of training; none if there is no validation then."""
        if not self.validates_after(done):
            return []
        return [self.validation_of(variant, done) for variant in range(self.variants)]

    def validation_of(self, variant: int, done: int) -> Round:
        """The round of validation of a variant after so many of training."""
        return Round(done, True, variant, tuple(VALIDATION[: self.replicas]))
