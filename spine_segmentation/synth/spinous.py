"""Spinous processes: bifid in the neck, long and steep in the thorax, hatchets in the lumbar spine."""

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
from spine_segmentation.synth.level_tables import along, ranks
from spine_segmentation.synth.midline import MIDLINE_MM
from spine_segmentation.synth.morphometry import C7, is_lumbar, is_presacral
from spine_segmentation.synth.tissues import Semantic, Tissue, TissueMap


@dataclass(frozen=True)
class SpinousShapes:
    """The spinous processes, one entry per level, shape (n,); mm where not said otherwise.

    Attributes:
        root: Arc length, followed forward along the process to the canal's posterior wall.
        length: Behind the canal's posterior wall; 0 where there is none.
        half_height: In the middle of the process.
        half_width: In the middle of the process; 0 where there is none.
        root_height: Height at the root, relative.
        tip_height: Height at the tip, relative.
        tip_width: Width at the tip, relative.
        cleft: Half the width of the cleft of a bifid tip, 0 for none.
        deviation: How the process leaves the midline, mm/mm.
        bursa: Radius of fluid below the process (interspinous bursitis), 0 for none.
        level: VerSe number.
    """

    root: Floats
    length: Floats
    half_height: Floats
    half_width: Floats
    root_height: Floats
    tip_height: Floats
    tip_width: Floats
    cleft: Floats
    deviation: Floats
    bursa: Floats
    level: Floats


def draw_spinous(rng: np.random.Generator, column: Column, laminae: Floats, removed: Floats) -> SpinousShapes:
    """Draw the spinous processes of a person.

    Args:
        rng: Source of all chance.
        column: The levels, their sizes and the degree of degeneration.
        laminae: Arc lengths of the laminae, mm, shape (n,).
        removed: 1 where surgery has removed the process, shape (n,).

    Returns:
        The processes of C2 to the lowest lumbar vertebra; in some of the degenerated the lumbar ones kiss.
    """
    n, rank, scale, u = len(column), ranks(column), column.scale, rng.uniform
    length = along(rank, {"C2": 17, "C3": 13.5, "C5": 15, "C6": 20, "C7": 30, "T1": 33, "T3": 31, "T8": 29, "T11": 25,
                          "L1": 30, "L3": 33, "L4": 30, "L5": 24})  # fmt: skip
    half_height = along(rank, {"C2": 7, "C3": 3.6, "C6": 4.2, "C7": 5.2, "T1": 5.6, "T4": 4.4, "T9": 5, "T11": 7,
                               "T12": 9, "L1": 11.5, "L3": 12.5, "L4": 11.5, "L5": 9.5})  # fmt: skip
    half_width = along(rank, {"C2": 5, "C3": 3.2, "C7": 3.2, "T5": 2.8, "L1": 3.2, "L5": 3.6})
    kissing = 1 + 0.35 * column.degeneration * (rng.random() < 0.4) * is_lumbar(column.levels)
    inflamed = (rng.random(n) < 0.05 * column.degeneration) & is_lumbar(column.levels)
    present = is_presacral(column.levels) & (removed < 0.5)
    return SpinousShapes(
        root=laminae + scale * along(rank, {"C2": 0, "C3": 0.5, "T1": 1, "T5": 2.5, "L1": 1.5, "L5": 1}),
        length=np.where(present, length * scale * rng.normal(1, 0.07, n) * u(0.88, 1.12), 0.0),
        half_height=half_height * scale * kissing * rng.normal(1, 0.08, n) * u(0.85, 1.08),
        half_width=np.where(present, half_width * scale * u(0.85, 1.2), 0.0),
        root_height=along(rank, {"C2": 1, "C3": 1, "T1": 1.1, "T5": 1.3, "T12": 0.85, "L5": 0.9}),
        tip_height=along(rank, {"C2": 1, "C3": 1.1, "C7": 1, "T5": 0.75, "T11": 0.85, "L1": 1, "L5": 0.85}),
        tip_width=along(rank, {"C2": 1.3, "C5": 1.6, "C7": 1.1, "T5": 1.2, "L1": 1.4, "L5": 1.3}),
        cleft=np.where((column.levels < C7) & (rng.random(n) < 0.75), u(1, 2.2, n), 0.0) * scale,
        deviation=rng.normal(0, 0.05, n),
        bursa=np.where(inflamed, u(1.5, 4, n), 0.0),
        level=column.levels.astype(np.float64),
    )


def paint_spinous(
    tissues: TissueMap, at: Coordinates, canal: CanalFrame, sheet: Tensor, here: dict[str, Tensor], fallen: Tensor
) -> None:
    """Paint the spinous processes.

    Args:
        tissues: Where to paint, shape (N, M).
        at: Coordinates, shapes (M,) and (N, M).
        canal: Walls of the canal, shape (M,).
        sheet: From :func:`~spine_segmentation.synth.laminae.paint_laminae`.
        here: Fields of the nearest :class:`SpinousShapes`, shape (M,).
        fallen: From :func:`~spine_segmentation.synth.midline.fall`.
    """
    behind = canal.behind
    share = (behind / (here["length"] + 1e-3)).clamp(0, 2)
    drop = (fallen - here["root"]) / here["half_height"]
    aside = (at.x - here["deviation"] * behind).abs()
    height = torch.lerp(here["root_height"], here["tip_height"], share.clamp(max=1))
    rounding = 10 * (share - 0.8).clamp(min=0).square()
    side = torch.maximum(drop.abs() + (rounding - 1) * height, share - 1)
    width = here["half_width"] * (0.8 + (here["tip_width"] - 0.8) * share * share)
    cleft = torch.minimum(here["cleft"] - aside, share - 0.72)
    process = intersect(torch.maximum(-at.s - 2, side), 0.5 - sheet, aside - width, cleft, at.x.abs() - MIDLINE_MM)
    tissues.paint_level(process, Tissue.POSTERIOR_MARROW, Semantic.POSTERIOR, here["level"].to(tissues.level.dtype))
