"""How sensitive the scanner is across the image, and how it evens that out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from spine_segmentation.synth.fields import Fields
from spine_segmentation.synth.grid import Grid

CoilKind = Literal["surface", "straight", "body"]
"""An array that follows the skin of the back, a straight one behind the field of view, or a homogeneous one."""


@dataclass(frozen=True)
class Coil:
    """Sensitivity of one examination.

    Attributes:
        kind: Kind of receive coil.
        reach: Distance over which its sensitivity falls to 1/e, mm; more in a field of view longer than one station.
        floor: Sensitivity far away.
        end_fall: Centre and half width of the sensitivity along the rows, relative to the grid; None for flat. A field
            of view longer than one station has none.
        bias: Strength of the smooth field (standard deviation of its logarithm).
        correction: Share of the sensitivity's logarithm that the scanner takes back after reconstruction, 0 to 1.
        seed: Seed of the smooth field.
    """

    kind: CoilKind
    reach: float
    floor: float
    end_fall: tuple[float, float] | None
    bias: float
    correction: float
    seed: int


_STATION_MM = 450.0
"""Longer fields of view are composed of stations, each taken where the array under it is sensitive."""

_COMPOSED_REACH_MM = 120.0
"""Least reach over stations: the neck, far in front of the back's skin, has a coil of its own around it."""

_LOWEST = 0.2
"""Correction amplifies no region more than if this much of the highest sensitivity were left."""


def draw_coil(rng: np.random.Generator) -> Coil:
    """Draw a coil: mostly spine arrays, half of them with intensity correction.

    Args:
        rng: Source of all chance.

    Returns:
        Its kind, reach, bias and correction.
    """
    kinds: tuple[CoilKind, ...] = ("surface", "straight", "body")
    return Coil(
        kind=kinds[int(rng.choice(3, p=(0.4, 0.35, 0.25)))],
        reach=rng.uniform(35, 200),
        floor=rng.uniform(0, 0.25),
        end_fall=(rng.uniform(-0.2, 0.2), rng.uniform(0.4, 0.9)) if rng.random() < 0.4 else None,
        bias=rng.uniform(0, 0.35),
        correction=rng.uniform(0.4, 1.0) if rng.random() < 0.5 else 0.0,
        seed=int(rng.integers(2**31)),
    )


def sensitivity(coil: Coil, depth: Tensor, grid: Grid) -> Tensor:
    """Compute the sensitivity of a coil, the same for all slices.

    Args:
        coil: The coil.
        depth: Distance to the skin of the back, mm, (H, W).
        grid: The sagittal slices.

    Returns:
        Shape (H, W), positive.
    """
    composed = grid.rows * grid.pixel_size > _STATION_MM
    reach = max(coil.reach, _COMPOSED_REACH_MM) if composed else coil.reach
    gain = torch.exp(coil.bias * Fields(coil.seed, grid).common(1, (90, 90))[0])
    if coil.kind != "body":
        columns = grid.posterior()
        distance = depth.clamp(min=0) if coil.kind == "surface" else columns[-1] - columns
        gain = gain * (torch.exp(-distance / reach) + coil.floor)
    if coil.end_fall is not None and not composed:
        centre, half_width = coil.end_fall
        rows = torch.linspace(-0.5, 0.5, grid.rows, device=grid.device)[:, None]
        gain = gain * torch.exp(-(((rows - centre) / half_width) ** 2))
    return gain


def correct(image: Tensor, gain: Tensor, coil: Coil) -> Tensor:
    """Even a magnitude image out, noise included, as far as the scanner does so.

    Args:
        image: Shape (N, H, W), float32.
        gain: From :func:`sensitivity`.
        coil: The coil.

    Returns:
        The same shape.
    """
    if coil.correction == 0:
        return image
    return image / torch.maximum(gain, _LOWEST * gain.max()) ** coil.correction
