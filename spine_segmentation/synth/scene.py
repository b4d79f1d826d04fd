"""The part of a grid that a piece of anatomy reaches, in irregularly displaced coordinates."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from spine_segmentation.synth.canal import CanalFrame
from spine_segmentation.synth.coordinates import Coordinates
from spine_segmentation.synth.fields import Fields
from spine_segmentation.synth.grid import Grid
from spine_segmentation.synth.profiles import per_level
from spine_segmentation.synth.tissues import Tissue, TissueMap

_STEP = 8
"""Bounds are sought on every eighth pixel."""

_SLOPE = 0.7
"""Slope of the sacral canal against the upright pelvis, radians: a sacral slope of 40 degrees."""


@dataclass(frozen=True)
class Reach:
    """A box in column coordinates that holds a piece of anatomy.

    Attributes:
        s: Smallest and largest arc length, mm.
        d: Smallest and largest distance behind the bodies' centre line, mm.
        x: Smallest and largest distance to the left of the midline, mm.
        paired: Whether the same box lies at the other side as well.
    """

    s: tuple[float, float]
    d: tuple[float, float]
    x: tuple[float, float]
    paired: bool = False


@dataclass(frozen=True)
class Patch:
    """A part of a grid; what is painted here is painted in the scene.

    Attributes:
        s: Arc length, mm, (h, w).
        d: Distance behind the bodies' centre line, mm, (h, w).
        x: Distance to the left of the midline, mm, (n, h, w).
        aside: Distance from the midline to either side, mm, (n, h, w).
        tissue: View of the scene's tissues, (n, h, w), uint8.
        window: Where it lies in the grid: slices, rows, columns.
    """

    s: Tensor
    d: Tensor
    x: Tensor
    aside: Tensor
    tissue: Tensor
    window: tuple[slice, slice, slice]

    def crop(self, tensor: Tensor) -> Tensor:
        """Take this part of a tensor on the whole grid.

        Args:
            tensor: Shape (H, W) or (N, H, W).

        Returns:
            A view, shape (h, w) or (n, h, w).
        """
        return tensor[self.window[3 - tensor.ndim :]]

    def paint(self, mask: Tensor, tissue: Tissue) -> None:
        """Overwrite the tissue.

        Args:
            mask: bool, broadcasts to (n, h, w).
            tissue: What to write.
        """
        self.tissue.masked_fill_(mask, int(tissue))


class Scene:
    """A grid with the coordinates of its soft parts, whose outlines a smooth random displacement makes irregular.

    Args:
        tissues: Where to paint.
        at: Coordinates of the grid.
        canal: Walls of the canal.
        seed: Seed of the displacement and of the other random fields.
        grid: The sagittal slices.
    """

    def __init__(self, tissues: TissueMap, at: Coordinates, canal: CanalFrame, seed: int, grid: Grid) -> None:
        self.tissues, self.at, self.canal, self.grid, self._seed = tissues, at, canal, grid, seed
        fields = Fields(seed, grid)
        waves = fields.common(4, (30, 26)) * at.s.new_tensor([2.4, 1.8, 1.6, 1.8])[:, None, None]
        self.s, self.d, self.x = at.s + waves[0], at.d + waves[1], at.x + waves[2]
        self.aside = self.x.abs().add_(waves[3])
        self._s, self._d = (v[::_STEP, ::_STEP].cpu().numpy() for v in (self.s, self.d))
        self._x, self._aside = _spans(self.x), _spans(self.aside)
        self._bounds = tuple((float(v.min()), float(v.max())) for v in (self._s, self._d))

    def patch(self, reach: Reach) -> Patch | None:
        """Cut out what a piece of anatomy may cover.

        Args:
            reach: Its box.

        Returns:
            A part of the grid, None where the grid does not reach the box.
        """
        margin = 0.75 * _STEP * self.grid.pixel_size
        (top, bottom), (front, back) = self._bounds
        if not (top - margin < reach.s[1] and reach.s[0] < bottom + margin):
            return None
        spans = self._aside if reach.paired else self._x
        slices = [n for n, (low, high) in enumerate(spans) if low < reach.x[1] and high > reach.x[0]]
        if not (slices and front - margin < reach.d[1] and reach.d[0] < back + margin):
            return None
        inside = (self._s > reach.s[0] - margin) & (self._s < reach.s[1] + margin)
        inside &= (self._d > reach.d[0] - margin) & (self._d < reach.d[1] + margin)
        rows, columns = inside.nonzero()
        if not len(rows):
            return None
        window = slice(slices[0], slices[-1] + 1), _window(rows), _window(columns)
        return Patch(
            self.s[window[1:]], self.d[window[1:]], self.x[window], self.aside[window],
            self.tissues.tissue[window], window,
        )  # fmt: skip

    def upright(self, arc_length: float) -> tuple[Tensor, Tensor] | None:
        """Straight coordinates of the pelvis, in which the column's curve below has no part.

        Args:
            arc_length: Of the centre of S1, mm.

        Returns:
            Distance below and behind the centre of S1 in a pelvis of mean tilt, mm, (H, W) each; None where the grid
            does not reach S1.
        """
        s, d = (v[::_STEP, ::_STEP].cpu().numpy() for v in (self.at.s, self.at.d))
        far = np.abs(s - arc_length) + 0.2 * np.abs(d)
        if min(far.shape) < 3 or far[1:-1, 1:-1].min() > 25:
            return None
        row, column = (int(k) + 1 for k in np.unravel_index(far[1:-1, 1:-1].argmin(), far[1:-1, 1:-1].shape))
        down, back = d[row + 1, column] - d[row - 1, column], d[row, column + 1] - d[row, column - 1]
        place = _Place(row * _STEP, column * _STEP, float(s[row, column]) - arc_length, float(d[row, column]))
        below, behind = _straighten(self.grid, place, math.atan2(-down, back))
        return below + (self.s - self.at.s), behind + (self.d - self.at.d)

    @cached_property
    def streaks(self) -> Tensor:
        """Smooth noise drawn out along the column, about standard normal, (N, H, W)."""
        fields = Fields(self._seed + 1, self.grid)
        return 0.85 * fields.between_slices(1, (9, 26, 5))[0] + 0.5 * fields.common(1, (11, 3.5))[0]


@dataclass(frozen=True)
class _Place:
    """A pixel, and where it lies below and behind the centre of S1 along the sacral axis, mm."""

    row: int
    column: int
    below: float
    behind: float


def _straighten(grid: Grid, place: _Place, angle: float) -> tuple[Tensor, Tensor]:
    """Extend the coordinates below and behind of one pixel to the grid, and turn them upright; (H, W), mm."""
    z = (torch.arange(grid.rows, device=grid.device) - place.row)[:, None] * grid.pixel_size
    y = (torch.arange(grid.columns, device=grid.device) - place.column) * grid.pixel_size
    below, behind = place.below * math.cos(_SLOPE), place.behind * math.cos(_SLOPE)
    below -= place.behind * math.sin(_SLOPE)
    behind += place.below * math.sin(_SLOPE)
    turn = angle - _SLOPE
    return below + z * math.cos(turn) + y * math.sin(turn), behind + y * math.cos(turn) - z * math.sin(turn)


def tabulate(argument: Tensor, nodes: npt.ArrayLike, values: npt.ArrayLike) -> Tensor:
    """Evaluate piecewise linear functions, which are zero beyond their nodes, to the nearest millimetre.

    Args:
        argument: mm, any shape.
        nodes: Arguments at which they are known, mm, ascending, shape (k,).
        values: Their values there, shape (m, k).

    Returns:
        Shape (m, *argument.shape), float32.
    """
    knots = np.asarray(nodes, dtype=np.float64)
    first = math.floor(knots[0]) - 1
    places = np.arange(first, math.ceil(knots[-1]) + 2, dtype=np.float64)
    rows = [np.interp(places, knots, row, left=0.0, right=0.0) for row in np.asarray(values, dtype=np.float64)]
    return per_level(np.stack(rows), (argument - (first - 0.5)).int().clamp_(0, len(places) - 1))


def _spans(positions: Tensor) -> list[tuple[float, float]]:
    """Smallest and largest value in each slice."""
    return list(zip(positions.amin((1, 2)).tolist(), positions.amax((1, 2)).tolist(), strict=True))


def _window(places: npt.NDArray[np.int64]) -> slice:
    """Pixels around coarse places; the array's end cuts what lies beyond."""
    return slice(max(0, (int(places.min()) - 1) * _STEP + 1), (int(places.max()) + 1) * _STEP)
