"""The spinal canal: thecal sac, cord, cauda equina, epidural and foraminal fat."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from spine_segmentation.synth.bodies import BodyShapes
from spine_segmentation.synth.column import Column
from spine_segmentation.synth.coordinates import Coordinates
from spine_segmentation.synth.fields import Fields
from spine_segmentation.synth.grid import Grid
from spine_segmentation.synth.morphometry import BELOW_S1, C5, L1, S1, T1, Floats, by_region
from spine_segmentation.synth.profiles import ARC_LENGTHS, lookup, per_level, profile
from spine_segmentation.synth.tissues import Semantic, Tissue, TissueMap


@dataclass(frozen=True)
class CanalShape:
    """The canal of one person; profiles along the column are tables by arc length.

    Attributes:
        front: Profile: distance of the anterior wall behind the bodies' centres, mm.
        depth: Profile: anteroposterior diameter, mm.
        half_width: Profile: half the lateral diameter, mm.
        cord: Profile: radius of the spinal cord, mm; 0 below the conus.
        sac: Profile: 1 where the thecal sac fills the canal, 0 below its end.
        conus: Arc length of the cord's end, mm.
        upper_end: Arc length at which the canal becomes the foramen magnum, mm.
        lower_end: Arc length below which the canal is no longer annotated, mm.
        nerve_density: Threshold on a field above which the cauda equina's roots lie; lower is denser.
        nerve_gradient: How much they sink toward posterior, 1/mm.
        seed: Seed of the irregular parts.
    """

    front: Floats
    depth: Floats
    half_width: Floats
    cord: Floats
    sac: Floats
    conus: float
    upper_end: float
    lower_end: float
    nerve_density: float
    nerve_gradient: float
    seed: int


@dataclass(frozen=True)
class CanalFrame:
    """Where the canal's walls are on a grid; the lamina lies behind the back wall.

    Attributes:
        front: Distance of the anterior wall behind the bodies' centres, mm, (H, W).
        depth: Anteroposterior diameter, mm, (H, W).
        half_width: Half the lateral diameter, mm, (H, W).
        behind: Distance of the voxel behind the posterior wall, negative in front of it, mm, (H, W).
    """

    front: Tensor
    depth: Tensor
    half_width: Tensor
    behind: Tensor


def draw_canal(rng: np.random.Generator, column: Column, bodies: BodyShapes) -> CanalShape:
    """Draw the canal of a person.

    Args:
        rng: Source of all chance.
        column: The levels.
        bodies: Whose posterior walls bound the canal.

    Returns:
        A canal from the foramen magnum to the sacral hiatus.
    """
    scale, centre, levels = column.scale, column.centre, column.levels
    depth = by_region(levels, 13.5, 14.5, 16.0, 12.0) * scale * rng.uniform(0.8, 1.2)
    below_s1 = np.interp(np.arange(len(column)) - column.index(S1), [1, 4], [9, 3])
    depth = np.where(levels == BELOW_S1, below_s1, depth)
    half_width = by_region(levels, 11.5, 9.0, 11.5, 13.0) * scale
    nodes = np.concatenate([[-60.0, -25.0, -8.0], centre])
    front = np.concatenate([np.array([9.0, 8.0, 7.0]) * scale, column.half_depth + bodies.shift * 0.5])
    conus = column.position(L1) + rng.normal(0, 18)
    sac_end = float(centre[column.index(S1) + 1]) + rng.normal(0, 15)
    return CanalShape(
        front=profile(nodes, front, smoothing=41),
        depth=profile(nodes, np.concatenate([[34.0, 26.0, 18.0], depth]), smoothing=41),
        half_width=profile(nodes, np.concatenate([[16.0, 14.0, 13.0], half_width]), smoothing=41),
        cord=_cord(column, conus) * scale * rng.uniform(0.8, 1.15),
        sac=profile([sac_end - 30, sac_end], [1, 0], smoothing=41),
        conus=conus,
        upper_end=-22 * scale,
        lower_end=column.position(S1) + 60,
        nerve_density=rng.uniform(0.6, 1.5),
        nerve_gradient=rng.uniform(0.05, 0.25),
        seed=int(rng.integers(2**31)),
    )


def canal_frame(at: Coordinates, shape: CanalShape) -> CanalFrame:
    """Compute where the canal's walls are.

    Args:
        at: Coordinates of the grid.
        shape: From :func:`draw_canal`.

    Returns:
        The walls at every pixel.
    """
    front, depth, half_width = (lookup(table, at.s) for table in (shape.front, shape.depth, shape.half_width))
    return CanalFrame(front, depth, half_width, at.d - front - depth)


def paint_canal(
    tissues: TissueMap, at: Coordinates, frame: CanalFrame, shape: CanalShape, column: Column, grid: Grid
) -> None:
    """Paint the canal with its contents, and the fat and nerves of the foramina beside it.

    Args:
        tissues: Where to paint.
        at: Coordinates of the grid.
        frame: From :func:`canal_frame`.
        shape: From :func:`draw_canal`.
        column: The levels, whose bodies bound the foramina.
        grid: The sagittal slices.
    """
    fields = Fields(shape.seed, grid)
    off_centre = at.d - frame.front - frame.depth * 0.5
    square_x, half_depth = at.x * at.x, frame.depth * 0.5
    canal = (off_centre / half_depth) ** 2 + square_x / frame.half_width**2 < 1
    fill = 0.02 + lookup(shape.sac, at.s) * torch.where(at.s > column.position(L1) - 30, 0.82, 0.92)
    sac = ((off_centre + 0.06 * half_depth) / (half_depth * fill)) ** 2 + square_x / (frame.half_width * fill) ** 2 < 1
    annotated = canal & (at.s > shape.upper_end) & (at.s < shape.lower_end)
    tissues.paint(canal, Tissue.EPIDURAL_FAT)
    tissues.paint(annotated, Tissue.EPIDURAL_FAT, Semantic.CANAL)
    tissues.paint(sac, Tissue.CSF)
    roots = fields.between_slices(1, (8, 40, 1.6))[0] + off_centre * shape.nerve_gradient
    tissues.paint(sac & (at.s > shape.conus - 5) & (roots > shape.nerve_density), Tissue.NERVE)
    radius, wobble = lookup(shape.cord, at.s), 0.8 * fields.common(1, (60, 400))[0]
    tissues.paint(((off_centre - wobble) ** 2 + 0.4 * square_x < radius * radius) & (radius > 0.5), Tissue.CORD)
    _paint_foramina(tissues, at, frame, column, fields)


def _paint_foramina(tissues: TissueMap, at: Coordinates, frame: CanalFrame, column: Column, fields: Fields) -> None:
    distance = at.x.abs()
    half_width = per_level(column.half_width, at.territory)
    beside = (distance > frame.half_width) & (distance < half_width + 4) & (frame.behind < 0) & (at.d > frame.front)
    tissues.paint(beside, Tissue.EPIDURAL_FAT)
    tissues.paint(beside & (fields.between_slices(1, (6, 20, 5))[0] > 0.9), Tissue.NERVE)


def _cord(column: Column, conus: float) -> Floats:
    """Radius of the cord of a mean adult, with its cervical and lumbar enlargements, mm."""
    positions = [-60, -30, -5, column.position(C5), column.centre[column.index(T1) + 2], conus - 45, conus - 15, conus]
    radius = profile(positions, [11, 7, 5, 4.3, 3.3, 3.3, 3.8, 0.2])
    return np.where(conus < ARC_LENGTHS, 0.0, radius)
