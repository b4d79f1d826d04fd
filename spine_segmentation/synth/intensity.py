"""What happens to the magnitudes on their way to the archive: filter, clipping, grey scale, quantisation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True)
class IntensityScale:
    """Processing of the magnitude image.

    Attributes:
        sharpening: Weight of the difference from the local mean; negative smooths.
        clipping: Level relative to the brightest pixel at which the scale ends; 1 for none.
        gamma: Exponent of the grey scale.
        levels: Number of grey levels, 8 to 16 bits.
    """

    sharpening: float
    clipping: float
    gamma: float
    levels: int


def draw_intensity_scale(rng: np.random.Generator) -> IntensityScale:
    """Draw the processing of an examination.

    Args:
        rng: Source of all chance.

    Returns:
        Sharpening, clipping, gamma and number of grey levels.
    """
    u, kind = rng.uniform, rng.random()
    return IntensityScale(
        sharpening=u(0.3, 1.5) if kind < 0.2 else u(-0.8, -0.3) if kind < 0.3 else 0.0,
        clipping=u(0.35, 0.9) if rng.random() < 0.15 else 1.0,
        gamma=u(0.65, 1.4) if rng.random() < 0.3 else 1.0,
        levels=int(2 ** u(8, 16)),
    )


def rescale(image: Tensor, scale: IntensityScale) -> Tensor:
    """Filter, clip and quantise a magnitude image.

    Args:
        image: Shape (N, H, W), float32, not negative.
        scale: How.

    Returns:
        The same shape, not negative; its mean is a third.
    """
    if scale.sharpening != 0:
        image = (image + scale.sharpening * (image - _local_mean(image))).clamp_(min=0)
    image = (image / (image.amax() * scale.clipping + 1e-9)).clamp_(max=1)
    image = image if scale.gamma == 1 else image**scale.gamma
    image = torch.floor(image * scale.levels)
    return image / (3 * image.mean() + 1e-6)


def _local_mean(image: Tensor) -> Tensor:
    """Mean over three by three pixels."""
    for axis in (-2, -1):
        image = (image + torch.roll(image, 1, axis) + torch.roll(image, -1, axis)) / 3
    return image
