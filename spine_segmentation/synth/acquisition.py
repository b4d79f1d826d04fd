"""What the scanner adds: partial volume, chemical shift, blur, ghosts, coil sensitivity, saturation band, noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from spine_segmentation.synth.coordinates import Coordinates
from spine_segmentation.synth.fields import Fields
from spine_segmentation.synth.grid import Grid
from spine_segmentation.synth.tissues import Tissue, TissueMap

COARSE_PIXEL_MM = 1.5
"""From this pixel size on, images are blurred less and show fewer thin structures, in pixels."""

THICK_SLICE_GAP_MM = 1.5
"""Slices further apart than this are thick enough to share signal with their neighbours."""

FATTY = (
    Tissue.SUBCUTANEOUS_FAT, Tissue.FAT, Tissue.MARROW, Tissue.EPIDURAL_FAT,
    Tissue.POSTERIOR_MARROW, Tissue.SKULL, Tissue.SACRAL_MARROW,
)  # fmt: skip
"""Tissues that chemical shift displaces."""

Coil = Literal["surface", "straight"]
"""A receive coil that follows the skin of the back, or a straight one behind the field of view."""


@dataclass(frozen=True)
class Acquisition:
    """The artefacts of one examination.

    Attributes:
        slice_overlap: Share of each neighbouring slice's signal, 0 to 0.5.
        chemical_shift: Displacement of fat by rows and columns, pixels.
        blur: Standard deviations of the point spread function by rows and columns, pixels.
        ghost: Strength of ghosts; 0 for none.
        ghost_shift: Their displacement, pixels.
        ghost_axis: -2 for rows, -1 for columns.
        bias: Strength of the smooth sensitivity field (standard deviation of its logarithm).
        coil: Kind of receive coil, None for a homogeneous one.
        coil_range: Distance over which its sensitivity falls to 1/e, mm.
        coil_floor: Sensitivity far away.
        end_fall: Centre and half width of the sensitivity along the rows, relative to the field of view; None for flat.
        saturation: Remaining signal in the anterior saturation band; 1 for no band.
        saturation_gap: Distance of the band in front of the column, mm.
        saturation_slope: Obliquity of the band, mm/mm.
        saturation_edge: Softness of its edge, mm.
        noise: Standard deviation relative to the bright tissues' signal.
        native_pixel: Size of the acquired pixel relative to the reconstructed one.
        gamma: Exponent of the intensity scale.
        seed: Seed of noise and smooth field.
    """

    slice_overlap: float
    chemical_shift: tuple[int, int]
    blur: tuple[float, float]
    ghost: float
    ghost_shift: int
    ghost_axis: int
    bias: float
    coil: Coil | None
    coil_range: float
    coil_floor: float
    end_fall: tuple[float, float] | None
    saturation: float
    saturation_gap: float
    saturation_slope: float
    saturation_edge: float
    noise: float
    native_pixel: float
    gamma: float
    seed: int


def draw_acquisition(rng: np.random.Generator, *, coarse: bool) -> Acquisition:
    """Draw the artefacts of an examination.

    Args:
        rng: Source of all chance.
        coarse: Whether pixels are ``COARSE_PIXEL_MM`` and larger.

    Returns:
        Artefacts from hardly visible to severe.
    """
    u, chance = rng.uniform, rng.random
    coil: Coil = "surface" if chance() < 0.5 else "straight"
    return Acquisition(
        slice_overlap=u(0, 0.22),
        chemical_shift=_draw_chemical_shift(rng, coarse),
        blur=_draw_blur(rng, coarse),
        ghost=u(0.02, 0.12) if chance() < 0.15 else 0.0,
        ghost_shift=int(rng.integers(10, 70)),
        ghost_axis=-1 if chance() < 0.5 else -2,
        bias=u(0, 0.35),
        coil=coil if chance() < 0.7 else None,
        coil_range=u(50, 220),
        coil_floor=u(0, 0.25),
        end_fall=(u(-0.2, 0.2), u(0.4, 0.9)) if chance() < 0.4 else None,
        saturation=u(0.03, 0.3) if chance() < 0.30 else 1.0,
        saturation_gap=u(18, 45),
        saturation_slope=rng.normal(0, 0.12),
        saturation_edge=u(2, 6),
        noise=u(0, 0.05) if chance() < 0.7 else u(0.04, 0.13),
        native_pixel=u(0.6, 1.1 if coarse else 1.4),
        gamma=u(0.65, 1.4) if chance() < 0.3 else 1.0,
        seed=int(rng.integers(2**31)),
    )


def _draw_chemical_shift(rng: np.random.Generator, coarse: bool) -> tuple[int, int]:
    if rng.random() < 0.5:
        return 0, 0
    shift = int(rng.choice([-1, 1])) * (1 if coarse else int(rng.integers(1, 3)))
    return (shift, 0) if rng.random() < 0.5 else (0, shift)


def _draw_blur(rng: np.random.Generator, coarse: bool) -> tuple[float, float]:
    rows = rng.uniform(0.35, 1.1) / (1.4 if coarse else 1.0)
    columns = rows * rng.uniform(0.8, 1.3)
    return (rows * rng.uniform(1.3, 2.2) if rng.random() < 0.12 else rows), columns


def acquire(image: Tensor, tissues: TissueMap, at: Coordinates, acquisition: Acquisition, grid: Grid) -> Tensor:
    """Turn an ideal image into a magnitude image.

    Args:
        image: Shape (N, H, W), float32.
        tissues: The anatomy it shows.
        at: Coordinates of the grid.
        acquisition: The artefacts.
        grid: The sagittal slices.

    Returns:
        The same shape, not negative.
    """
    if grid.slice_spacing > THICK_SLICE_GAP_MM:
        image = _mix_slices(image, acquisition.slice_overlap)
    image = _shift_fat(image, tissues, acquisition.chemical_shift)
    image = _blur(image, acquisition.blur)
    image = _add_ghosts(image, acquisition)
    image = image * _sensitivity(tissues, at, acquisition, grid)
    image = _add_noise(image, acquisition)
    return (image / (3 * image.mean() + 1e-6)) ** acquisition.gamma


def _mix_slices(image: Tensor, share: float) -> Tensor:
    """Each slice receives a share of its neighbours' signal, and loses as much."""
    padded = torch.cat([image[:1], image, image[-1:]])
    return image * (1 - 2 * share) + share * (padded[:-2] + padded[2:])


def _shift_fat(image: Tensor, tissues: TissueMap, shift: tuple[int, int]) -> Tensor:
    if shift == (0, 0):
        return image
    fatty = torch.zeros(len(Tissue), device=image.device)
    fatty[list(FATTY)] = 1.0
    fat = image * fatty[tissues.tissue.long()]
    return image - fat + torch.roll(fat, shift, dims=(-2, -1))


def _blur(image: Tensor, sigma: tuple[float, float]) -> Tensor:
    rows, columns = (_gaussian(value, image.device) for value in sigma)
    image = F.conv2d(image[:, None], rows[None, None, :, None], padding=(3, 0))
    return F.conv2d(image, columns[None, None, None, :], padding=(0, 3))[:, 0]


def _gaussian(sigma: float, device: torch.device) -> Tensor:
    kernel = torch.exp(-0.5 * (torch.arange(-3.0, 4.0, device=device) / sigma) ** 2)
    return kernel / kernel.sum()


def _add_ghosts(image: Tensor, acquisition: Acquisition) -> Tensor:
    if acquisition.ghost == 0:
        return image
    shift, axis = acquisition.ghost_shift, acquisition.ghost_axis
    return image + acquisition.ghost * (torch.roll(image, shift, axis) + torch.roll(image, -shift, axis))


def _sensitivity(tissues: TissueMap, at: Coordinates, acquisition: Acquisition, grid: Grid) -> Tensor:
    """Product of the smooth field, the coil's profiles and the saturation band; (H, W)."""
    a = acquisition
    gain = torch.exp(a.bias * Fields(a.seed, grid).common(1, (90, 90))[0])
    rows = torch.linspace(-0.5, 0.5, grid.rows, device=grid.device)[:, None]
    columns = torch.arange(grid.columns, device=grid.device) * grid.pixel_size
    if a.coil is not None:
        straight = (columns[-1] - columns).expand(grid.rows, -1)
        distance = tissues.depth.clamp(min=0) if a.coil == "surface" else straight
        gain = gain * (torch.exp(-distance / a.coil_range) + a.coil_floor)
    if a.end_fall is not None:
        gain = gain * torch.exp(-(((rows - a.end_fall[0]) / a.end_fall[1]) ** 2))
    if a.saturation < 1:
        spine = columns[at.d[grid.rows // 2].abs().argmin()]
        edge = spine - a.saturation_gap + rows * grid.rows * grid.pixel_size * a.saturation_slope
        gain = gain * (a.saturation + 0.9 * torch.sigmoid((columns - edge) / a.saturation_edge))
    return gain


def _add_noise(image: Tensor, acquisition: Acquisition) -> Tensor:
    """Rician noise at the acquired resolution."""
    slices, rows, columns = image.shape
    generator = torch.Generator(image.device).manual_seed(acquisition.seed)
    native = max(acquisition.native_pixel, 1.0)
    size = (int(rows / native), int(columns / native))
    noise = torch.randn((2, slices, *size), generator=generator, device=image.device)
    if size != (rows, columns):
        noise = F.interpolate(noise, (rows, columns), mode="bilinear", align_corners=False)
    bright = torch.quantile(image.flatten()[:: max(1, image.numel() // 4000)], 0.97)
    real, imaginary = noise * (acquisition.noise * bright)
    return torch.hypot(image + real, imaginary)
