"""Sums of offers: exact whatever drops out, and shares that tell nothing."""

from __future__ import annotations

from collections import Counter
from itertools import combinations, product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.twins.aggregation import CommitteeMember, DropOut, SecretSharing
from agents.twins.bus import MessageBus
from agents.twins.channel import Channel
from agents.twins.message import PRIME, IntentionShare, ShareAgreement, ShareSum
from agents.twins.node import Node, Population, Role
from agents.twins.sharing import restored, shares_of
from agents.twins.taint import Marked, derived, marked
from agents.twins.traffic_count import Phase
from cosim.errors import AggregationError, MessageError
from cosim.interface import Visibility

EVS, STATIONS, SLOTS = 8, 3, 4
RUN = {"slot": 2, "phase": Phase.EXECUTION}


def bus(**options: Any) -> MessageBus:
    return MessageBus(Population(EVS, STATIONS, 2), **options)


def sharing(on: MessageBus | None = None, **options: Any) -> SecretSharing:
    return SecretSharing(on or bus(), np.random.default_rng(7), **options)


def offers(seed: int = 0) -> Marked:
    values = np.zeros((EVS, STATIONS, SLOTS), dtype=np.int64)
    generator = np.random.default_rng(seed)
    values[np.arange(EVS), generator.integers(0, STATIONS, EVS)] = generator.integers(-128, 128, (EVS, SLOTS))
    return derived(values, because="a test's")


def sum_over(values: Marked, included: Any) -> Any:
    return np.asarray(values)[included].sum(axis=0)


def test_sums_are_exact() -> None:
    it = sharing()
    values = offers()
    assert np.array_equal(it.total(values, **RUN), sum_over(values, np.ones(EVS, dtype=bool)))
    assert it.included.all()


def test_one_that_has_left_is_in_no_sum() -> None:
    it = sharing()
    values, present = offers(), np.ones(EVS, dtype=bool)
    for slot, leaves in enumerate((5, 0)):
        it.total(values, slot=slot, phase=Phase.EXECUTION, present=present)
        present[leaves] = False
    total = it.total(values, slot=2, phase=Phase.EXECUTION, present=present)
    assert np.array_equal(total, sum_over(values, present))
    assert np.array_equal(it.included, present)


def test_too_few_are_refused_with_their_number() -> None:
    it = sharing()
    present = np.zeros(EVS, dtype=bool)
    present[:2] = True
    with pytest.raises(AggregationError, match=r"2 EVs are too few for a sum that hides each of them: \d are"):
        it.total(offers(), **RUN, present=present)
    drop_outs = dict.fromkeys(range(2, 8), DropOut.BEFORE)
    with pytest.raises(AggregationError, match=r"2 EVs are too few|2 of 5 members"):
        it.total(offers(), slot=0, phase=Phase.EXECUTION, drop_outs=drop_outs)


@pytest.mark.parametrize("visibility", [Visibility.RAW, None])
def test_offers_must_be_declared_derived(visibility: str | None) -> None:
    values: Any = np.asarray(offers())
    with pytest.raises(MessageError, match="declare them"):
        sharing().total(values if visibility is None else marked(values, visibility, "Observation.x"), **RUN)


@pytest.mark.parametrize("values", [np.zeros((EVS, STATIONS)), np.zeros((EVS, 1, 1)), np.full((EVS, 1, 1), 2**28)])
def test_offers_that_cannot_be_added_up_are_refused(values: Any) -> None:
    with pytest.raises(MessageError, match="offer"):
        sharing().total(derived(values, because="a test's"), **RUN)


@settings(max_examples=150, deadline=None)
@given(
    st.integers(0, 2**32),
    st.integers(0, 40),
    st.dictionaries(st.integers(0, EVS - 1), st.sampled_from(DropOut), max_size=5),
)
def test_whoever_drops_out_when_the_sum_is_exact_or_refused(
    seed: int, slot: int, drop_outs: dict[int, DropOut]
) -> None:
    values, it = offers(seed), sharing()
    try:
        total = it.total(values, slot=slot, phase=Phase.EXECUTION, drop_outs=drop_outs)
    except AggregationError:
        committee = it._committee(np.ones(EVS, dtype=bool), slot)
        assert sum(ev in drop_outs for ev in committee) > 2
        return
    in_it = [drop_outs.get(ev, DropOut.SENT) >= DropOut.SENT for ev in range(EVS)]
    assert it.included.tolist() == in_it
    assert np.array_equal(total, sum_over(values, in_it))


@pytest.mark.parametrize("when", [DropOut.SENT, DropOut.HELD])
def test_members_that_are_lost_after_shares_were_sent_lose_nothing(when: DropOut) -> None:
    values, it = offers(), sharing()
    committee = it._committee(np.ones(EVS, dtype=bool), 2)
    total = it.total(values, **RUN, drop_outs=dict.fromkeys(committee[:2], when))
    assert it.included.all()
    assert np.array_equal(total, sum_over(values, it.included))
    with pytest.raises(AggregationError, match=r"2 of 5 members of the committee (answer|added up), 3 are needed"):
        it.total(values, **RUN, drop_outs=dict.fromkeys(committee[:3], when))


def test_lost_messages_leave_an_exact_sum_over_those_that_all_members_have() -> None:
    sums = 0
    for seed in range(20):
        values, it = offers(seed), sharing(bus(channel=Channel(loss=0.05, seed=seed)))
        try:
            total = it.total(values, **RUN)
        except AggregationError:
            continue
        sums += 1
        assert np.array_equal(total, sum_over(values, it.included))
    assert sums > 10


def test_the_core_gets_sums_only_and_stations_nothing() -> None:
    on = bus()
    sharing(on).total(offers(), **RUN)
    received = {(row["class"], row["receiver"]) for row in on.report()["flows"] if row["receiver"]}
    assert received == {
        ("IntentionShare", "twin"),
        ("ShareHolding", "core"),
        ("ShareAgreement", "twin"),
        ("ShareSum", "core"),
    }


def test_the_committee_changes_and_everybody_serves() -> None:
    it = sharing()
    served = Counter(ev for slot in range(8) for ev in it._committee(np.ones(EVS, dtype=bool), slot))
    assert served == dict.fromkeys(range(EVS), 5)


@pytest.mark.parametrize("options", [{"threshold": 2}, {"threshold": 6}, {"committee_size": 4, "threshold": 2}])
def test_a_threshold_that_lets_two_sums_be_had_is_refused(options: dict[str, int]) -> None:
    with pytest.raises(MessageError, match="above half"):
        sharing(**options)


def test_a_bus_that_is_late_is_refused() -> None:
    with pytest.raises(MessageError, match="IntentionShare comes 1 slots late"):
        sharing(bus(channel=Channel(latency_slots=1)))


def member() -> CommitteeMember:
    it = CommitteeMember(place=1, slot=0, least_evs=3)
    for ev in range(4):
        it.take(IntentionShare(ev, 0, np.array([ev + 1])))
    return it


def test_a_member_adds_up_once() -> None:
    it = member()
    assert np.asarray(it.add_up(ShareAgreement(0, np.array([0, 1, 2, 3]))).shares).tolist() == [10]
    with pytest.raises(MessageError, match="a second sum could give an EV away"):
        it.add_up(ShareAgreement(0, np.array([0, 1, 2])))


@pytest.mark.parametrize(
    ("evs", "slot", "problem"),
    [
        ([1, 1, 1], 0, "different ones"),
        ([1, 2, 9], 0, "whose shares are here"),
        ([1, 2, 3], 1, "whose shares are here"),
        ([1, 2], 0, "2 EVs are too few"),
        ([], 0, "0 EVs are too few"),
    ],
)
def test_a_member_does_not_add_up_what_would_give_an_ev_away(evs: list[int], slot: int, problem: str) -> None:
    it = member()
    with pytest.raises(MessageError, match=problem):
        it.add_up(ShareAgreement(slot, np.array(evs, dtype=int)))
    assert it.add_up(ShareAgreement(0, np.array([0, 1, 2])))


def test_a_member_takes_one_share_of_each_and_of_its_slot_only() -> None:
    it = member()
    for ev, slot in ((0, 0), (7, 1)):
        with pytest.raises(MessageError, match="is not awaited"):
            it.take(IntentionShare(ev, slot, np.array([1])))


def test_a_member_that_adds_up_wrongly_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    right = CommitteeMember.add_up

    def wrong(self: CommitteeMember, agreement: ShareAgreement) -> ShareSum:
        it = right(self, agreement)
        shift = it.member == 2
        return ShareSum(it.slot, it.member, derived((np.asarray(it.shares) + shift) % PRIME, because="a test's"))

    monkeypatch.setattr(CommitteeMember, "add_up", wrong)
    with pytest.raises(MessageError, match="do not belong to one sum"):
        sharing().total(offers(), **RUN)


@pytest.mark.parametrize(("threshold", "members", "prime"), [(2, 3, 5), (3, 4, 7), (3, 5, 7)])
def test_fewer_shares_than_the_threshold_are_as_likely_for_every_secret(
    threshold: int, members: int, prime: int
) -> None:
    coefficients = np.array(list(product(range(prime), repeat=threshold - 1))).T
    for secret in range(-(prime // 2), prime // 2 + 1):
        values = np.full(coefficients.shape[1], secret)
        shares = shares_of(values, coefficients, members, prime)
        for some in combinations(range(members), threshold - 1):
            seen = Counter(map(tuple, shares[list(some)].T.tolist()))
            # Every combination of shares, each by exactly one polynomial.
            assert seen == dict.fromkeys(product(range(prime), repeat=threshold - 1), 1)
        for some in combinations(range(members), threshold):
            assert np.array_equal(restored(shares[list(some)], [k + 1 for k in some], prime), values)


def test_shares_on_the_wire_are_spread_evenly_whatever_is_offered() -> None:
    for offer in (0, 127):
        on = bus()
        it = sharing(on)
        seen: list[Any] = []
        values = derived(np.full((EVS, STATIONS, 20), offer), because="a test's")
        for slot in range(10):
            it.total(values, slot=slot, phase=Phase.EXECUTION)
            for twin in on.population.nodes(Role.TWIN):
                found = on.all_latest(twin, IntentionShare)
                seen += [each.message.shares for each in found if each.message.slot == slot]  # type: ignore[attr-defined]
        share = np.concatenate(seen).astype(np.int64)
        count = np.bincount(share * 16 // PRIME, minlength=16)
        chi_square = ((count - len(share) / 16) ** 2 / (len(share) / 16)).sum()
        # 15 degrees of freedom: above 37.7 once in a thousand.
        assert len(share) == 10 * (EVS * 5 - 5) * STATIONS * 20
        assert chi_square < 37.7


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(-(2**20), 2**20), min_size=1, max_size=20), st.integers(2, 9), st.integers(0, 2**32))
def test_shares_of_a_sum_are_sums_of_shares(values: list[int], threshold: int, seed: int) -> None:
    generator = np.random.default_rng(seed)
    members = 2 * threshold - 1
    coefficients = generator.integers(0, PRIME, (threshold - 1, len(values)))
    added = shares_of(np.array(values), coefficients, members).sum(axis=1) % PRIME
    places = generator.permutation(members)[:threshold]
    assert int(restored(added[places], (places + 1).tolist())) == sum(values)


def test_the_collector_may_be_a_station() -> None:
    on = bus()
    it = sharing(on, collector=Node(Role.STATION, 1))
    assert np.array_equal(it.total(offers(), **RUN), sum_over(offers(), it.included))
    assert not on.all_latest(Node(Role.CORE), ShareSum)
