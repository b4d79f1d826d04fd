"""Rare faults of the scanner: a zipper of foreign radio signal, or a spike in k-space."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True)
class Interference:
    """A fault.

    Attributes:
        kind: A dotted line along the phase axis, or a pattern of stripes over the whole image.
        strength: Relative to the mean signal.
        place: Of the line along the frequency axis, relative to the grid; of the spike in k-space along it.
        period: Of the stripes along the phase axis, pixels.
        axis: The phase axis, -2 for rows, -1 for columns.
    """

    kind: Literal["zipper", "spike"]
    strength: float
    place: float
    period: float
    axis: int


def draw_interference(rng: np.random.Generator, axis: int) -> Interference | None:
    """Draw a fault in one of fifty examinations.

    Args:
        rng: Source of all chance.
        axis: The phase axis, -2 or -1.

    Returns:
        A zipper or a spike; None for no fault.
    """
    if rng.random() > 0.02:
        return None
    zipper = rng.random() < 0.5
    strength = rng.uniform(0.5, 3) if zipper else rng.uniform(0.03, 0.15)
    return Interference("zipper" if zipper else "spike", strength, rng.random(), rng.uniform(3, 25), axis)


def add_interference(image: Tensor, fault: Interference) -> Tensor:
    """Add a fault to an image.

    Args:
        image: Shape (N, H, W), float32.
        fault: What to add.

    Returns:
        The same shape.
    """
    turned = image if fault.axis == -2 else image.transpose(-2, -1)
    phase, frequency = (torch.arange(n, device=image.device, dtype=image.dtype) for n in turned.shape[-2:])
    stripes = 2 * math.pi * phase[:, None] / fault.period
    if fault.kind == "zipper":
        line = (frequency - fault.place * (len(frequency) - 1)).abs() < 1
        pattern = torch.cos(stripes) * line
    else:
        pattern = torch.cos(stripes + math.pi * (fault.place - 0.5) * frequency)
    turned = turned + fault.strength * image.mean() * pattern
    return turned if fault.axis == -2 else turned.transpose(-2, -1)
