"""What the critics make of the others: a set has no order, places have; and whose action a value depends on."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from agents.joint_critic import JointCritic, OthersSideBySide, SetOfOthers

SLOTS, EVS, OWN, FEATURES = 3, 5, 4, 2


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def critic(evs: int = 0, *, by_choice: bool = False) -> JointCritic:
    return JointCritic(OWN, OWN + FEATURES, FEATURES, 16, by_choice=by_choice, evs=evs)


def values(of: JointCritic, own: Tensor, action: Tensor, there: Tensor | None = None) -> Tensor:
    there = torch.ones(own.shape[:2], dtype=torch.bool) if there is None else there
    found: Tensor = of(own, action, torch.cat([own, action], dim=-1), there)
    return found


def some() -> tuple[Tensor, Tensor]:
    return torch.randn(SLOTS, EVS, OWN), torch.randn(SLOTS, EVS, FEATURES)


def test_a_set_does_not_change_when_the_others_change_places() -> None:
    (own, action), of = some(), critic()
    order = torch.tensor([0, 3, 1, 4, 2])
    moved = values(of, own[:, order], action[:, order])
    assert torch.allclose(moved, values(of, own, action)[:, order], atol=1e-6)


def test_places_do_change_when_the_others_change_them() -> None:
    (own, action), of = some(), critic(EVS)
    order = torch.tensor([0, 3, 1, 4, 2])
    moved = values(of, own[:, order], action[:, order])
    # EV 0 keeps its place; the others around it have moved.
    assert (moved[:, 0] - values(of, own, action)[:, 0]).abs().min() > 1e-4


def test_a_set_takes_a_fleet_of_any_size_and_counts_only_who_decided() -> None:
    (own, action), of = some(), critic()
    there = torch.tensor([[True, True, False, True, False]] * SLOTS)
    kept = there[0]
    small = values(of, own[:, kept], action[:, kept])
    assert torch.allclose(values(of, own, action, there)[:, kept], small, atol=1e-6)
    alone = values(of, own[:, :1], action[:, :1])
    assert torch.isfinite(alone).all()


def test_places_are_a_linear_layer_of_the_concatenation() -> None:
    others, seen = OthersSideBySide(6, 8, EVS), torch.randn(SLOTS, EVS, 6)
    found = others(seen, torch.ones(SLOTS, EVS, dtype=torch.bool))
    matrix = others.place.flatten(0, 1)
    for ev in range(EVS):
        beside = seen.clone()
        beside[:, ev] = 0.0
        assert torch.allclose(found[:, ev], beside.flatten(1) @ matrix + others.whose[ev], atol=1e-5)


def test_the_mean_of_others_leaves_the_ev_itself_out() -> None:
    others, seen = SetOfOthers(6, 8), torch.randn(SLOTS, EVS, 6)
    found = others(seen, torch.ones(SLOTS, EVS, dtype=torch.bool))
    assert torch.allclose(found[:, 1], others.each(seen[:, [0, 2, 3, 4]]).mean(dim=1), atol=1e-6)


@pytest.mark.parametrize("evs", [0, EVS])
@pytest.mark.parametrize("by_choice", [False, True])
def test_a_value_depends_on_everybodys_action(evs: int, by_choice: bool) -> None:
    own, action = some()
    action.requires_grad_()
    values(critic(evs, by_choice=by_choice), own, action)[0, 2].backward()
    assert action.grad is not None
    assert (action.grad[0].abs().sum(dim=-1) > 0.0).all()
    assert not action.grad[1:].any()


@pytest.mark.parametrize("evs", [0, EVS])
def test_with_the_others_given_a_values_gradient_is_in_its_own_action_alone(evs: int) -> None:
    own, action = some()
    action.requires_grad_()
    seen, there = torch.cat([own, action.detach()], dim=-1), torch.ones(SLOTS, EVS, dtype=torch.bool)
    critic(evs)(own, action, seen, there)[0, 2].backward()
    assert action.grad is not None
    assert (action.grad[0].abs().sum(dim=-1) > 0.0).tolist() == [False, False, True, False, False]


def test_of_choices_the_value_is_linear_in_the_probabilities() -> None:
    own, _ = some()
    of, there = critic(by_choice=True), torch.ones(SLOTS, EVS, dtype=torch.bool)
    seen = torch.randn(SLOTS, EVS, OWN + FEATURES)
    first, second = torch.tensor([1.0, 0.0]).expand(SLOTS, EVS, 2), torch.tensor([0.0, 1.0]).expand(SLOTS, EVS, 2)
    mixed = of(own, 0.3 * first + 0.7 * second, seen, there)
    assert torch.allclose(mixed, 0.3 * of(own, first, seen, there) + 0.7 * of(own, second, seen, there), atol=1e-6)
