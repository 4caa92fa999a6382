"""What each microgrid gets back until the episode's end, given what everybody intends: the fleet's side of a critic.

It is read off the board of intentions, so it does not depend on how many EVs there are. What an EV chooses changes the
board at one station, and, through what all stations have in common, the value of all others. N decisions, H stations,
F features of what the others intend at a station (`agents.others`).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from agents.options import CHARGERS, OWN_FEATURES
from agents.reach import MODES, Mode
from cosim.interface import FleetSpec

#: So many EVs are valued by all their choices at once; what is worked out for more does not fit into a core's cache.
ROWS_AT_ONCE = 120


class FleetCritic(nn.Module):
    """Values of stations: energy that their microgrids get back from now on, over `agents.options.SLOT_KWH`.

    Args:
        spec: The fleet; where its stations are tells them apart.
        features: Features of what the others intend at a station, F.
        width: Width of its layers.
    """

    position: Tensor

    def __init__(self, spec: FleetSpec, features: int, width: int) -> None:
        super().__init__()
        area_km = torch.tensor([length if length > 0.0 else 1.0 for length in spec.area_km])
        position = torch.from_numpy(spec.station_position_km).float() / area_km
        self.register_buffer("position", position, persistent=False)
        self.station = nn.Sequential(nn.Linear(features + 2, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU())
        self.here = nn.Linear(width, width)
        self.everywhere = nn.Linear(width, width)
        self.own = nn.Linear(OWN_FEATURES, width)
        self.remembered = nn.Linear(width, width)
        self.value = nn.Sequential(nn.ReLU(), nn.Linear(width, width // 2), nn.ReLU(), nn.Linear(width // 2, 1))

    def of_one(self, remembered: Tensor, own: Tensor, others: Tensor, joined: Tensor, station: Tensor) -> Tensor:
        """The values of all stations if each EV does one thing.

        Args:
            remembered: What an encoder remembers of each EV, shape [N, width].
            own: The EV's own features, shape [N, OWN_FEATURES].
            others: What the others intend, shape [N, H, F].
            joined: The same at the station that the EV chooses, with what it intends, shape [N, F].
            station: That station, shape [N].

        Returns:
            Shape [N, H].
        """
        intended = others.clone()
        intended[torch.arange(len(station), device=station.device), station] = joined
        seen = self._seen(intended)
        common = self.everywhere(seen.mean(dim=1)) + self.own(own) + self.remembered(remembered)
        values: Tensor = self.value(self.here(seen) + common[:, None])[..., 0]
        return values

    def of_all(self, remembered: Tensor, own: Tensor, others: Tensor, joined: Tensor) -> Tensor:
        """The sum over all stations for every choice of each EV.

        Args:
            remembered: What an encoder remembers of each EV, shape [N, width].
            own: The EV's own features, shape [N, OWN_FEATURES].
            others: What the others intend, shape [N, H, F].
            joined: The same with what the EV would intend there in each mode, shape [N, H, 3, F].

        Returns:
            Shape [N, H * 3].
        """
        rows = (remembered, own, others, joined)
        parts = zip(*(torch.split(values, ROWS_AT_ONCE) for values in rows), strict=True)
        return torch.cat([self._of_all_at_once(*part) for part in parts])

    def _of_all_at_once(self, remembered: Tensor, own: Tensor, others: Tensor, joined: Tensor) -> Tensor:
        """The same of few EVs."""
        alone, with_it = self._seen(others), self._seen(joined)
        stations = alone.shape[1]
        mean = alone.mean(dim=1)[:, None, None] + (with_it - alone[:, :, None]) / stations
        common = self.everywhere(mean) + (self.own(own) + self.remembered(remembered))[:, None, None]
        # The value of the last axis' station, when the EV goes to the second axis' one: [N, H, 3, H, width].
        seen = self.here(alone)[:, None, None] + common[:, :, :, None]
        at = torch.arange(stations, device=seen.device)
        seen[:, at, :, at] = (self.here(with_it) + common).transpose(0, 1)
        values: Tensor = self.value(seen)[..., 0].sum(dim=-1)
        return values.flatten(1)

    def _seen(self, intended: Tensor) -> Tensor:
        """Features of stations [N, H, ..., F] as the network sees them, where they are included."""
        shape = (1, -1, *(1 for _ in intended.shape[3:]), 2)
        where = self.position.view(shape).expand(*intended.shape[:-1], 2)
        seen: Tensor = self.station(torch.cat([intended, where], dim=-1))
        return seen


def joined_in_each_mode(others: Tensor, offer: Tensor, own: Tensor) -> Tensor:
    """What is intended at each station if the EV joins the others there.

    Args:
        others: What the others intend, as `agents.others.others_at_stations` has it, shape [N, H, 4 T + 2].
        offer: What the EV would draw, and feed in, at each station in each slot from now on, both >= 0 and in units
            of `agents.options.SLOT_KWH`, shape [N, H, 2, T].
        own: The EV's own features; the first is its energy, shape [N, OWN_FEATURES].

    Returns:
        Shape [N, H, 3, 4 T + 2].
    """
    slots = offer.shape[-1]
    joined = others[:, :, None].repeat(1, 1, MODES, 1)
    deficit, surplus, fed, drawn = (joined[..., k * slots : (k + 1) * slots] for k in range(4))
    surplus[:, :, Mode.CHARGE] -= offer[:, :, 0]
    drawn[:, :, Mode.CHARGE] += offer[:, :, 0]
    deficit[:, :, Mode.DISCHARGE] -= offer[:, :, 1]
    fed[:, :, Mode.DISCHARGE] += offer[:, :, 1]
    joined[..., -2] += 1.0 / CHARGERS
    joined[..., -1] += own[:, :1, None] / CHARGERS
    return joined
