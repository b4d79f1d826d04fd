"""Slices have a thickness: which planes of the anatomy one slice averages."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from spine_segmentation.arrays import Floats
from spine_segmentation.synth.grid import Grid

THICK_SLICE_MM = 2.0
"""Thinner slices are sampled in their middle plane only, and do not mix: they come from three-dimensional scans."""

_PLANES = ((-0.32, 0.3), (0.0, 0.4), (0.32, 0.3))
"""Place, relative to the slice's thickness, and weight of the planes of a thick slice."""

_MIDDLE = ((0.0, 1.0),)


@dataclass(frozen=True)
class SlicePlanes:
    """The planes at which a scan samples the anatomy.

    Attributes:
        grid: All planes, from right to left.
        middle: Positions in it of the slices' middle planes, one per slice; the truth is theirs.
        weights: Share of every plane in every slice, shape (slices, planes).
    """

    grid: Grid
    middle: tuple[int, ...]
    weights: Tensor

    def average(self, planes: Tensor) -> Tensor:
        """Average the planes of each slice.

        Args:
            planes: Shape (planes, H, W), float32.

        Returns:
            Shape (slices, H, W), float32.
        """
        return (self.weights @ planes.flatten(1)).view(-1, *planes.shape[1:])


def slice_planes(grid: Grid, thickness: float, divided: tuple[bool, ...], crosstalk: float) -> SlicePlanes:
    """Lay planes through the slices of a scan.

    Args:
        grid: Its slices.
        thickness: Of a slice, mm.
        divided: For every slice, whether it averages several planes; else its middle plane stands for it.
        crosstalk: Share of each neighbouring slice's signal in a thick one, 0 to 0.5, from imperfect slice profiles.

    Returns:
        The planes.
    """
    slices = [_PLANES if several and thickness >= THICK_SLICE_MM else _MIDDLE for several in divided]
    places = [x + place * thickness for x, planes in zip(grid.lateral, slices, strict=True) for place, _ in planes]
    owners = np.repeat(np.arange(len(slices)), [len(planes) for planes in slices])
    profiles = (owners == np.arange(len(slices))[:, None]) * np.array([w for planes in slices for _, w in planes])
    middle = [int(np.flatnonzero(owners == k)[len(planes) // 2]) for k, planes in enumerate(slices)]
    mixture = _mixture(len(slices), crosstalk if thickness >= THICK_SLICE_MM else 0.0)
    weights = torch.as_tensor(mixture @ profiles, dtype=torch.float32, device=grid.device)
    return SlicePlanes(replace(grid, lateral=tuple(places)), tuple(middle), weights)


def _mixture(slices: int, share: float) -> Floats:
    """Share of every slice's signal in every slice; the outermost ones have no neighbour outside."""
    mixture = np.eye(slices) * (1 - 2 * share) + share * (np.eye(slices, k=1) + np.eye(slices, k=-1))
    mixture[0, 0] += share
    mixture[-1, -1] += share
    return mixture
