"""Saturation bands: in front of the column against motion, and across it where another stack's slices cross."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from spine_segmentation.synth.coordinates import Coordinates
from spine_segmentation.synth.grid import Grid


@dataclass(frozen=True)
class SaturationBand:
    """A straight dark band.

    Attributes:
        below: Distance of its middle below the grid's centre, mm.
        behind: Distance of its middle behind the column, mm; negative in front of whatever of the column is in view.
        angle: Of the band from the rows' axis toward posterior, radians.
        half_width: mm.
        edge: Softness of its edges, mm.
        remaining: Signal left in it, 0 to 1.
    """

    below: float
    behind: float
    angle: float
    half_width: float
    edge: float
    remaining: float


def draw_saturation_bands(rng: np.random.Generator) -> tuple[SaturationBand, ...]:
    """Draw the bands of an examination: an oblique anterior one in a third of them, crossing ones rarely.

    Args:
        rng: Source of all chance.

    Returns:
        The bands, each with its place, angle, width and remaining signal; empty for none.
    """
    u, bands = rng.uniform, []
    if rng.random() < 0.3:
        half_width = u(25, 80)
        bands.append(SaturationBand(0, -half_width - u(16, 45), rng.normal(0, 0.15), half_width, u(2, 6), u(0.03, 0.3)))
    if rng.random() < 0.06:
        for _ in range(rng.integers(1, 4)):
            angle = np.pi / 2 + rng.normal(0, 0.35)
            bands.append(SaturationBand(u(-90, 90), u(0, 40), angle, u(1.5, 12), u(0.5, 3), u(0.3, 0.8)))
    return tuple(bands)


def remaining_signal(bands: tuple[SaturationBand, ...], at: Coordinates, grid: Grid) -> Tensor:
    """Compute what the bands leave of the signal.

    Args:
        bands: From :func:`draw_saturation_bands`.
        at: Coordinates of the grid.
        grid: The sagittal slices.

    Returns:
        Factors that broadcast to (H, W), 0 to 1.
    """
    gain = torch.ones((), device=grid.device)
    rows, columns = grid.inferior()[:, None], grid.posterior()
    spine = columns[at.d.abs().argmin(dim=1)]  # mm, (H,)
    for band in bands:
        below = rows - rows[grid.rows // 2] - band.below
        across, along = float(np.cos(band.angle)), float(np.sin(band.angle))
        beside = spine * across - below[:, 0] * along
        place = beside.min() if band.behind < 0 else beside[grid.rows // 2]
        distance = (columns * across - below * along - place - band.behind).abs()
        inside = torch.sigmoid((band.half_width - distance) / band.edge)
        gain = gain * (1 - (1 - band.remaining) * inside)
    return gain
