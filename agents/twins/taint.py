"""Arrays that know whether they hold what is private, and hand that on to whatever is computed from them.

It finds mistakes, not malice: code that wants to lose a mark can (`np.asarray` is enough). So a message bus takes
from an EV only what is declared derived, and refuses values without a mark as well as raw ones: what lost its mark on
the way must pass `derived` like all else, where the reason is written down.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from typing import Any, Final, NoReturn, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cosim.errors import MessageError
from cosim.interface import Observation, Outcome, Visibility

#: Of an array without a mark: nobody knows what it was computed from.
UNMARKED: Final = "unmarked"
#: The result of several values has the mark of that which is last in this order.
_ORDER: Final = (Visibility.PUBLIC, Visibility.DERIVED, UNMARKED, Visibility.RAW)
#: What these tell is a shape or a type, or does not depend on the values.
_TELL_NO_VALUES: Final = frozenset(
    getattr(np, name)
    for name in (
        *("shape", "ndim", "size", "result_type", "can_cast", "iscomplexobj", "isrealobj"),
        *("zeros_like", "ones_like", "empty_like", "may_share_memory", "shares_memory"),
    )
)
#: What writes to its first argument.
_WRITE_TO_FIRST: Final = frozenset(
    getattr(np, name) for name in ("copyto", "put", "place", "putmask", "fill_diagonal", "put_along_axis")
)

Seen = TypeVar("Seen", Observation, Outcome)


@dataclass(frozen=True)
class Mark:
    """What is known of an array.

    Attributes:
        visibility: Public, derived, unmarked or raw.
        sources: The raw fields that it was computed from.
    """

    visibility: str
    sources: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Declaration:
    """Values that were declared fit to be shared.

    Attributes:
        because: Why.
        sources: The raw fields that they were computed from, as far as their marks told.
        was: What they were before: raw, unmarked, derived or public.
        times: How often.
    """

    because: str
    sources: tuple[str, ...]
    was: str
    times: int


Declared = dict[tuple[str, frozenset[str], str], int]
_DECLARED: Declared = {}


class Marked(np.ndarray[Any, np.dtype[Any]]):
    """An array with a mark; made by `marked`, `mark` and `derived`.

    What is computed from a raw array is raw, by whatever operation or function of NumPy. A raw array does not become a
    Python number, truth value, list or bytes, and is not shown: these carry no mark.

    Attributes:
        mark: Its visibility, and where it comes from.
    """

    mark: Mark

    def __array_finalize__(self, made_from: Any) -> None:
        self.mark = getattr(made_from, "mark", Mark(UNMARKED))

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        mark = _joined((inputs, [value for name, value in kwargs.items() if name != "out"]))
        outputs = kwargs.get("out", ())
        for output in (*outputs, *inputs[: method == "at"]):
            _admit(output, mark)
        result = getattr(ufunc, method)(*_plain(inputs), **_plain(kwargs))
        if outputs:
            return outputs[0] if len(outputs) == 1 else outputs
        return _with_mark(result, mark)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if function in _TELL_NO_VALUES:
            return function(*_plain(args), **_plain(kwargs))
        mark = _joined((args, kwargs))
        output = args[0] if function in _WRITE_TO_FIRST else kwargs.get("out")
        _admit(output, mark)
        result = function(*_plain(args), **_plain(kwargs))
        return output if kwargs.get("out") is not None else _with_mark(result, mark)

    def __getitem__(self, key: Any) -> Any:
        return _with_mark(_plain(self)[_plain(key)], _joined((self, key)))

    def __setitem__(self, key: Any, value: Any) -> None:
        _admit(self, _joined((key, value)))
        _plain(self)[_plain(key)] = _plain(value)

    def fill(self, value: Any) -> None:
        """Write a value everywhere."""
        self[...] = value

    def __iter__(self) -> Iterator[Any]:
        return (self[k] for k in range(len(self)))

    def _refuse(self, form: str) -> None:
        """Raise if a raw array shall take a form that carries no mark."""
        if self.mark.visibility == Visibility.RAW:
            raise MessageError(
                f"a raw value ({named(self.mark)}) cannot become {form}, which carries no mark: "
                f"declare it with `derived(value, because=...)` if it may be shared"
            )

    def __float__(self) -> float:
        self._refuse("a Python number")
        return float(_plain(self))

    def __int__(self) -> int:
        self._refuse("a Python number")
        return int(_plain(self))

    def __complex__(self) -> complex:
        self._refuse("a Python number")
        return complex(_plain(self))

    def __index__(self) -> int:
        self._refuse("a Python number")
        index: int = _plain(self).__index__()
        return index

    def __bool__(self) -> bool:
        self._refuse("a truth value")
        return bool(_plain(self))

    def item(self, *args: Any) -> Any:
        """A value as a Python number; not of a raw array."""
        self._refuse("a Python number")
        return _plain(self).item(*args)

    def tolist(self) -> Any:
        """The values as lists; not of a raw array."""
        self._refuse("a list")
        return _plain(self).tolist()

    def tobytes(self, order: Any = "C") -> bytes:
        """The values as bytes; not of a raw array."""
        self._refuse("bytes")
        content: bytes = _plain(self).tobytes(order)
        return content

    def tofile(self, *args: Any, **kwargs: Any) -> None:
        """Write the values to a file; not of a raw array."""
        self._refuse("a file")
        _plain(self).tofile(*args, **kwargs)

    def dump(self, file: Any) -> None:
        """Pickle the array into a file; not a raw one."""
        self._refuse("a file")
        _plain(self).dump(file)

    def dumps(self) -> bytes:
        """The array, pickled; not a raw one."""
        self._refuse("bytes")
        content: bytes = _plain(self).dumps()
        return content

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise MessageError(f"an array with a mark ({named(self.mark)}) cannot be pickled: the mark would be lost")

    def __deepcopy__(self, memo: Any) -> Marked:
        return self.copy()

    def __repr__(self) -> str:
        if self.mark.visibility == Visibility.RAW:
            return f"<raw values of shape {self.shape}: {named(self.mark)}>"
        return repr(_plain(self))

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        self._refuse("text")
        return format(_plain(self), spec)


def _through_function(name: str) -> Any:
    """A method that goes through the function of NumPy of that name: by itself it would lose the mark."""

    def method(self: Marked, *args: Any, **kwargs: Any) -> Any:
        return getattr(np, name)(self, *args, **kwargs)

    method.__name__ = name
    return method


for _name in ("mean", "std", "var", "argmax", "argmin", "argsort", "argpartition", "nonzero", "searchsorted", "dot"):
    setattr(Marked, _name, _through_function(_name))
for _name in ("put", "trace", "take", "choose", "compress", "diagonal", "cumsum", "cumprod", "repeat", "round", "clip"):
    setattr(Marked, _name, _through_function(_name))


def marked(values: ArrayLike, visibility: str, *sources: str) -> Marked:
    """Values with a mark.

    Args:
        values: What to mark; arrays are not copied.
        visibility: Public, derived or raw.
        sources: Where they come from.
    """
    array = np.asarray(values).view(Marked)
    array.mark = Mark(visibility, frozenset(sources))
    return array


def mark(seen: Seen) -> Seen:
    """An observation or an outcome whose arrays are marked as their fields declare."""
    arrays: dict[str, Any] = {}
    for each in fields(seen):
        value, visibility = getattr(seen, each.name), each.metadata["visibility"]
        if isinstance(value, np.ndarray):
            source = [f"{type(seen).__name__}.{each.name}"] if visibility == Visibility.RAW else []
            arrays[each.name] = marked(value, visibility, *source)
    return replace(seen, **arrays)


def derived(values: ArrayLike, *, because: str) -> Marked:
    """Declare values fit to be shared: the one door between what is raw and a shared message.

    Args:
        values: What shall be shared; copied.
        because: Why it may be: what keeps others from learning the raw values.

    Returns:
        The values, marked derived; they cannot be written to.

    Raises:
        MessageError: If no reason is given.
    """
    if not because.strip():
        raise MessageError("`derived` needs a reason: what keeps others from learning the raw values?")
    before = mark_of(values)
    entry = (because, before.sources, before.visibility)
    _DECLARED[entry] = _DECLARED.get(entry, 0) + 1
    array = np.array(_plain(values)).view(Marked)
    array.mark = Mark(Visibility.DERIVED, before.sources)
    array.flags.writeable = False
    return array


def declared_so_far() -> Declared:
    """How often what was declared derived, for `declarations`."""
    return dict(_DECLARED)


def declarations(before: Declared | None = None) -> list[Declaration]:
    """All that was declared derived, in order.

    Args:
        before: What `declared_so_far` gave; default: since the program began.
    """
    return [
        Declaration(because, tuple(sorted(sources)), was, times - (before or {}).get((because, sources, was), 0))
        for (because, sources, was), times in _DECLARED.items()
        if times > (before or {}).get((because, sources, was), 0)
    ]


def mark_of(value: Any) -> Mark:
    """The mark of a value; of one that is no marked array: unmarked."""
    return value.mark if isinstance(value, Marked) else Mark(UNMARKED)


def named(mark: Mark) -> str:
    """Where a value comes from, in words."""
    return "from " + ", ".join(sorted(mark.sources)) if mark.sources else "from an unknown source"


def _joined(value: Any) -> Mark:
    """The mark of what is computed from values; Python's own numbers are taken for constants."""
    marks = list(_marks(value))
    last = max((_ORDER.index(each.visibility) for each in marks), default=0)
    return Mark(_ORDER[last], frozenset().union(*(each.sources for each in marks)))


def _marks(value: Any) -> Iterator[Mark]:
    if isinstance(value, Marked):
        yield value.mark
    elif isinstance(value, np.ndarray | np.generic):
        yield Mark(UNMARKED)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _marks(part)
    elif isinstance(value, dict):
        yield from _marks(list(value.values()))


def _plain(value: Any) -> Any:
    """A value without marks."""
    if isinstance(value, Marked):
        return value.view(np.ndarray)
    if type(value) in (list, tuple):
        return type(value)(_plain(part) for part in value)
    if type(value) is dict:
        return {name: _plain(part) for name, part in value.items()}
    return value


def _with_mark(result: Any, mark: Mark) -> Any:
    """What an operation gave, marked."""
    if type(result) is list:
        return [_with_mark(part, mark) for part in result]
    if isinstance(result, tuple):
        parts = [_with_mark(part, mark) for part in result]
        return type(result)(*parts) if hasattr(result, "_fields") else tuple(parts)
    if mark.visibility == UNMARKED or not isinstance(result, np.ndarray | np.generic | bool | int | float):
        return result
    array = np.asarray(result).view(Marked)
    array.mark = mark
    return array


def _admit(output: NDArray[Any], mark: Mark) -> None:
    """Raise if an array is written to that has a milder mark than what is written: a view of it would not know."""
    if isinstance(output, Marked) and _ORDER.index(mark.visibility) > _ORDER.index(output.mark.visibility):
        raise MessageError(
            f"a value that is {mark.visibility} ({named(mark)}) cannot be written into an array "
            f"that is {output.mark.visibility}: make a new array"
        )
