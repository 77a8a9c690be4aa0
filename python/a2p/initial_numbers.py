"""The random numbers that networks start with."""

from __future__ import annotations

import torch
from torch import Tensor


def draw_normal(tensor: Tensor, deviation: float) -> None:
    """Fills a tensor with normal numbers of mean 0.

    On the device `meta`, where a network has shapes alone, nothing is drawn: PyTorch would load its compiler for it,
    which takes seconds.
    """
    if not tensor.is_meta:
        with torch.no_grad():
            tensor.normal_(std=deviation)
