"""Marks: what is computed from a raw value is raw, whatever the way; planted leaks are found."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from line_fleet import fleet, observe

from agents.board import IntentionBoard
from agents.options import Outlook
from agents.twins.bus import MessageBus
from agents.twins.message import Intention
from agents.twins.node import Node, Population, Role
from agents.twins.taint import UNMARKED, Marked, declarations, derived, mark, mark_of, marked
from agents.twins.traffic_count import Phase
from cosim.errors import MessageError
from cosim.interface import Outcome, Visibility

RAW, DERIVED, PUBLIC = Visibility.RAW, Visibility.DERIVED, Visibility.PUBLIC
SOURCE = "Observation.energy_kwh"


def raw() -> Marked:
    return marked(np.array([30.0, 20.0, 10.0]), RAW, SOURCE)


def fine() -> Marked:
    return derived(np.array([1.0, 2.0, 3.0]), because="a test's")


def send(offers: Any) -> None:
    """Send offers as they are in a field that is declared derived."""
    bus = MessageBus(Population(2, 1, 1))
    intention = Intention(0, 0, derived(1, because="a test's"), offers)
    bus.send(Node(Role.TWIN), Node(Role.STATION), intention, Phase.EXECUTION)


FROM_RAW: dict[str, Callable[[Marked], Any]] = {
    "arithmetic": lambda x: 0.0 * x + np.ones(3),
    "with derived": lambda x: fine() + x,
    "from the right": lambda x: np.ones(3) - x,
    "comparison": lambda x: x > 15.0,
    "indexing": lambda x: x[1:],
    "one value": lambda x: x[1],
    "mask": lambda x: x[x > 15.0],
    "raw index": lambda x: fine()[x.astype(int) % 3],
    "where, as condition": lambda x: np.where(x > 15.0, 1.0, 0.0),
    "where, as value": lambda x: np.where(np.ones(3) > 0, x, 0.0),
    "concatenate": lambda x: np.concatenate([fine(), x]),
    "stack": lambda x: np.stack([x[0], 1.0]),
    "sum": lambda x: x.sum(),
    "mean": lambda x: x.mean(),
    "argmax": lambda x: x.argmax(),
    "sort": lambda x: np.sort(x),
    "cumsum": lambda x: x.cumsum(),
    "einsum": lambda x: np.einsum("i,j->ij", np.ones(2), x),
    "matmul": lambda x: x @ np.ones((3, 2)),
    "clip": lambda x: np.clip(x, 0, 1),
    "rint": lambda x: np.rint(x / 10).astype(int),
    "reshape": lambda x: x.reshape(3, 1).T.ravel(),
    "copy": lambda x: x.copy(),
    "deep copy": lambda x: copy.deepcopy(x),
    "shallow copy": lambda x: copy.copy(x),
    "iteration": lambda x: sum(x),
    "outer": lambda x: np.multiply.outer(fine(), x),
    "accumulate": lambda x: np.add.accumulate(x),
    "two results": lambda x: np.divmod(x, 7)[1],
    "unique": lambda x: np.unique_counts(x).counts,
    "array_equal": lambda x: np.array_equal(x, x),
    "other type": lambda x: x.view(np.int64),
}


@pytest.mark.parametrize("name", FROM_RAW)
def test_what_is_computed_from_raw_is_raw_and_says_from_what(name: str) -> None:
    result = FROM_RAW[name](raw())
    assert isinstance(result, Marked)
    assert result.mark.visibility == RAW
    assert SOURCE in result.mark.sources


@pytest.mark.parametrize("name", FROM_RAW)
def test_a_planted_leak_is_refused(name: str) -> None:
    with pytest.raises(MessageError, match=rf"Intention\.offers is derived.*raw value from.*{SOURCE}"):
        send(FROM_RAW[name](raw()))


def structured(x: Marked) -> Any:
    table = np.zeros(3, dtype=[("energy", float)])
    table["energy"] = x
    return table["energy"]


def written(x: Marked) -> Any:
    plain = np.zeros(3)
    plain[:] = x
    return plain


LOSES_MARK: dict[str, Callable[[Marked], Any]] = {
    "asarray": np.asarray,
    "array": np.array,
    "a view of the base class": lambda x: x.view(np.ndarray),
    "written into a plain array": written,
    "a structured copy": structured,
    "index of a plain array": lambda x: np.arange(100)[x.astype(int)],
    "flat": lambda x: np.array([x.flat[0]]),
    "buffer": lambda x: np.frombuffer(memoryview(x)),
    "added in place": lambda x: np.add(np.ones(3), x, out=np.ones(3)),
    "laundered through a derived array": lambda x: fine() + np.asarray(x),
}


@pytest.mark.parametrize("name", LOSES_MARK)
def test_what_lost_its_mark_is_refused_too(name: str) -> None:
    leak = LOSES_MARK[name](raw())
    assert mark_of(leak).visibility == UNMARKED
    with pytest.raises(MessageError, match=r"Intention\.offers: twin 0 gives a value without a mark"):
        send(leak.astype(int))


TAKES_NO_MARK: dict[str, Callable[[Marked], Any]] = {
    "float": lambda x: float(x[0]),
    "int": lambda x: int(x[0]),
    "complex": lambda x: complex(x[0]),
    "index": lambda x: [1, 2, 3][x.argmin()],
    "range": lambda x: range(x.argmin()),
    "item": lambda x: x.item(0),
    "tolist": lambda x: x.tolist(),
    "tobytes": lambda x: x.tobytes(),
    "dumps": lambda x: x.dumps(),
    "format": lambda x: f"{x[0]:.1f}",
    "a branch": lambda x: 1 if x[0] > 5 else 0,
    "any": lambda x: bool((x > 5).any()),
    "pickle": pickle.dumps,
    "list of numbers": lambda x: np.array([x[0], x[1]]),
}


@pytest.mark.parametrize("name", TAKES_NO_MARK)
def test_a_raw_value_takes_no_form_that_carries_no_mark(name: str) -> None:
    with pytest.raises(MessageError, match=SOURCE):
        TAKES_NO_MARK[name](raw())


def test_a_raw_value_is_not_shown() -> None:
    assert "30" not in repr(raw()) + str(raw()) + repr(raw()[0])
    assert "30" not in f"{[raw()]}"


WRITES: dict[str, Callable[[Marked, Marked], Any]] = {
    "item": lambda to, x: to.__setitem__(0, x[0]),
    "slice of a view": lambda to, x: to[1:].__setitem__(slice(None), x[1:]),
    "in place": lambda to, x: to.__iadd__(x),
    "in place, a view": lambda to, x: to[:1].__iadd__(x[:1]),
    "out": lambda to, x: np.add(x, x, out=to),
    "out of a function": lambda to, x: np.cumsum(x, out=to),
    "copyto": np.copyto,
    "at": lambda to, x: np.add.at(to, [0], x[:1]),
    "put": lambda to, x: to.put([0], x[0]),
    "fill": lambda to, x: to.fill(x[0]),
}


@pytest.mark.parametrize("name", WRITES)
def test_nothing_raw_is_written_into_what_is_derived(name: str) -> None:
    to = fine().copy()
    assert to.flags.writeable
    with pytest.raises(MessageError, match="cannot be written into an array that is derived"):
        WRITES[name](to, raw())
    assert np.asarray(to).tolist() == [1.0, 2.0, 3.0]


def test_what_was_declared_cannot_be_changed_afterwards() -> None:
    values = np.array([1.0])
    declared = derived(values, because="a test's")
    values[0] = 7.0
    assert float(declared[0]) == 1.0
    with pytest.raises(ValueError, match="read-only"):
        declared[0] = 2.0


def test_the_one_door_needs_a_reason_and_is_written_down() -> None:
    with pytest.raises(MessageError, match="needs a reason"):
        derived(raw(), because=" ")
    for _ in range(2):
        door = derived(np.rint(raw() / 10).astype(int), because="rounded to 10 kWh, a test")
    assert door.mark.visibility == DERIVED
    send(door)
    send(door * 2)
    (found,) = [each for each in declarations() if each.because == "rounded to 10 kWh, a test"]
    assert (found.sources, found.was, found.times) == ((SOURCE,), RAW, 2)


def test_derived_with_derived_is_derived_and_with_unmarked_is_unmarked() -> None:
    public = marked(np.ones(3), PUBLIC)
    assert mark_of(fine() + fine()).visibility == DERIVED
    assert mark_of(fine() * public + 1).visibility == DERIVED
    assert mark_of(public * 2).visibility == PUBLIC
    assert mark_of(fine() + np.ones(3)).visibility == UNMARKED
    assert float(fine()[0]) == 1.0
    assert fine().tolist() == [1.0, 2.0, 3.0]


def test_shapes_are_no_secret() -> None:
    assert np.shape(raw()) == (3,)
    assert len(raw()) == raw().size == 3
    assert np.zeros_like(raw()).tolist() == [0.0, 0.0, 0.0]


def test_an_outcome_is_marked_as_its_fields_declare() -> None:
    names = ("shedding_reward", "cost_reward", "penalty_reward", "charged_kwh", "discharged_kwh", "driven_km")
    values: dict[str, Any] = {name: np.ones((1, 2)) for name in (*names, "station", "shed_kw", "reference_shed_kw")}
    seen = mark(Outcome(slot=3, episode=np.array([5]), **values))
    assert seen.slot == 3
    assert mark_of(seen.cost_reward).visibility == RAW
    assert mark_of(seen.shedding_reward).visibility == DERIVED
    assert mark_of(seen.shed_kw).visibility == PUBLIC
    assert mark_of(seen.reward).visibility == RAW
    assert mark_of(seen.reward).sources == {"Outcome.cost_reward", "Outcome.penalty_reward"}


def test_what_evs_can_choose_from_is_worked_out_alike_and_never_passes_for_derived() -> None:
    spec, seen = fleet(2), observe([[0, 5]], [[30.0, 20.0]])
    marked_seen = mark(seen)
    assert mark_of(marked_seen.energy_kwh).sources == {SOURCE}
    assert mark_of(marked_seen.deficit_forecast_kw).visibility == PUBLIC
    board, ev = IntentionBoard(2, 3, 12), np.array([0, 1])
    board.begin(1)
    plain, with_marks = (vars(Outlook(spec, each).choices(board, 0 * ev, ev)) for each in (seen, marked_seen))
    for name, values in plain.items():
        assert np.array_equal(np.asarray(with_marks[name]), values), name
        # Arrays that are made empty and then filled lose the mark: the bus refuses them all the same.
        assert mark_of(with_marks[name]).visibility in (RAW, UNMARKED), name
