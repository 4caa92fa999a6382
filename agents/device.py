"""Where a learner's networks are: on a GPU where torch sees one, else on the CPU.

A GPU is for updates only. Decisions are many small calls, one turn of EVs after the other, which take longer there than
on the CPU; so who decides has networks of its own, which are handed what was learned after every round.
"""

from __future__ import annotations

from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

CPU = torch.device("cpu")


def learning_device() -> torch.device:
    """Where learners of this process update their networks; `CUDA_VISIBLE_DEVICES=` hides all GPUs."""
    return torch.device("cuda") if torch.cuda.is_available() else CPU


def decides_apart(device: torch.device) -> bool:
    """Whether decisions need networks beside those that learn on a device."""
    return device.type != "cpu"


def device_name(device: torch.device) -> str:
    """How a device is called in what is printed: `cpu`, or the GPU's own name."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


def array(tensor: Tensor) -> NDArray[Any]:
    """The values of a tensor, wherever it is; of one on the CPU it is the same memory."""
    values: NDArray[Any] = tensor.detach().cpu().contiguous().numpy()
    return values
