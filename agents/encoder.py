"""What an EV remembers of a window of slots: a CNN over maps, feature attention, an LSTM.

Source:
    Wu, Cai, Li 2025, eq. (25).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from cosim.state_image import CHANNELS


class Encoder(nn.Module):
    """From a window of maps and vectors to what an EV remembers: CNN, feature attention, LSTM.

    Args:
        vector: Length of an EV's vector.
        width: Width of its layers.
    """

    def __init__(self, vector: int, width: int) -> None:
        super().__init__()
        self.map = nn.Sequential(
            nn.Conv2d(len(CHANNELS), 16, 3, stride=2),
            nn.GroupNorm(4, 16),
            nn.ReLU(),
            nn.Conv2d(16, 32, 3, stride=2),
            nn.GroupNorm(4, 32),
            nn.ReLU(),
            nn.Conv2d(32, 64, 3, stride=2),
            nn.GroupNorm(4, 64),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(576, width),
            nn.ReLU(),
        )
        self.vector = nn.Sequential(nn.Linear(vector, width), nn.ReLU())
        self.attention = nn.Linear(2 * width, 2 * width)
        self.memory = nn.LSTM(2 * width, width, batch_first=True)
        self.norm = nn.LayerNorm(width)

    def forward(self, maps: Tensor, vectors: Tensor) -> Tensor:
        """What EVs remember.

        Args:
            maps: What the maps of a window were encoded to by `map`, shape [N, L, width].
            vectors: Vectors of the window, shape [N, L, V].

        Returns:
            Shape [N, width].
        """
        if not len(maps):
            # Of nobody nothing is remembered; an LSTM on a GPU may refuse that.
            return maps[:, -1]
        features = torch.cat([maps, self.vector(vectors)], dim=-1)
        # Eq. (25), times the number of features, so that the scale stays.
        weights = torch.softmax(self.attention(features), dim=-1) * features.shape[-1]
        remembered: Tensor = self.norm(self.memory(features * weights)[0][:, -1])
        return remembered
