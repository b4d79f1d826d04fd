"""Irregular textures as sums of waves: the same in every grid, and cheap for a few pixels."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from spine_segmentation.arrays import Floats

_COUNT = 5


@dataclass(frozen=True)
class Waves:
    """Plane waves of random direction and phase.

    Attributes:
        vectors: Wave vectors along x, d and s, 1/mm, shape (k, 3).
        phases: Their phases, shape (k,).
    """

    vectors: Floats
    phases: Floats


def draw_waves(rng: np.random.Generator, lengths: tuple[float, float, float]) -> Waves:
    """Draw a texture.

    Args:
        rng: Source of all chance.
        lengths: Size of its features along x, d and s, mm.

    Returns:
        Waves whose sum is about standard normal.
    """
    directions = rng.normal(0, 1, (_COUNT, 3)) * np.pi / 2
    return Waves(directions / np.array(lengths), rng.uniform(0, 2 * np.pi, _COUNT))


def wave(waves: Waves, x: Tensor, d: Tensor, s: Tensor) -> Tensor:
    """Evaluate a texture.

    Args:
        waves: From :func:`draw_waves`.
        x: mm, shape (N, M).
        d: mm, shape (M,).
        s: mm, shape (M,).

    Returns:
        Shape (N, M), about standard normal.
    """
    total = torch.zeros_like(x)
    for (along_x, along_d, along_s), phase in zip(waves.vectors.tolist(), waves.phases.tolist(), strict=True):
        total += torch.sin(along_x * x + (along_d * d + along_s * s + phase))
    return total.mul_(math.sqrt(2 / _COUNT))
