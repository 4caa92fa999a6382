"""The messages that nodes may send, each a declared type, and how they look on the wire.

A message is a msgpack array [version, class code, sequence number, fields ...]. Numbers have a fixed width and lists
are packed (little-endian, as msgpack `bin`), so a message's size tells the lengths of its lists and nothing of its
values: sizes can be seen by those who cannot read the content. H = stations, K = slots ahead.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Any, ClassVar, Final, TypeVar

import msgpack
import numpy as np
from numpy.typing import NDArray

from agents.twins.node import Role
from cosim.errors import MessageError
from cosim.interface import Ints, Visibility

#: Changes when a class changes its fields: a message of another version is refused.
WIRE_VERSION: Final = 2
#: Bytes before the fields: the array's head, the version, the class code, the sequence number.
HEAD_BYTES: Final = 1 + 1 + 1 + 5
#: Lists of stations and slots are not longer than this.
MOST_VALUES: Final = 255 * 255
#: Shares are numbers below this prime.
PRIME: Final = 2**31 - 1

Whole = int | NDArray[Any]
Real = float | NDArray[Any]


@dataclass(frozen=True)
class Wire:
    """How one number is written.

    Attributes:
        name: What declarations call it.
        marker: The byte of msgpack before a number that stands alone.
        number: Its letter in `struct`.
        low: Smallest value.
        high: Largest value.
    """

    name: str
    marker: int
    number: str
    low: float
    high: float

    @property
    def is_whole(self) -> bool:
        """Whether it is a whole number."""
        return not self.name.startswith("f")

    @cached_property
    def alone(self) -> struct.Struct:
        """How a number that stands alone is packed, after its marker."""
        return struct.Struct(f">B{self.number}")

    @cached_property
    def dtype(self) -> np.dtype[Any]:
        """Type of the numbers of a list."""
        return np.dtype(f"<{self.number}")

    @property
    def width(self) -> int:
        """Bytes of a number."""
        return self.alone.size - 1


_F32_MOST = float(np.finfo(np.float32).max)
_F64_MOST = float(np.finfo(np.float64).max)
WIRES: Final = {
    wire.name: wire
    for wire in (
        Wire("u8", 0xCC, "B", 0, 2**8 - 1),
        Wire("u16", 0xCD, "H", 0, 2**16 - 1),
        Wire("u32", 0xCE, "I", 0, 2**32 - 1),
        Wire("i8", 0xD0, "b", -(2**7), 2**7 - 1),
        Wire("i16", 0xD1, "h", -(2**15), 2**15 - 1),
        Wire("i32", 0xD2, "i", -(2**31), 2**31 - 1),
        Wire("f32", 0xCA, "f", -_F32_MOST, _F32_MOST),
        Wire("f64", 0xCB, "d", -_F64_MOST, _F64_MOST),
    )
}


@dataclass(frozen=True)
class FieldLayout:
    """A field of a message class as declared.

    Attributes:
        name: Its name.
        wire: How its numbers are written.
        visibility: Raw, derived or public.
        unit: Unit of its numbers; empty for none.
        about: What it is.
        is_list: Whether it is a list of numbers.
        least: Fewest numbers of a list.
        most: Most numbers of a list.
        below: Numbers are below this; 0 for what the wire allows.
    """

    name: str
    wire: Wire
    visibility: str
    unit: str
    about: str
    is_list: bool
    least: int
    most: int
    below: int

    @property
    def high(self) -> float:
        """Largest value."""
        return self.below - 1 if self.below else self.wire.high


def one(wire: str, visibility: str, about: str, *, unit: str = "") -> Any:
    """Declare a field that holds one number.

    Args:
        wire: How it is written, a key of `WIRES`.
        visibility: Raw, derived or public, see `cosim.interface.Visibility`.
        about: What it is.
        unit: Its unit.
    """
    return field(metadata={"wire": wire, "visibility": visibility, "about": about, "unit": unit})


def many(
    wire: str,
    visibility: str,
    about: str,
    *,
    unit: str = "",
    most: int = MOST_VALUES,
    exactly: int | None = None,
    below: int = 0,
) -> Any:
    """Declare a field that holds a list of numbers.

    Args:
        wire: How each is written, a key of `WIRES`.
        visibility: Raw, derived or public, see `cosim.interface.Visibility`.
        about: What they are.
        unit: Their unit.
        most: Most numbers.
        exactly: Their number, where it never varies.
        below: Numbers are below this; 0 for what the wire allows.
    """
    least, most = (0, most) if exactly is None else (exactly, exactly)
    metadata = {"wire": wire, "visibility": visibility, "about": about, "unit": unit}
    return field(metadata={**metadata, "least": least, "most": most, "below": below})


class Message:
    """Base of all message classes; two are equal if class and values are."""

    layout: ClassVar[Layout]

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return all(np.array_equal(_bare(self, name), _bare(other, name)) for name in self.layout.names)

    __hash__ = None  # type: ignore[assignment]


@dataclass(frozen=True)
class Layout:
    """What is declared about a message class.

    Attributes:
        kind: The class.
        code: Its number on the wire.
        senders: Roles that may send it.
        receivers: Roles that may receive it.
        fields: Its fields, in order.
    """

    kind: type[Message]
    code: int
    senders: frozenset[Role]
    receivers: frozenset[Role]
    fields: tuple[FieldLayout, ...]

    @property
    def name(self) -> str:
        """Name of the class."""
        return self.kind.__name__

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names of the fields."""
        return tuple(each.name for each in self.fields)

    @cached_property
    def is_raw(self) -> bool:
        """Whether a field is private to one vehicle."""
        return any(each.visibility == Visibility.RAW for each in self.fields)

    @cached_property
    def head(self) -> bytes:
        """The array's head, the version and the class code."""
        return bytes([0x90 | (3 + len(self.fields)), WIRE_VERSION, self.code])


#: Layouts of all message classes, by class code.
LAYOUTS: Final[dict[int, Layout]] = {}

Kind = TypeVar("Kind", bound=type[Message])


def _declared(code: int, senders: set[Role], receivers: set[Role]) -> Callable[[Kind], Kind]:
    def declare(kind: Kind) -> Kind:
        layouts = tuple(
            FieldLayout(
                name=each.name,
                wire=WIRES[each.metadata["wire"]],
                visibility=each.metadata["visibility"],
                unit=each.metadata["unit"],
                about=each.metadata["about"],
                is_list="most" in each.metadata,
                least=each.metadata.get("least", 0),
                most=each.metadata.get("most", 0),
                below=each.metadata.get("below", 0),
            )
            for each in fields(kind)  # type: ignore[arg-type]
        )
        kind.layout = Layout(kind, code, frozenset(senders), frozenset(receivers), layouts)
        LAYOUTS[code] = kind.layout
        return kind

    return declare


RAW, DERIVED, PUBLIC = Visibility.RAW, Visibility.DERIVED, Visibility.PUBLIC
_ALL = set(Role)
_EV = {Role.VEHICLE, Role.TWIN}


@_declared(1, {Role.TWIN}, {Role.STATION})
@dataclass(frozen=True, eq=False)
class Intention(Message):
    """What an EV means to draw or feed in at the station that it is sent to: who sees the address sees the station."""

    pseudonym: int = one("u16", PUBLIC, "Name of the EV towards the others.")
    slot: int = one("u8", PUBLIC, "Slot that begins.")
    arrival: Whole = one("u8", DERIVED, "Slot in which it is there.")
    offers: NDArray[Any] = many(
        "i8", DERIVED, "[K] Energy in the slots from now on, > 0 drawn.", unit="offer units", most=255
    )


@_declared(2, {Role.TWIN}, {Role.TWIN})
@dataclass(frozen=True, eq=False)
class IntentionShare(Message):
    """One member's share of what an EV offers at all stations; fewer shares than the threshold tell nothing."""

    pseudonym: int = one("u16", PUBLIC, "Name of the EV towards the others.")
    slot: int = one("u8", PUBLIC, "Slot that begins.")
    shares: NDArray[Any] = many("u32", DERIVED, "[H K] Shares, station by station.", below=PRIME)


@_declared(3, {Role.TWIN}, {Role.STATION, Role.CORE})
@dataclass(frozen=True, eq=False)
class ShareHolding(Message):
    """Whose shares a member of the committee has."""

    slot: int = one("u8", PUBLIC, "Slot that begins.")
    pseudonyms: NDArray[Any] = many("u16", PUBLIC, "EVs whose shares have come.")


@_declared(4, {Role.STATION, Role.CORE}, {Role.TWIN})
@dataclass(frozen=True, eq=False)
class ShareAgreement(Message):
    """Whose shares every member shall add up."""

    slot: int = one("u8", PUBLIC, "Slot that begins.")
    pseudonyms: NDArray[Any] = many("u16", PUBLIC, "EVs that are in the sum.")


@_declared(5, {Role.TWIN}, {Role.STATION, Role.CORE})
@dataclass(frozen=True, eq=False)
class ShareSum(Message):
    """One member's share of the sum over all EVs that are in it."""

    slot: int = one("u8", PUBLIC, "Slot that begins.")
    member: int = one("u8", PUBLIC, "Place in the committee, from 1.")
    shares: NDArray[Any] = many("u32", DERIVED, "[H K] Sums of shares, station by station.", below=PRIME)


@_declared(6, {Role.STATION, Role.CORE}, _ALL)
@dataclass(frozen=True, eq=False)
class BoardTotals(Message):
    """What all EVs together mean to do at a station."""

    station: int = one("u8", PUBLIC, "The station.")
    slot: int = one("u8", PUBLIC, "Slot that begins.")
    drawn: NDArray[Any] = many("u16", PUBLIC, "[K] Energy to be drawn.", unit="offer units", most=255)
    fed: NDArray[Any] = many("u16", PUBLIC, "[K] Energy to be fed in.", unit="offer units", most=255)
    chargers: NDArray[Any] = many("u8", PUBLIC, "[K] Chargers meant to be used.", most=255)


@_declared(7, {Role.CORE, Role.STATION}, _ALL)
@dataclass(frozen=True, eq=False)
class StationPrice(Message):
    """What one more kWh at a station is worth to the fleet."""

    station: int = one("u8", PUBLIC, "The station.")
    slot: int = one("u8", PUBLIC, "Slot that begins.")
    feed: NDArray[Any] = many("u8", PUBLIC, "[K] Of feeding in, see `agents.twins.pricing`.", most=255)
    draw: NDArray[Any] = many("u8", PUBLIC, "[K] Of drawing, likewise.", most=255)
    chargers: NDArray[Any] = many("u8", PUBLIC, "[K] Chargers meant to be used.", most=255)


@_declared(8, {Role.VEHICLE}, {Role.CORE})
@dataclass(frozen=True, eq=False)
class RawUpload(Message):
    """What a central critic learns from: all that a vehicle saw, did and got."""

    pseudonym: int = one("u16", PUBLIC, "Name of the EV towards the others.")
    slot: int = one("u8", PUBLIC, "Slot that began.")
    observation: NDArray[Any] = many("f32", RAW, "What it saw.", most=2**20)
    action: NDArray[Any] = many("f32", RAW, "What it did.", most=2**10)
    reward: Real = one("f32", RAW, "What it got.")
    following: NDArray[Any] = many("f32", RAW, "What it saw a slot later.", most=2**20)


@_declared(9, {Role.VEHICLE}, {Role.TWIN})
@dataclass(frozen=True, eq=False)
class TwinState(Message):
    """The state of a vehicle, for its own twin, to the last bit: a twin decides what its vehicle would."""

    slot: int = one("u8", PUBLIC, "Slot that begins.")
    position_km: NDArray[Any] = many("f64", RAW, "Position on the map.", unit="km", exactly=2)
    edge: Whole = one("i32", RAW, "Directed road that it is on, -1 at a node.")
    node: Whole = one("i32", RAW, "Node, or the end of the road.")
    offset_km: Real = one("f64", RAW, "Driven on that road.", unit="km")
    energy_kwh: Real = one("f64", RAW, "Energy in the battery.", unit="kWh")
    station: Whole = one("i16", RAW, "Station that it is at, -1 elsewhere.")
    destination: Whole = one("i16", RAW, "Station that it drives to, -1 for none.")
    state: Whole = one("u8", RAW, "What it is doing, see `EvState`.")


@_declared(10, {Role.CORE}, _EV)
@dataclass(frozen=True, eq=False)
class Weights(Message):
    """Weights of a network that the core hands on."""

    part: int = one("u8", PUBLIC, "Which network.")
    values: NDArray[Any] = many("f32", PUBLIC, "Weights, in the order of the network.", most=2**24)


@_declared(11, {Role.MICROGRID}, _ALL)
@dataclass(frozen=True, eq=False)
class Forecast(Message):
    """What a microgrid expects."""

    microgrid: int = one("u8", PUBLIC, "The microgrid.")
    slot: int = one("u8", PUBLIC, "Slot that begins.")
    deficit_kw: NDArray[Any] = many("f64", PUBLIC, "[K] Deficit beyond renewables and diesel.", unit="kW", most=255)
    surplus_kw: NDArray[Any] = many("f64", PUBLIC, "[K] Power that EVs could draw.", unit="kW", most=255)


@_declared(12, {Role.VEHICLE}, {Role.TWIN})
@dataclass(frozen=True, eq=False)
class CommuterState(Message):
    """What a vehicle that commutes tells its own twin."""

    slot: int = one("u8", PUBLIC, "Slot that begins.")
    energy_kwh: Real = one("f32", RAW, "Energy in the battery.", unit="kWh")
    departure_h: Real = one("f32", RAW, "Time until it leaves.", unit="h")
    state: Whole = one("u8", RAW, "What it is doing, see `EvState`.")


@_declared(13, {Role.TWIN}, {Role.STATION})
@dataclass(frozen=True, eq=False)
class PowerPlan(Message):
    """What a twin predicts of its vehicle at home."""

    pseudonym: int = one("u16", PUBLIC, "Name of the EV towards the others.")
    slot: int = one("u8", PUBLIC, "Slot that begins.")
    power_kw: NDArray[Any] = many("f32", DERIVED, "[K] Mean power, > 0 drawn.", unit="kW", most=255)
    up_kw: NDArray[Any] = many("f32", DERIVED, "[K] Power that it could draw beyond it.", unit="kW", most=255)
    down_kw: NDArray[Any] = many("f32", DERIVED, "[K] Power that it could draw less.", unit="kW", most=255)


@_declared(14, {Role.STATION, Role.CORE}, _ALL)
@dataclass(frozen=True, eq=False)
class PowerTotals(Message):
    """What the plans at a station are in sum."""

    station: int = one("u8", PUBLIC, "The station.")
    slot: int = one("u8", PUBLIC, "Slot that begins.")
    power_kw: NDArray[Any] = many("f32", PUBLIC, "[K] Mean power, > 0 drawn.", unit="kW", most=255)
    up_kw: NDArray[Any] = many("f32", PUBLIC, "[K] Power that they could draw beyond it.", unit="kW", most=255)
    down_kw: NDArray[Any] = many("f32", PUBLIC, "[K] Power that they could draw less.", unit="kW", most=255)


@_declared(15, {Role.MICROGRID}, _ALL)
@dataclass(frozen=True, eq=False)
class DayForecast(Message):
    """What the feeder expects of a day, and what energy costs."""

    slot: int = one("u8", PUBLIC, "Slot that begins.")
    load_kw: NDArray[Any] = many("f32", PUBLIC, "[K] Load.", unit="kW", most=255)
    renewable_kw: NDArray[Any] = many("f32", PUBLIC, "[K] Renewable power to be had.", unit="kW", most=255)
    price: NDArray[Any] = many("f32", PUBLIC, "[K] Price of energy.", unit="CNY/kWh", most=255)


@_declared(16, {Role.STATION}, _ALL)
@dataclass(frozen=True, eq=False)
class StationLimit(Message):
    """What may be drawn and fed in at a station in the slot that begins."""

    station: int = one("u8", PUBLIC, "The station.")
    slot: int = one("u8", PUBLIC, "Slot that begins.")
    charge_kw: Real = one("f64", PUBLIC, "Charging limit, >= 0.", unit="kW")
    discharge_kw: Real = one("f64", PUBLIC, "Discharging limit, >= 0.", unit="kW")


def encode(message: Message, sequence: int = 0) -> bytes:
    """A message as it goes over the wire.

    Args:
        message: What to send.
        sequence: Its number among those of its sender and class.

    Raises:
        MessageError: If a value is not finite, out of range or of another kind than declared.
    """
    layout = message.layout
    if not 0 <= sequence < 2**32:
        raise MessageError(f"{layout.name}: sequence number {sequence} is not in 0 to {2**32 - 1}")
    parts = [layout.head, WIRES["u32"].alone.pack(WIRES["u32"].marker, sequence)]
    for each in layout.fields:
        value = getattr(message, each.name)
        parts.append(_list(layout, each, value) if each.is_list else _number(layout, each, value))
    return b"".join(parts)


def decode(data: bytes) -> Message:
    """The message in bytes from the wire.

    Raises:
        MessageError: If it is not a message of this version, or a value is not what its class declares.
    """
    return decode_numbered(data)[1]


def decode_numbered(data: bytes) -> tuple[int, Message]:
    """Sequence number and message in bytes from the wire.

    Raises:
        MessageError: If it is not a message of this version, or a value is not what its class declares.
    """
    try:
        read = msgpack.unpackb(data, use_list=False)
    except (ValueError, TypeError, msgpack.UnpackException) as error:
        raise MessageError(f"{len(data)} bytes are no message: {error or type(error).__name__}") from error
    if not isinstance(read, tuple) or len(read) < 3 or any(type(part) is not int for part in read[:3]):
        raise MessageError("no message: it must begin with version, class code and sequence number")
    version, code, sequence = read[:3]
    if version != WIRE_VERSION:
        raise MessageError(f"a message of version {version}, not {WIRE_VERSION}")
    if code not in LAYOUTS:
        raise MessageError(f"no message class has the code {code}")
    layout = LAYOUTS[code]
    if len(read) != 3 + len(layout.fields):
        raise MessageError(f"{layout.name}: has {len(read) - 3} fields, not {len(layout.fields)}")
    values = {
        each.name: _read_list(layout, each, value) if each.is_list else _read_number(layout, each, value)
        for each, value in zip(layout.fields, read[3:], strict=True)
    }
    # A number written wider or narrower than declared shows here, and so does a sequence number out of range.
    expected = size_bytes(layout.kind, {each.name: len(values[each.name]) for each in layout.fields if each.is_list})
    if len(data) != expected:
        raise MessageError(f"{layout.name}: has {len(data)} bytes, not {expected}")
    return sequence, layout.kind(**values)


def size_bytes(kind: type[Message], lengths: Mapping[str, int | Ints]) -> Any:
    """Size of messages on the wire, without writing them [bytes].

    Args:
        kind: Their class.
        lengths: Numbers in each list of the class, by field; arrays of shape [N] for N messages.

    Returns:
        A whole number, or an array of shape [N].
    """
    total: Any = HEAD_BYTES
    for each in kind.layout.fields:
        if each.is_list:
            content = np.asarray(lengths[each.name]) * each.wire.width
            total = total + np.where(content < 2**8, 2, np.where(content < 2**16, 3, 5)) + content
        else:
            total = total + each.wire.alone.size
    return total


def private_bytes(kind: type[Message], lengths: Mapping[str, int | Ints]) -> Any:
    """Bytes of raw values in messages, without what msgpack puts around them.

    Args:
        kind: Their class.
        lengths: Numbers in each list of the class, by field; arrays of shape [N] for N messages.

    Returns:
        A whole number, or an array of shape [N].
    """
    total: Any = 0
    for each in kind.layout.fields:
        if each.visibility == Visibility.RAW:
            total = total + each.wire.width * (lengths[each.name] if each.is_list else 1)
    return total


def lengths_of(message: Message) -> dict[str, int]:
    """Numbers in each list of a message."""
    return {each.name: len(getattr(message, each.name)) for each in message.layout.fields if each.is_list}


def _bare(message: object, name: str) -> NDArray[Any]:
    return np.asarray(getattr(message, name))


def _wrong(layout: Layout, each: FieldLayout, problem: str) -> MessageError:
    return MessageError(f"{layout.name}.{each.name}: {problem}")


def _number(layout: Layout, each: FieldLayout, value: Any) -> bytes:
    """A number that stands alone, as msgpack."""
    if type(value) is not int and type(value) is not float:
        array = np.asarray(value)
        if array.ndim or array.dtype.kind not in "iuf":
            raise _wrong(layout, each, f"must be one number, got {type(value).__name__} of shape {array.shape}")
        value = array.item()
    _check_range(layout, each, value, value, type(value) is int)
    return each.wire.alone.pack(each.wire.marker, value)


def _list(layout: Layout, each: FieldLayout, value: Any) -> bytes:
    """A list of numbers, as msgpack."""
    array = np.asarray(value)
    if array.ndim != 1 or array.dtype.kind not in "iuf":
        raise _wrong(layout, each, f"must be a list of numbers, got {array.dtype} of shape {array.shape}")
    _check_length(layout, each, len(array))
    if len(array):
        _check_range(layout, each, array.min().item(), array.max().item(), array.dtype.kind != "f")
    content = array.astype(each.wire.dtype).tobytes()
    size = len(content)
    if size < 2**8:
        return struct.pack(">BB", 0xC4, size) + content
    return (struct.pack(">BH", 0xC5, size) if size < 2**16 else struct.pack(">BI", 0xC6, size)) + content


def _read_number(layout: Layout, each: FieldLayout, value: Any) -> Any:
    """A number that stands alone, checked."""
    if type(value) is not (int if each.wire.is_whole else float):
        raise _wrong(layout, each, f"must be {each.wire.name}, got {type(value).__name__}")
    _check_range(layout, each, value, value, each.wire.is_whole)
    return value


def _read_list(layout: Layout, each: FieldLayout, value: Any) -> NDArray[Any]:
    """A list of numbers, checked; cannot be written to."""
    if type(value) is not bytes or len(value) % each.wire.width:
        raise _wrong(layout, each, f"must be a packed list of {each.wire.name}")
    array = np.frombuffer(value, dtype=each.wire.dtype)
    _check_length(layout, each, len(array))
    if len(array):
        _check_range(layout, each, array.min().item(), array.max().item(), each.wire.is_whole)
    return array


def _check_length(layout: Layout, each: FieldLayout, length: int) -> None:
    if not each.least <= length <= each.most:
        allowed = f"{each.least}" if each.least == each.most else f"{each.least} to {each.most}"
        raise _wrong(layout, each, f"has {length} numbers, allowed are {allowed}")


def _check_range(layout: Layout, each: FieldLayout, low: float, high: float, is_whole: bool) -> None:
    """Refuse what is not finite, too small, too large or, where whole numbers are declared, a fraction's type."""
    # NaN anywhere makes the least and the largest NaN; whole numbers of any size compare with infinity.
    if not (-math.inf < low <= high < math.inf):
        raise _wrong(layout, each, "holds NaN or an infinite value")
    if each.wire.is_whole and not is_whole:
        raise _wrong(layout, each, f"must be whole numbers ({each.wire.name})")
    if low < each.wire.low or high > each.high:
        bad = low if low < each.wire.low else high
        raise _wrong(layout, each, f"{bad} is not in {each.wire.low} to {each.high}")
