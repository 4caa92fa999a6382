"""Messages: what goes over the wire comes back, sizes are known beforehand, nonsense is refused."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import msgpack
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from agents.twins import message as wire
from agents.twins.message import (
    LAYOUTS,
    FieldLayout,
    Intention,
    IntentionShare,
    Layout,
    Message,
    TwinState,
    decode,
    decode_numbered,
    encode,
    lengths_of,
    private_bytes,
    size_bytes,
)
from cosim.errors import ControllerError, MessageError
from cosim.interface import Visibility

INTENTION = Intention(pseudonym=7, slot=3, arrival=5, offers=np.array([-3, 0, 4]))


def values_of(each: FieldLayout) -> st.SearchStrategy[Any]:
    low, high = each.wire.low, each.high
    if each.wire.is_whole:
        one: st.SearchStrategy[Any] = st.integers(int(low), int(high))
    else:
        one = st.floats(low, high, width=8 * each.wire.width)
    if not each.is_list:
        return one
    length = st.integers(each.least, min(each.most, max(each.least, 150)))
    return hnp.arrays(each.wire.dtype, length, elements=one)


def messages_of(layout: Layout) -> st.SearchStrategy[Message]:
    return st.builds(layout.kind, **{each.name: values_of(each) for each in layout.fields})


any_message = st.sampled_from(list(LAYOUTS.values())).flatmap(messages_of)


@settings(max_examples=400, deadline=None)
@given(any_message, st.integers(0, 2**32 - 1))
def test_what_is_sent_comes_back_and_its_size_was_known(message: Message, sequence: int) -> None:
    data = encode(message, sequence)
    assert decode_numbered(data) == (sequence, message)
    assert len(data) == size_bytes(type(message), lengths_of(message))
    assert isinstance(msgpack.unpackb(data), list)


def test_a_size_tells_nothing_of_the_values() -> None:
    small, large = np.zeros(12, dtype=int), np.full(12, -128)
    sizes = {len(encode(Intention(0, 0, 0, small))), len(encode(Intention(65535, 255, 255, large), 2**32 - 1))}
    assert len(sizes) == 1


def test_sizes_of_many_messages_at_once() -> None:
    lengths = np.array([0, 1, 12, 255])
    expected = [len(encode(Intention(0, 0, 0, np.zeros(n, dtype=int)))) for n in lengths]
    assert size_bytes(Intention, {"offers": lengths}).tolist() == expected
    shares = [len(encode(IntentionShare(0, 0, np.zeros(n, dtype=int)))) for n in (63, 64, 16383, 16384)]
    assert size_bytes(IntentionShare, {"shares": np.array([63, 64, 16383, 16384])}).tolist() == shares


def test_private_bytes_are_those_of_raw_fields() -> None:
    assert private_bytes(Intention, {"offers": 12}) == 0
    assert private_bytes(TwinState, {"position_km": 2}) == 2 * 8 + 2 * 8 + 2 * 4 + 2 * 2 + 1
    assert private_bytes(wire.RawUpload, {"observation": 10, "action": 3, "following": 10}) == 4 * 24


def test_every_field_says_who_may_see_it_and_what_it_is() -> None:
    seen = {Visibility.RAW, Visibility.DERIVED, Visibility.PUBLIC}
    for layout in LAYOUTS.values():
        assert len(layout.fields) == len(fields(layout.kind)) <= 12  # type: ignore[arg-type]
        assert all(each.visibility in seen and each.about for each in layout.fields)
        assert layout.senders
        assert layout.receivers
    assert {layout.name for layout in LAYOUTS.values() if layout.is_raw} == {
        "RawUpload",
        "TwinState",
        "CommuterState",
    }


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("pseudonym", -1, "-1 is not in 0 to 65535"),
        ("slot", 256, "256 is not in 0 to 255"),
        ("slot", 10**400, "is not in 0 to 255"),
        ("arrival", 1.0, "whole numbers"),
        ("arrival", float("nan"), "NaN"),
        ("arrival", True, "one number"),
        ("arrival", np.array([1]), "one number"),
        ("arrival", "5", "one number"),
        ("offers", np.array([0, 128]), "128 is not in -128 to 127"),
        ("offers", np.array([0.0, np.nan]), "NaN"),
        ("offers", np.array([np.inf]), "infinite"),
        ("offers", np.array([1.5]), "whole numbers"),
        ("offers", np.zeros((2, 2), dtype=int), "list of numbers"),
        ("offers", np.zeros(256, dtype=int), "has 256 numbers, allowed are 0 to 255"),
        ("offers", None, "list of numbers"),
    ],
)
def test_a_wrong_value_is_refused_by_name(name: str, value: object, problem: str) -> None:
    with pytest.raises(MessageError, match=rf"Intention\.{name}.*{problem}") as caught:
        encode(replace(INTENTION, **{name: value}))  # type: ignore[arg-type]
    assert isinstance(caught.value, ControllerError)


def test_a_float_that_32_bits_cannot_hold_is_refused() -> None:
    with pytest.raises(MessageError, match="price"):
        encode(wire.DayForecast(0, np.ones(1), np.ones(1), np.array([1e39])))
    with pytest.raises(MessageError, match="position_km: has 3 numbers, allowed are 2"):
        encode(TwinState(0, np.zeros(3), 0, 0, 0.0, 0.0, 0, 0, 0))


def test_a_share_beyond_the_field_is_refused() -> None:
    with pytest.raises(MessageError, match="shares"):
        encode(IntentionShare(0, 0, np.array([wire.PRIME])))


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "no message"),
        (encode(INTENTION)[:-1], "no message"),
        (encode(INTENTION) + b"\0", "no message"),
        (msgpack.packb("hello"), "no message"),
        (msgpack.packb([1, 2]), "begin with"),
        (msgpack.packb([True, 1, 0, 7, 3, 5, b""]), "begin with"),
        (msgpack.packb([1, 1, 0, 7, 3, 5, b""]), "version 1, not 2"),
        (msgpack.packb([2, 99, 0, 7, 3, 5, b""]), "code 99"),
        (msgpack.packb([2, 1, 0, 7, 3, 5]), "has 3 fields, not 4"),
        (msgpack.packb([2, 1, 0, 7, 3, 5, b""]), "bytes, not"),
        (msgpack.packb([2, 1, 0, 70000, 3, 5, b""]), "70000 is not in"),
        (msgpack.packb([2, 1, 0, 7.0, 3, 5, b""]), "must be u16"),
        (msgpack.packb([2, 1, 0, 7, 3, 5, [1, 2]]), "packed list"),
        (encode(wire.DayForecast(0, *np.ones((3, 1))))[:-4] + b"\0\0\xc0\x7f", "NaN"),
        (encode(wire.DayForecast(0, *np.ones((3, 1))))[:-4] + b"\0\0\x80\xff", "infinite"),
        (encode(IntentionShare(0, 0, np.ones(1)[:0]))[:-1] + b"\x04\xff\xff\xff\xff", "is not in"),
        (encode(IntentionShare(0, 0, np.ones(1)[:0]))[:-1] + b"\x03\xff\xff\xff", "packed list"),
    ],
)
def test_bytes_that_are_no_message_are_refused(data: bytes, problem: str) -> None:
    with pytest.raises(MessageError, match=problem):
        decode(data)


@settings(max_examples=500, deadline=None)
@given(st.one_of(st.binary(max_size=60), st.tuples(st.integers(0, 19), st.integers(0, 255))))
def test_damaged_bytes_are_a_message_or_one_clear_error(damage: bytes | tuple[int, int]) -> None:
    if isinstance(damage, bytes):
        data = damage
    else:
        whole = bytearray(encode(INTENTION))
        whole[damage[0]] = damage[1]
        data = bytes(whole)
    try:
        message = decode(data)
    except MessageError:
        return
    assert decode(encode(message)) == message


def test_what_was_decoded_cannot_be_written_to() -> None:
    read = decode(encode(INTENTION))
    assert isinstance(read, Intention)
    with pytest.raises(ValueError, match="read-only"):
        read.offers[0] = 1
