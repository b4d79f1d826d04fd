"""The body's surface: subcutaneous fat with its fasciae, skin, abdominal wall, and the air and padding outside."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from spine_segmentation.arrays import Floats
from spine_segmentation.synth.canal import CanalFrame
from spine_segmentation.synth.column import Column
from spine_segmentation.synth.coordinates import Coordinates
from spine_segmentation.synth.landmarks import Landmarks
from spine_segmentation.synth.morphometry import C2, C5, C7, L1, L5, S1, T1, T12
from spine_segmentation.synth.overwrite import overwrite
from spine_segmentation.synth.profiles import lookup, profile
from spine_segmentation.synth.tissues import Tissue, TissueMap

SKIN_MM = 2.0
"""Thickness of the skin."""

_BULGE_MM = 18.0
"""Distance beside the midline over which the muscles of the back rise above the spinous processes."""

_STEP = 8
"""The skin of the back is smoothed on every eighth pixel."""


@dataclass(frozen=True)
class SkinShape:
    """Surfaces of the body; profiles along the column are tables by arc length, mm.

    Attributes:
        back: Profile: distance of the skin behind the laminae.
        fat: Profile: thickness of the subcutaneous fat behind the spinous processes.
        bulge: Profile: how far the muscles beside them reach further into it.
        front: Profile: distance of the anterior surface in front of the bodies' line.
        front_fat: Profile: thickness of the subcutaneous fat there.
        front_wall: Profile: thickness of the muscle under it.
        fascia: Place of the superficial fascia in the fat of the back, relative, and the thickness of fasciae, mm.
        pad: Distance of the padding behind the skin, mm; None where it gives no signal.
    """

    back: Floats
    fat: Floats
    bulge: Floats
    front: Floats
    front_fat: Floats
    front_wall: Floats
    fascia: tuple[float, float]
    pad: float | None


def draw_skin(rng: np.random.Generator, column: Column) -> SkinShape:
    """Draw the surfaces of a person.

    Args:
        rng: Source of all chance.
        column: The levels.

    Returns:
        Surfaces of back, neck and trunk.
    """
    marks, g, u = Landmarks(column), column.scale, rng.uniform
    levels = (C2, C5, C7, T1 + 4, T12, L1 + 2, L5, S1)
    nodes = [-200.0, *(marks.arc(level) for level in levels), marks.arc(S1) + 45, 1000.0]
    muscle = np.array([24, 29, 27, 30, 31, 32, 33, 31, 23, 13, 10]) * g * u(0.95, 1.2) + u(0, 4, 11)
    fat = np.array([8, 9, 11, 14, 9, 8, 11, 18, 22, 20, 20]) * u(0.3, 2.0) * u(0.7, 1.3, 11) + 2
    bulge = np.minimum(np.array([0, 2, 2, 1, 2, 5, 7, 6, 5, 2, 0]) * u(0.5, 1.3), 0.5 * fat)
    neck = [-200.0, marks.arc(C2), marks.arc(C7 - 1), marks.arc(T1 + 1), marks.arc(T1 + 3), 1000.0]
    front = np.array([105, 92 * g, 56 * g, 74 * g, 140, 170]) * u(0.85, 1.3)
    fatness = u(0.3, 1.6)
    return SkinShape(
        back=profile(nodes, muscle + fat, smoothing=81),
        fat=profile(nodes, fat, smoothing=81),
        bulge=profile(nodes, bulge),
        front=profile(neck, front, smoothing=61),
        front_fat=profile(neck, np.array([4, 5, 4, 8, 12, 26]) * fatness + 2, smoothing=61),
        front_wall=profile(neck, [0, 2, 2, 6, 10, 11], smoothing=61),
        fascia=(u(0.3, 0.7), u(0.8, 1.5) * (rng.random() < 0.6)),
        pad=u(2, 14) if rng.random() < 0.15 else None,
    )


def skin_depth(at: Coordinates, canal: CanalFrame, shape: SkinShape) -> Tensor:
    """Give the distance to the skin of the back.

    The skin takes no part in sharp bends of the column.

    Args:
        at: Coordinates of the grid.
        canal: Walls of the canal.
        shape: From :func:`draw_skin`.

    Returns:
        Distance, mm, negative outside the body, shape (H, W), float32.
    """
    depth = lookup(shape.back, at.s) - canal.behind
    coarse = F.avg_pool2d(depth[None, None], _STEP, _STEP, ceil_mode=True)
    smooth = F.avg_pool2d(F.pad(coarse, (2, 2, 2, 2), mode="replicate"), 5, 1)
    fine = F.interpolate(smooth, depth.shape, mode="bilinear", align_corners=False)[0, 0]
    return torch.where(canal.behind > 5, fine, depth)


def paint_skin(tissues: TissueMap, at: Coordinates, shape: SkinShape) -> None:
    """Paint fat and skin of the back, the front wall, and what lies outside, over everything but the spine.

    Args:
        tissues: Where to paint; its ``depth`` tells how far the skin of the back is.
        at: Coordinates of the grid.
        shape: From :func:`draw_skin`.
    """
    soft = tissues.is_soft()
    fat, bulge, front, front_fat, front_wall = lookup(
        np.stack([shape.fat, shape.bulge, shape.front, shape.front_fat, shape.front_wall]), at.s
    )
    _paint_back(tissues, at, soft, fat, bulge, shape.fascia)
    ventral = at.d + front
    overwrite(tissues.tissue, (ventral < front_fat + front_wall) & (at.d < -20) & soft, Tissue.MUSCLE)
    overwrite(tissues.tissue, (ventral < front_fat) & (at.d < -20) & soft, Tissue.SUBCUTANEOUS_FAT)
    surface = torch.minimum(tissues.depth, ventral)
    overwrite(tissues.tissue, (surface < SKIN_MM) & soft, Tissue.SKIN)
    overwrite(tissues.tissue, (surface < 0) & soft, Tissue.AIR)
    if shape.pad is not None:
        overwrite(tissues.tissue, ((tissues.depth + shape.pad).abs() < 1) & soft, Tissue.SKIN)


def _paint_back(
    tissues: TissueMap, at: Coordinates, soft: Tensor, fat: Tensor, bulge: Tensor, fascia: tuple[float, float]
) -> None:
    """Subcutaneous fat behind the fascia of the back, with a fascia of its own."""
    beside = (at.x.abs() - 4).div_(_BULGE_MM).clamp_(0, 1)
    gap = (beside * bulge).add_(tissues.depth - fat)
    overwrite(tissues.tissue, (gap < fascia[1]) & soft, Tissue.LIGAMENT)
    overwrite(tissues.tissue, (gap < 0) & soft, Tissue.SUBCUTANEOUS_FAT)
    line = (tissues.depth - fascia[0] * fat).abs() < 0.7 * fascia[1]
    overwrite(tissues.tissue, line & soft, Tissue.LIGAMENT)
