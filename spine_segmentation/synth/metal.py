"""Metal disturbs the field: a void larger than the implant, a bright rim, and distortion along the frequency axis."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True)
class MetalArtefact:
    """How strongly implants disturb the image.

    Attributes:
        reach: Distance over which the disturbance falls off, mm; titanium disturbs less than steel.
        void: Disturbance, relative to that in the middle of a large implant, above which no signal is left.
        rim: Relative brightness added by signal that piles up around the void.
        distortion: Displacement along the frequency axis at full disturbance, mm.
        axis: The frequency axis, -2 for rows, -1 for columns.
    """

    reach: float
    void: float
    rim: float
    distortion: float
    axis: int


def draw_metal_artefact(rng: np.random.Generator, axis: int) -> MetalArtefact:
    """Draw how strongly implants would disturb the image.

    Args:
        rng: Source of all chance.
        axis: The frequency axis, -2 or -1.

    Returns:
        Reach, strength, bright rim and distortion of the disturbance.
    """
    u = rng.uniform
    return MetalArtefact(
        reach=u(2.5, 9), void=u(0.12, 0.4), rim=u(0.3, 2.5), distortion=rng.choice([-1, 1]) * u(0, 12), axis=axis
    )


def disturb(image: Tensor, metal: Tensor, artefact: MetalArtefact, pixel_size: float) -> Tensor:
    """Show implants as scanners do.

    Args:
        image: Shape (N, H, W), float32.
        metal: Where implants are, bool, (N, H, W).
        artefact: How strongly they disturb.
        pixel_size: mm.

    Returns:
        The same shape; the image itself where there is no metal.
    """
    if not bool(metal.any()):
        return image
    disturbance = _blur(metal.float(), max(1, round(artefact.reach / pixel_size)))
    image = _displace(image, disturbance * (artefact.distortion / pixel_size), artefact.axis)
    relative = disturbance / artefact.void
    rim = artefact.rim * (1 - (2 * relative - 1.2).abs()).clamp(min=0)
    return image * ((1 - relative).clamp(0, 0.5) * 2 + rim)


def _blur(mask: Tensor, radius: int) -> Tensor:
    """Average over a window, twice; (N, H, W)."""
    for _ in range(2):
        mask = F.avg_pool2d(mask, 2 * radius + 1, stride=1, padding=radius)
    return mask


def _displace(image: Tensor, pixels: Tensor, axis: int) -> Tensor:
    """Take every pixel from so many pixels before it along an axis."""
    length = image.shape[axis]
    places = torch.arange(length, device=image.device)
    places = places[:, None] if axis == -2 else places
    return image.gather(axis, (places - pixels.round().long()).clamp(0, length - 1))
