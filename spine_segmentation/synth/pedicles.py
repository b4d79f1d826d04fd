"""Pedicles: from the posterolateral corner of the body, past the canal, to the articular processes.

Widths, heights and convergence after Zindrick et al. 1987 (Spine 12:160) for the thoracic and lumbar, and Panjabi et
al. 1991 (Spine 16:861) for the cervical vertebrae.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from torch import Tensor

from spine_segmentation.arrays import Floats
from spine_segmentation.synth.canal import CanalFrame
from spine_segmentation.synth.column import Column
from spine_segmentation.synth.coordinates import Coordinates
from spine_segmentation.synth.implicit import intersect
from spine_segmentation.synth.level_tables import along, gather, ranks
from spine_segmentation.synth.morphometry import is_presacral
from spine_segmentation.synth.tissues import Semantic, Tissue, TissueMap

_INTO_BODY = 0.35
"""Share of the body's half depth at which the pedicle begins, so that it meets the body's rounded corner."""


@dataclass(frozen=True)
class PedicleShapes:
    """The pedicles, one entry per level, shape (n,), mm.

    Attributes:
        centre: Arc length of the axis.
        place: Lateral distance of the axis at the canal's posterior wall.
        half_width: Of the pedicle; 0 where there is none.
        half_height: Of the pedicle.
        convergence: How fast the axes approach the midline toward the body, mm/mm.
        start: Distance behind the bodies' centres at which it begins.
        end: Distance behind the canal's posterior wall at which it ends.
        level: VerSe number.
    """

    centre: Floats
    place: Floats
    half_width: Floats
    half_height: Floats
    convergence: Floats
    start: Floats
    end: Floats
    level: Floats


def draw_pedicles(rng: np.random.Generator, column: Column) -> PedicleShapes:
    """Draw the pedicles of a person.

    Args:
        rng: Source of all chance.
        column: The levels and their sizes.

    Returns:
        The pedicles of C2 to the lowest lumbar vertebra.
    """
    n, rank, scale = len(column), ranks(column), column.scale
    width = along(rank, {"C2": 5, "C3": 2.7, "C6": 3, "T1": 3.9, "T2": 3.5, "T4": 2.4, "T5": 2.3, "T9": 3.0,
                         "T11": 3.8, "T12": 3.7, "L1": 4.3, "L3": 5.1, "L4": 6.4, "L5": 8.8})  # fmt: skip
    height = along(rank, {"C2": 5, "C3": 3.5, "C7": 3.8, "T1": 4.9, "T2": 6, "T7": 6.1, "T9": 6.9, "T11": 8.6,
                          "L1": 7.8, "L3": 7.3, "L5": 7.0})  # fmt: skip
    axis = along(rank, {"C2": 17, "C3": 19, "C7": 19.5, "T1": 17, "T2": 14.3, "T4": 12.5, "T9": 13, "T12": 14.8,
                        "L1": 17.5, "L3": 20, "L4": 22.8, "L5": 28})  # fmt: skip
    rise = along(rank, {"C2": 0, "C3": 0.06, "C7": 0.1, "T1": 0.2, "T12": 0.24, "L1": 0.21, "L5": 0.19})
    return PedicleShapes(
        centre=column.centre - rise * column.height + rng.normal(0, 0.5, n),
        place=axis * scale,
        half_width=np.where(is_presacral(column.levels), width * scale * rng.normal(1, 0.08, n), 0.0),
        half_height=height * scale * rng.normal(1, 0.06, n),
        convergence=along(rank, {"C2": 0.15, "C3": 0.55, "C6": 0.55, "T1": 0.35, "T2": 0.28, "T4": 0.15, "T12": 0.05,
                                 "L1": 0.18, "L3": 0.24, "L4": 0.32, "L5": 0.5}),
        start=column.half_depth * _INTO_BODY,
        end=scale * along(rank, {"C7": -3, "T2": 0.5, "T12": 2, "L1": 2, "L5": 2}),
        level=column.levels.astype(np.float64),
    )  # fmt: skip


def paint_pedicles(
    tissues: TissueMap, at: Coordinates, canal: CanalFrame, shapes: PedicleShapes, level: Tensor
) -> None:
    """Paint the pedicles.

    Args:
        tissues: Where to paint, shape (N, M).
        at: Coordinates, shapes (M,) and (N, M).
        canal: Walls of the canal, shape (M,).
        shapes: From :func:`draw_pedicles`.
        level: Which level's pedicle is nearest, int64, shape (M,).
    """
    here = gather(shapes, level)
    axis = here["place"] + here["convergence"] * canal.behind
    aside = (at.x.abs() - axis) / (here["half_width"] + 1e-3)
    upward = (at.axial - here["centre"]) / here["half_height"]
    within = intersect(aside * aside + (upward * upward - 1), here["start"] - at.d, canal.behind - here["end"])
    tissues.paint_level(within, Tissue.POSTERIOR_MARROW, Semantic.POSTERIOR, here["level"].to(tissues.level.dtype))
