"""What an EV remembers depends on all slots of its window, and maps are encoded apart from vectors."""

from __future__ import annotations

import torch

from agents.encoder import Encoder

N, L, V, WIDTH = 3, 3, 7, 16


def made() -> Encoder:
    torch.manual_seed(4)
    return Encoder(V, WIDTH)


def test_a_map_of_32_cells_a_side_becomes_one_vector() -> None:
    encoded = made().map(torch.rand(5, 3, 32, 32))
    assert encoded.shape == (5, WIDTH)
    assert (encoded >= 0.0).all()


def test_every_slot_of_the_window_is_remembered() -> None:
    encoder, maps, vectors = made(), torch.rand(N, L, WIDTH), torch.rand(N, L, V)
    remembered = encoder(maps, vectors)
    assert remembered.shape == (N, WIDTH)
    for slot in range(L):
        for k, changed in enumerate((maps.clone(), vectors.clone())):
            changed[:, slot] += 1.0
            other = encoder(changed, vectors) if k == 0 else encoder(maps, changed)
            assert (other - remembered).abs().amax(dim=1).min() > 1e-5


def test_rows_do_not_depend_on_each_other() -> None:
    encoder, maps, vectors = made(), torch.rand(N, L, WIDTH), torch.rand(N, L, V)
    alone = torch.cat([encoder(maps[k : k + 1], vectors[k : k + 1]) for k in range(N)])
    torch.testing.assert_close(encoder(maps, vectors), alone, atol=1e-6, rtol=1e-5)
