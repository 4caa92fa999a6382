"""Heads of an actor: equations (30) to (33) by hand, where gradients go, and probabilities."""

from __future__ import annotations

import math

import pytest
import torch
from line_fleet import STATION_KM, fleet
from torch import Tensor

from agents.ev_vector import EvVector
from agents.heads import ChoiceHead, LiteralHead

SPEC = fleet()
VECTOR = EvVector(SPEC)
NEARNESS = LiteralHead(SPEC, VECTOR, nearness=True)
LITERAL, CHOICE = LiteralHead(SPEC, VECTOR), ChoiceHead(SPEC, VECTOR)

A, B, C = range(3)


def vector_of(station: int, east_km: float) -> Tensor:
    """What an EV sees that is so far west of a station."""
    vector = torch.zeros(VECTOR.length, dtype=torch.float64)
    VECTOR.way(vector)[:, 0] = (torch.from_numpy(STATION_KM - STATION_KM[station]) + east_km) / SPEC.max_move_km
    return vector


def within(share: float, distance: float, energy_kwh: float) -> tuple[float, float, float]:
    """The clipped power share, and its gradients in power share and distance."""
    power, way = torch.tensor([share], requires_grad=True), torch.tensor([distance], requires_grad=True)
    clipped = LITERAL.within_energy(power, way, torch.tensor([energy_kwh]))
    clipped.backward()
    assert power.grad is not None
    return float(clipped.detach()), float(power.grad), 0.0 if way.grad is None else float(way.grad)


def test_outputs_become_heading_distance_and_power() -> None:
    outputs = torch.tensor([[0.0, 0.0, 0.0], [0.25, 0.5, 0.5], [1.0, 1.0, 1.0]])
    # In the middle of its energy nothing is clipped: -0.8 of 50 kW and 1 of 40 kW move 25 and 18 kWh of the battery.
    action = LITERAL.action(outputs, torch.full((3,), 35.0))
    assert action[:, 0].tolist() == [0.0, 0.25, 1.0]
    assert action[:, 1].tolist() == [0.0, 0.5, 1.0]
    assert action[:, 2].tolist() == pytest.approx([-0.8, 0.1, 1.0])


def test_power_is_clipped_where_energy_would_leave_its_bounds() -> None:
    # 6 kWh above the minimum at 0.8 are 4.8 of the 25 kWh that half an hour at 50 kW moves.
    assert within(-0.8, 0.0, 12.0) == pytest.approx((-4.8 / 25.0, 0.0, 2.0 * 0.8 / 25.0))
    # The way of 10 km takes 2 kWh of them.
    assert within(-0.8, 1.0, 12.0)[0] == pytest.approx(-3.2 / 25.0)
    # Room for 4.5 kWh takes 5 of the 20 that half an hour at 40 kW moves; a way makes room.
    assert within(1.0, 0.0, 52.5) == pytest.approx((0.25, 0.0, 2.0 / 0.9 / 20.0))
    # Below what the way needs, nothing is fed in; above the maximum nothing is drawn.
    assert within(-0.8, 1.0, 7.0)[0] == 0.0
    assert within(0.5, 0.0, 57.0)[0] == 0.0


def test_where_nothing_is_clipped_the_gradient_is_whole() -> None:
    assert within(-0.5, 0.3, 30.0) == pytest.approx((-0.5, 1.0, 0.0))
    assert within(0.5, 0.3, 30.0) == pytest.approx((0.5, 1.0, 0.0))


def test_the_gradient_through_the_whole_head_is_that_of_its_formula() -> None:
    def whole(logits: Tensor) -> Tensor:
        energy_kwh = torch.tensor([30.0, 12.0, 52.5, 7.0], dtype=torch.float64)
        return NEARNESS.as_features(NEARNESS.action(torch.sigmoid(logits), energy_kwh), vector_of(B, -3.0))

    logits = torch.tensor(
        [[0.3, -0.2, 0.1], [1.0, 0.5, -2.0], [-1.0, -0.5, 2.0], [0.1, 0.2, -0.9]], dtype=torch.float64
    )
    assert torch.autograd.gradcheck(whole, (logits.requires_grad_(),))


def test_a_full_turn_has_no_seam_for_the_critic() -> None:
    action = torch.tensor([[1e-4, 0.7, 0.2], [1.0 - 1e-4, 0.7, 0.2], [0.25, 0.5, -0.1]])
    features = LITERAL.as_features(action, torch.zeros(3, VECTOR.length))
    assert torch.allclose(features[0], features[1], atol=2e-3)
    assert features[2].tolist() == pytest.approx([0.0, 0.5, 0.5, -0.1], abs=1e-6)


def test_nearness_is_of_the_target_and_by_station() -> None:
    east = torch.tensor([[0.0, 0.5, 0.0], [0.0, 0.7, 0.0]], dtype=torch.float64)
    # B is 5 km east: the first target is there, the second 2 km beyond, one NEAR; C is 24 km on.
    nearness = NEARNESS.as_features(east, vector_of(B, 5.0))[:, 4:]
    assert nearness[:, B].tolist() == pytest.approx([1.0, math.exp(-0.5)])
    assert nearness[:, C].max() < 1e-9
    assert NEARNESS.features == LITERAL.features + 3


def test_restraint_pulls_logits_to_the_middle() -> None:
    logits = torch.tensor([[4.0, -3.0, 0.5]], requires_grad=True)
    LITERAL.restraint(logits, {}, 0.1).sum().backward()
    assert logits.grad is not None
    assert logits.grad[0].tolist() == pytest.approx([0.8, -0.6, 0.1])
    assert LITERAL.logged(torch.tensor([[4.0, -4.0, 0.0]]), {}) == pytest.approx(
        {"saturated": 2 / 3, "distance": 0.018}, abs=1e-3
    )


def test_probabilities_are_of_possible_choices_only() -> None:
    possible = torch.tensor([[True, False, True] * 3, [False] * 9])
    chances = CHOICE.policy(torch.arange(18.0).reshape(2, 9), {"possible": possible})
    assert chances.sum(dim=1).tolist() == pytest.approx([1.0, 1.0])
    assert chances[0, ~possible[0]].tolist() == [0.0] * 3
    assert float(chances[0, 8] / chances[0, 6]) == pytest.approx(math.exp(2.0))
    done = CHOICE.done({"choice": torch.tensor([[4, -1]], dtype=torch.int16)})
    assert done[0].argmax(dim=1).tolist() == [4, 0]
    assert done[0].sum(dim=1).tolist() == [1.0, 0.0]
