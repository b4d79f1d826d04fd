"""Fat precesses more slowly than water: it is displaced along the frequency direction, or out of phase."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from spine_segmentation.synth.contrast import Weighting


@dataclass(frozen=True)
class ChemicalShift:
    """How fat is misregistered.

    Attributes:
        displacement: Of fat along the frequency axis, mm; the first kind.
        axis: The frequency axis, -2 for rows, -1 for columns.
        phase: Cosine of the phase between fat and water, 1 in phase, -1 opposed; the second kind, which draws dark
            lines between fat and water.
    """

    displacement: float
    axis: int
    phase: float


def draw_chemical_shift(rng: np.random.Generator, weighting: Weighting, axis: int) -> ChemicalShift:
    """Draw how fat is misregistered.

    Args:
        rng: Source of all chance.
        weighting: Sequence family; only gradient echoes leave fat out of phase.
        axis: The frequency axis, -2 or -1.

    Returns:
        A displacement in most scans: 220 Hz at 1.5 T and 100 to 500 Hz per acquired pixel.
    """
    displacement = rng.choice([-1, 1]) * rng.uniform(0.2, 1.8) * (rng.random() < 0.7)
    dephased = weighting is Weighting.GRE and rng.random() < 0.4
    return ChemicalShift(float(displacement), axis, rng.uniform(-1, 0.5) if dephased else 1.0)


def misregister_fat(image: Tensor, fat: Tensor, shift: ChemicalShift, pixel_size: float) -> Tensor:
    """Displace and dephase the signal of fat.

    Args:
        image: Shape (N, H, W), float32.
        fat: Share of the signal that comes from fat, (N, H, W).
        shift: How.
        pixel_size: mm.

    Returns:
        The same shape; negative where opposed fat outweighs water.
    """
    if shift.displacement == 0 and shift.phase == 1:
        return image
    fatty = image * fat
    pixels = shift.displacement / pixel_size
    whole = int(np.floor(pixels))
    displaced = torch.lerp(_move(fatty, whole, shift.axis), _move(fatty, whole + 1, shift.axis), pixels - whole)
    return image - fatty + shift.phase * displaced


def _move(image: Tensor, pixels: int, axis: int) -> Tensor:
    """Displace along an axis; the edge goes on beyond the image."""
    length = image.shape[axis]
    return image.index_select(axis, (torch.arange(length, device=image.device) - pixels).clamp_(0, length - 1))
