"""From the object to a magnitude image: the acquired part of k-space with its noise, and the way to the grid."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from spine_segmentation.synth.grid import Grid

FINEST_MM, COARSEST_MM = 0.3, 1.4
"""Pixels that scanners acquire along the frequency direction."""

_COARSEST_PHASE_MM = 1.7
"""Pixels along the phase direction are coarser, but not more than this."""

_LARGEST_RATIO = 2.0
"""An acquired pixel is at most this many pixels of the grid."""

_BRIGHT = 0.97
"""Quantile of the signal to which noise is related."""

_LEAST_SIGNAL_TO_NOISE, _DIM = 2.5, 0.2
"""No more than this share of the bodies' pixels have less signal than so many standard deviations of the noise: a scan
on which the spine cannot be seen is repeated."""


@dataclass(frozen=True)
class Resolution:
    """Sampling of k-space.

    Attributes:
        pixel: Acquired pixel along rows and columns, mm.
        reconstructed: Reconstructed pixel after zero-filling, mm.
        apodisation: Share of the acquired band over which the scanner's filter falls to zero, 0 to 1; with little of
            it, edges ring (Gibbs).
        blur: Standard deviation of blur by motion and decay along rows and columns, mm.
        noise: Standard deviation of the image's noise relative to bright tissue; less where bodies would not be seen.
        seed: Seed of the noise.
    """

    pixel: tuple[float, float]
    reconstructed: float
    apodisation: float
    blur: tuple[float, float]
    noise: float
    seed: int


def draw_resolution(rng: np.random.Generator, phase_axis: int, grid_pixel: float) -> Resolution:
    """Draw the sampling of an examination.

    Args:
        rng: Source of all chance.
        phase_axis: -2 for rows, -1 for columns; fewer lines are acquired along it.
        grid_pixel: Pixel of the grid, mm.

    Returns:
        Acquired pixels of 0.3 to 1.4 mm, coarser along the phase axis.
    """
    u, largest = rng.uniform, _LARGEST_RATIO * grid_pixel
    frequency = min(math.exp(u(math.log(FINEST_MM), math.log(COARSEST_MM))), largest)
    phase = min(frequency * (u(1.0, 1.7) if rng.random() < 0.6 else 1.0), largest, _COARSEST_PHASE_MM)
    blur, phase_blur = u(0.1, 0.5), u(0.4, 0.9) if rng.random() < 0.12 else 0.0
    frequency_first = phase_axis == -1
    return Resolution(
        pixel=(frequency, phase) if frequency_first else (phase, frequency),
        reconstructed=frequency / u(1, 2),
        apodisation=u(0.02, 0.2) if rng.random() < 0.35 else u(0.2, 0.9),
        blur=(blur, blur + phase_blur) if frequency_first else (blur + phase_blur, blur),
        noise=u(0, 0.04) if rng.random() < 0.7 else u(0.03, 0.11),
        seed=int(rng.integers(2**31)),
    )


def reconstruct(image: Tensor, resolution: Resolution, grid: Grid, bodies: Tensor) -> Tensor:
    """Acquire an image with noise, and take its magnitude on the grid.

    Args:
        image: Shape (N, H, W), float32, real.
        resolution: Sampling of k-space.
        grid: The sagittal slices.
        bodies: Where the vertebral bodies are, bool, of the image's shape.

    Returns:
        The same shape, not negative, with Rician noise.
    """
    rows, columns = (_transfer(resolution, axis, grid) for axis in (0, 1))
    transfer = rows[:, None] * columns
    generator = torch.Generator(grid.device).manual_seed(resolution.seed)
    noise = torch.randn((2, *image.shape), generator=generator, device=grid.device)
    noise *= _strength(image, resolution, bodies) / transfer.square().mean().sqrt()
    received = torch.fft.ifft2(torch.fft.fft2(torch.complex(image + noise[0], noise[1])) * transfer)
    return torch.hypot(received.real, received.imag)


def _strength(image: Tensor, resolution: Resolution, bodies: Tensor) -> Tensor:
    """Standard deviation of the noise."""
    strength = resolution.noise * _quantile(image.abs(), _BRIGHT)
    if not bool(bodies.any()):
        return strength
    return torch.minimum(strength, _quantile(image[bodies].abs(), _DIM) / _LEAST_SIGNAL_TO_NOISE)


def _quantile(values: Tensor, share: float) -> Tensor:
    """Quantile of about 4,000 of the values."""
    return torch.quantile(values.flatten()[:: max(1, values.numel() // 4000)], share)


def _transfer(resolution: Resolution, axis: int, grid: Grid) -> Tensor:
    """Transfer function by spatial frequency along rows (0) or columns (1)."""
    frequency = torch.fft.fftfreq(grid.shape[axis + 1], grid.pixel_size, device=grid.device).abs()
    edge = (1 - 2 * resolution.pixel[axis] * frequency) / resolution.apodisation
    window = 0.5 - 0.5 * torch.cos(math.pi * edge.clamp(0, 1))
    interpolation = torch.sinc(frequency * max(resolution.reconstructed, grid.pixel_size)) ** 2
    return window * interpolation * torch.exp(-2 * (math.pi * resolution.blur[axis] * frequency) ** 2)
