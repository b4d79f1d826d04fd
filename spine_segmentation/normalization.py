"""Intensity normalisation, identical in training and inference."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

COMPRESSION = 0.6
"""Exponent that compresses the dynamic range, so that CSF and fat do not crush the contrast of bone."""

CELL = 8
"""Side of the cells on which the local mean is estimated, pixels."""

SIGMA_CELLS = 3.0
"""Standard deviation of the local mean's Gaussian window, cells."""

LOW, HIGH = 0.02, 0.99
"""Quantiles of the non-zero intensities that are mapped to fixed values."""


def normalize(triplets: Tensor) -> Tensor:
    """Even out the coil's sensitivity and scale robustly, for each triplet by itself.

    Args:
        triplets: Shape (batch, channels, H, W), float, not negative; exact zeros are outside the field of view.

    Returns:
        The same shape; about -1 (dark) to 2 (bright). A triplet without contents becomes zero.
    """
    mean = triplets.mean(dim=(1, 2, 3), keepdim=True)
    compressed = (triplets / (mean + 1e-6)) ** COMPRESSION
    flat = compressed / _local_mean(compressed)
    return torch.stack([_scale(triplet) for triplet in flat])


def _local_mean(image: Tensor) -> Tensor:
    """Smooth mean over the visible pixels, raised by a share of its maximum; (batch, 1, H, W)."""
    rows, columns = image.shape[-2:]
    visible = (image > 1e-6).any(dim=1, keepdim=True).to(image.dtype)
    pair = torch.cat([image.mean(dim=1, keepdim=True), visible], dim=1)
    pair = F.pad(pair, (0, -columns % CELL, 0, -rows % CELL))
    weighted, weight = torch.split(_blur(F.avg_pool2d(pair, CELL)), 1, dim=1)
    mean = (weighted / (weight + 1e-3)).clamp(min=0)
    mean = F.interpolate(mean, pair.shape[-2:], mode="bilinear", align_corners=False)[..., :rows, :columns]
    return mean + 0.15 * mean.amax(dim=(2, 3), keepdim=True) + 1e-6


def _blur(cells: Tensor) -> Tensor:
    """Separable Gaussian over the cells, the border padded with zeros; (batch, channels, h, w)."""
    offsets = torch.arange(-7, 8, dtype=cells.dtype, device=cells.device)
    kernel = torch.exp(-0.5 * (offsets / SIGMA_CELLS) ** 2)
    kernel = kernel / kernel.sum()
    batch, channels, rows, columns = cells.shape
    single = cells.reshape(batch * channels, 1, rows, columns)
    single = F.conv2d(single, kernel[None, None, :, None], padding=(7, 0))
    blurred: Tensor = F.conv2d(single, kernel[None, None, None, :], padding=(0, 7)).reshape(cells.shape)
    return blurred


def _scale(triplet: Tensor) -> Tensor:
    values = triplet.flatten()
    values = values[:: max(1, values.numel() // 40_000)]
    values = values[values > 1e-6]
    if values.numel() < 50:
        return torch.zeros_like(triplet)
    low, high = torch.quantile(values, torch.tensor([LOW, HIGH], dtype=values.dtype, device=values.device))
    scaled: Tensor = ((triplet - low) / (high - low + 1e-6)).clamp(-0.2, 1.6)
    return (scaled - 0.35) * 3
