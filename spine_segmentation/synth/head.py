"""The head above the cervical spine: skull, brain, clivus and pharynx."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from spine_segmentation.synth.canal import CanalFrame
from spine_segmentation.synth.column import Column
from spine_segmentation.synth.coordinates import Coordinates
from spine_segmentation.synth.fields import Fields
from spine_segmentation.synth.grid import Grid
from spine_segmentation.synth.morphometry import C5
from spine_segmentation.synth.overwrite import overwrite
from spine_segmentation.synth.tissues import Tissue, TissueMap

_SCALP_MM = 12.0
"""Depth under the skin of the neck down to which the scalp goes on there."""


@dataclass(frozen=True)
class HeadShape:
    """The head of one person.

    Attributes:
        top: Arc length above which the head begins, mm.
        scale: Size of the person relative to the mean adult.
        half_width: Half the brain's lateral extent, mm.
        half_length: Half the brain's extent toward anterior and posterior, mm.
        half_height: Half its extent along the column, mm.
        centre: Arc length and distance behind the bodies' line of its centre, mm.
        skull: Outer surface of the skull as a value of the squared ellipsoid radius, the brain's being 1.
        scalp: Outer surface of the scalp, likewise.
        scalp_tissue: Fat or muscle.
        clivus: Offset of the clivus behind the bodies' line, mm.
        clivus_slope: mm toward posterior per mm downwards.
        clivus_thickness: mm.
        pharynx_gap: Distance of the pharynx in front of the bodies, mm.
        pharynx_depth: Its diameter, mm; 0 where it is closed.
        pharynx_half_width: Half its lateral extent, mm.
        pharynx_end: Arc length of its lower end, mm.
        seed: Seed of the irregular parts.
    """

    top: float
    scale: float
    half_width: float
    half_length: float
    half_height: float
    centre: tuple[float, float]
    skull: float
    scalp: float
    scalp_tissue: Tissue
    clivus: float
    clivus_slope: float
    clivus_thickness: float
    pharynx_gap: float
    pharynx_depth: float
    pharynx_half_width: float
    pharynx_end: float
    seed: int


def draw_head(rng: np.random.Generator, column: Column) -> HeadShape:
    """Draw the head of a person.

    Args:
        rng: Source of all chance.
        column: The levels.

    Returns:
        A head that sits on the dens.
    """
    g, u = column.scale, rng.uniform
    half_height, skull = 68 * g * u(0.9, 1.1), u(1.14, 1.28)
    return HeadShape(
        top=-19 * g,
        scale=g,
        half_width=72 * g * u(0.95, 1.05),
        half_length=85 * g * u(0.9, 1.1),
        half_height=half_height,
        centre=(-(34 * g + half_height * u(0.85, 1.0)), u(30, 48) * g),
        skull=skull,
        scalp=skull + u(0.05, 0.3),
        scalp_tissue=Tissue.SUBCUTANEOUS_FAT if rng.random() < 0.7 else Tissue.MUSCLE,
        clivus=u(-8, 4),
        clivus_slope=u(0.2, 0.7),
        clivus_thickness=u(18, 34),
        pharynx_gap=u(5, 12),
        pharynx_depth=u(4, 16) * (rng.random() < 0.75),
        pharynx_half_width=u(8, 18),
        pharynx_end=column.position(C5) + u(-20, 20),
        seed=int(rng.integers(2**31)),
    )


def head_radius(at: Coordinates, shape: HeadShape, grid: Grid) -> Tensor:
    """Squared ellipsoid radius of the head.

    Args:
        at: Coordinates of the grid.
        shape: From :func:`draw_head`.
        grid: The sagittal slices.

    Returns:
        1 at the brain's surface and growing outwards, (H, W).
    """
    s, d = shape.centre
    wobble = 0.03 * Fields(shape.seed, grid).common(1, (25, 25))[0]
    return ((at.s - s) / shape.half_height) ** 2 + ((at.d - d) / shape.half_length) ** 2 + wobble


def paint_head(
    tissues: TissueMap, at: Coordinates, canal: CanalFrame, shape: HeadShape, radius: Tensor, grid: Grid
) -> None:
    """Paint scalp, skull, brain, clivus and pharynx.

    Args:
        tissues: Where to paint.
        at: Coordinates of the grid.
        canal: Walls of the canal.
        shape: From :func:`draw_head`.
        radius: From :func:`head_radius`.
        grid: The sagittal slices.
    """
    fields = Fields(shape.seed + 1, grid)
    sulci, folia = fields.common(2, (7, 7))
    _paint_skull(tissues, at, shape, radius, sulci, folia)
    wave = 3 * fields.common(1, (25, 300))[0]
    pharynx = at.d + canal.front + shape.pharynx_gap - wave
    taper = torch.minimum((shape.pharynx_end - at.s) / 15, (at.s + 46 * shape.scale) / 12).clamp(0, 1)
    airway = (pharynx < 0) & (pharynx > -shape.pharynx_depth * taper)
    overwrite(tissues.tissue, airway & (at.x.abs() < shape.pharynx_half_width), Tissue.GAS)


def _paint_skull(
    tissues: TissueMap, at: Coordinates, shape: HeadShape, radius: Tensor, sulci: Tensor, folia: Tensor
) -> None:
    above = at.s < shape.top
    rise = at.s + 25 * shape.scale
    behind_clivus = above & (at.d > shape.clivus + rise * shape.clivus_slope)
    round_ = radius + (at.x / shape.half_width) ** 2
    brain = behind_clivus & (round_ < 1)
    bare = at.s < -50 * shape.scale  # further down, the muscles of the neck cover the skull
    overwrite(tissues.tissue, behind_clivus & bare & (radius < shape.scalp), Tissue.AIR)
    overwrite(
        tissues.tissue,
        behind_clivus & (bare | (tissues.depth < _SCALP_MM)) & (round_ < shape.scalp),
        shape.scalp_tissue,
    )
    overwrite(tissues.tissue, behind_clivus & (round_ < shape.skull), Tissue.CORTEX)
    overwrite(tissues.tissue, behind_clivus & (round_ < shape.skull - 0.04), Tissue.SKULL)
    overwrite(tissues.tissue, behind_clivus & (round_ < 1.05), Tissue.CORTEX)
    overwrite(tissues.tissue, brain, Tissue.BRAIN)
    overwrite(tissues.tissue, brain & (sulci > 1.0), Tissue.CSF)
    overwrite(tissues.tissue, brain & (folia > 1.3), Tissue.CORD)
    front = at.d - 0.4 * rise + shape.clivus_thickness
    clivus = above & ~behind_clivus & (rise < -shape.scale) & (rise > -50 * shape.scale) & (at.x.abs() < 30)
    overwrite(tissues.tissue, clivus & (front > 0), Tissue.CORTEX)
    overwrite(tissues.tissue, clivus & (front > 1.5) & (rise < -2.5), Tissue.SKULL)


def open_scalp(depth: Tensor, at: Coordinates, shape: HeadShape, radius: Tensor) -> Tensor:
    """Let the skin of the back end at the head.

    Args:
        depth: Distance to the skin of the back, mm, (H, W).
        at: Coordinates of the grid.
        shape: From :func:`draw_head`.
        radius: From :func:`head_radius`.

    Returns:
        The depth, very large within the head and negative behind it.
    """
    within = (at.s < shape.top) & (radius < shape.scalp)
    beyond = (at.s < -32 * shape.scale) & (at.d > 30) & ~within
    return torch.where(within, 1e4, torch.where(beyond, -at.d, depth))
