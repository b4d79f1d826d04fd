"""Laminae, the yellow ligament between them, and the fat of the canal in front of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from spine_segmentation.arrays import Floats
from spine_segmentation.synth.canal import CanalFrame
from spine_segmentation.synth.column import Column
from spine_segmentation.synth.coordinates import Coordinates
from spine_segmentation.synth.implicit import intersect
from spine_segmentation.synth.level_tables import along, gather, lost_height, ranks
from spine_segmentation.synth.morphometry import is_presacral
from spine_segmentation.synth.tissues import NO_LEVEL, Semantic, Tissue, TissueMap


@dataclass(frozen=True)
class LaminaShapes:
    """The laminae, one entry per level, shape (n,); mm where not said otherwise.

    Attributes:
        centre: Arc length of the middle, at the canal's posterior wall.
        half_height: Along the column.
        thickness: In the middle.
        tilt: How the lower edge stands behind the upper one, mm/mm.
        roof: How the laminae come forward to the sides, mm/mm.
        half_width: Lateral distance at which they end in the articular processes; 0 where there is no lamina.
        flavum: Thickness of the yellow ligament below.
        level: VerSe number.
    """

    centre: Floats
    half_height: Floats
    thickness: Floats
    tilt: Floats
    roof: Floats
    half_width: Floats
    flavum: Floats
    level: Floats


def draw_laminae(rng: np.random.Generator, column: Column, removed: Floats) -> LaminaShapes:
    """Draw the laminae of a person.

    Args:
        rng: Source of all chance.
        column: The levels, their sizes and the degree of degeneration.
        removed: 1 where surgery has removed the lamina, shape (n,).

    Returns:
        The laminae of C2 to the lowest lumbar vertebra; tiles that overlap most in the thorax.
    """
    n, rank, scale = len(column), ranks(column), column.scale
    thickening = np.clip(lost_height(column) + 0.5 * column.degeneration * rng.random(n), 0, 1)
    centre = along(rank, {"C2": 8, "C3": 4.5, "C7": 6, "T1": 7, "T4": 8, "T12": 8.5, "L1": 10, "L3": 11, "L5": 8})
    half_height = along(rank, {"C2": 6.5, "C3": 4.8, "C6": 5.2, "C7": 6.5, "T1": 7.5, "T3": 8.3, "T8": 9, "L1": 11.5,
                               "L3": 12.5, "L4": 12, "L5": 10})  # fmt: skip
    thickness = along(rank, {"C2": 5, "C3": 3, "C6": 3.3, "T1": 5.5, "T6": 6.5, "L1": 8.5, "L5": 8})
    half_width = along(rank, {"C7": 15, "T1": 13, "T4": 11, "T12": 12, "L1": 12, "L5": 17})
    present = is_presacral(column.levels) & (removed < 0.5)
    flavum = along(rank, {"C2": 1.2, "C7": 1.6, "T5": 2, "T12": 2.6, "L3": 3.2, "L5": 3.2})
    return LaminaShapes(
        centre=column.centre + scale * (centre + rng.normal(0, 0.6, n)),
        half_height=half_height * scale * rng.normal(1, 0.06, n),
        thickness=thickness * scale * rng.normal(1, 0.08, n),
        tilt=along(rank, {"C3": 0.15, "T1": 0.2, "T6": 0.28, "L1": 0.24, "L5": 0.3}) * rng.uniform(0.6, 1.3),
        roof=along(rank, {"C7": 0.4, "T3": 0.35, "T11": 0.4, "L1": 0.5, "L5": 0.5}),
        half_width=np.where(present, scale * half_width, 0.0),
        flavum=scale * (flavum * rng.uniform(0.7, 1.2) + 2.5 * thickening),
        level=column.levels.astype(np.float64),
    )


def paint_laminae(
    tissues: TissueMap, at: Coordinates, canal: CanalFrame, shapes: LaminaShapes, level: Tensor
) -> Tensor:
    """Paint the laminae with what lies between and before them.

    Args:
        tissues: Where to paint, shape (N, M).
        at: Coordinates, shapes (M,) and (N, M).
        canal: Walls of the canal, shape (M,).
        shapes: From :func:`draw_laminae`.
        level: Which level's lamina is nearest, int64, shape (M,).

    Returns:
        Distance behind the laminae's anterior surface and its continuation between them, mm, shape (N, M).
    """
    here = gather(shapes, level)
    distance, behind = at.x.abs(), canal.behind
    share = (at.axial - here["centre"]) / here["half_height"]
    sheet = behind - here["tilt"] * here["half_height"] * _overlap(share) + here["roof"] * distance
    within = torch.maximum(distance - here["half_width"], -at.s - 2)
    free = tissues.level == NO_LEVEL
    fat = intersect(-behind - 1.5, sheet, distance - 6, within)
    tissues.paint(fat & free, Tissue.EPIDURAL_FAT, Semantic.CANAL)
    cover = ((share + 0.35).abs() * 2.5 - 0.9).clamp(0, 1)
    thickness = here["flavum"] * cover * (0.3 + distance * 0.2).clamp(max=1)
    yellow = intersect(-thickness - sheet, sheet - 2, within, share.abs() - 1.8)
    tissues.paint(yellow & free, Tissue.LIGAMENT, Semantic.BACKGROUND)
    belly = here["thickness"] * (0.85 + 0.25 * share.clamp(-1, 1))
    middle = sheet / belly * 2 - 1
    square = share * share
    plate = intersect(middle * middle + square * square - 1, within)
    tissues.paint_level(plate, Tissue.POSTERIOR_MARROW, Semantic.POSTERIOR, here["level"].to(tissues.level.dtype))
    return sheet


def _overlap(share: Tensor) -> Tensor:
    """How far the canal's wall recedes under a lamina, and comes back to the next one's upper edge, 0 to 2."""
    receding = torch.minimum(share + 1, 4.9 - 2.9 * share)
    return torch.maximum(receding, -2.9 - 2.9 * share)
