"""The fleet's side of a critic: what a choice changes on the board, and that both ways of asking agree."""

from __future__ import annotations

import pytest
import torch
from line_fleet import fleet

from agents import fleet_critic
from agents.fleet_critic import FleetCritic, joined_in_each_mode
from agents.options import CHARGERS, OWN_FEATURES
from agents.others import others_features
from agents.reach import MODES, Mode

T, H, N, WIDTH = 12, 3, 4, 16
F = others_features(T)


def some() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """What is remembered, the EV's own features, the others', and its offers."""
    generator = torch.Generator().manual_seed(3)
    shapes = ((N, WIDTH), (N, OWN_FEATURES), (N, H, F), (N, H, 2, T))
    remembered, own, others, offer = (torch.rand(shape, generator=generator) for shape in shapes)
    return remembered, own, others, offer


def test_an_ev_takes_its_offer_from_what_is_left_and_adds_it_to_what_is_meant() -> None:
    _, own, others, offer = some()
    joined = joined_in_each_mode(others, offer, own)
    assert joined.shape == (N, H, MODES, F)
    change = joined - others[:, :, None]
    deficit, surplus, fed, drawn = (change[..., k * T : (k + 1) * T] for k in range(4))
    zero = torch.zeros(N, H, T)
    for mode, (lost, gained) in {Mode.IDLE: (zero, zero), Mode.CHARGE: (zero, offer[:, :, 0])}.items():
        torch.testing.assert_close(deficit[:, :, mode], -lost, atol=1e-6, rtol=0.0)
        torch.testing.assert_close(drawn[:, :, mode], gained, atol=1e-6, rtol=0.0)
        torch.testing.assert_close(surplus[:, :, mode], -gained, atol=1e-6, rtol=0.0)
        torch.testing.assert_close(fed[:, :, mode], zero, atol=1e-6, rtol=0.0)
    torch.testing.assert_close(deficit[:, :, Mode.DISCHARGE], -offer[:, :, 1], atol=1e-6, rtol=0.0)
    torch.testing.assert_close(fed[:, :, Mode.DISCHARGE], offer[:, :, 1], atol=1e-6, rtol=0.0)
    assert not surplus[:, :, Mode.DISCHARGE].any()
    # One EV more is there in every mode, with its energy.
    assert change[..., -2].numpy() == pytest.approx(1.0 / CHARGERS, abs=1e-6)
    assert change[1, 2, 0, -1].item() == pytest.approx(own[1, 0].item() / CHARGERS, abs=1e-6)


def test_all_choices_at_once_are_worth_what_each_is_worth_alone() -> None:
    remembered, own, others, offer = some()
    torch.manual_seed(5)
    critic = FleetCritic(fleet(3), F, WIDTH)
    joined = joined_in_each_mode(others, offer, own)
    of_all = critic.of_all(remembered, own, others, joined).view(N, H, MODES)
    for station in range(H):
        for mode in range(MODES):
            at = torch.full((N,), station)
            of_one = critic.of_one(remembered, own, others, joined[:, station, mode], at)
            assert of_one.shape == (N, H)
            torch.testing.assert_close(of_one.sum(dim=1), of_all[:, station, mode], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("at_once", [1, 3, N])
def test_few_rows_at_a_time_are_worth_what_all_are(at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    remembered, own, others, offer = some()
    critic, joined = FleetCritic(fleet(3), F, WIDTH), joined_in_each_mode(others, offer, own)
    of_all = critic.of_all(remembered, own, others, joined)
    monkeypatch.setattr(fleet_critic, "ROWS_AT_ONCE", at_once)
    torch.testing.assert_close(critic.of_all(remembered, own, others, joined), of_all, atol=1e-6, rtol=1e-6)
    assert critic.of_all(remembered[:0], own[:0], others[:0], joined[:0]).shape == (0, H * MODES)


def test_stations_are_told_apart_by_where_they_are() -> None:
    remembered, own, others, _ = some()
    torch.manual_seed(5)
    critic = FleetCritic(fleet(3), F, WIDTH)
    alike = others[:, :1].expand(-1, H, -1)
    values = critic.of_one(remembered, own, alike, alike[:, 0], torch.zeros(N, dtype=torch.int64))
    assert (values[:, 0] != values[:, 2]).all()
