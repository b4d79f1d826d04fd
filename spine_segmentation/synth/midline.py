"""The midline behind the canal: slope of the spinous processes, ligaments and bursae between them, surgical scars."""

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
from spine_segmentation.synth.morphometry import C7
from spine_segmentation.synth.profiles import lookup, profile
from spine_segmentation.synth.tissues import NO_LEVEL, Tissue, TissueMap
from spine_segmentation.synth.waves import Waves, draw_waves, wave

MIDLINE_MM = 14.0
"""Nothing that is painted with the spinous processes lies farther from the midline."""


@dataclass(frozen=True)
class MidlineShape:
    """What lies between and behind the spinous processes.

    Attributes:
        slope: Profile: slope of the processes, mm downwards per mm toward posterior.
        ligament_share: Threshold on a field: how much of the midline is ligament and not fat.
        texture: That field.
        nuchal_end: Arc length at which the nuchal becomes the supraspinous ligament, mm.
        scar: First and last arc length of a laminectomy's scar, mm; empty if there was none.
        seroma: Arc length, distance behind the canal and radius of the fluid in it, mm.
    """

    slope: Floats
    ligament_share: float
    texture: Waves
    nuchal_end: float
    scar: tuple[float, float]
    seroma: tuple[float, float, float]


def draw_midline(rng: np.random.Generator, column: Column, laminae: Floats, removed: Floats) -> MidlineShape:
    """Draw what lies between the spinous processes of a person.

    Args:
        rng: Source of all chance.
        column: The levels and their sizes.
        laminae: Arc lengths of the laminae, mm, shape (n,).
        removed: 1 where surgery has removed the lamina, shape (n,).

    Returns:
        Ligaments, and the scar of a laminectomy.
    """
    n, rank = len(column), ranks(column)
    slope = along(rank, {"C2": 0.4, "C3": 0.35, "C7": 0.4, "T1": 0.45, "T3": 0.85, "T5": 1.25, "T8": 1.2, "T10": 0.75,
                         "T11": 0.35, "T12": 0.15, "L4": 0.12, "L5": 0.2})  # fmt: skip
    slope = slope * rng.uniform(0.75, 1.2) + rng.normal(0, 0.04, n)
    operated = np.flatnonzero(removed > 0.5)
    scar = (float(laminae[operated[0]] - 12), float(laminae[operated[-1]] + 12)) if len(operated) else (0.0, -1.0)
    radius = rng.uniform(4, 14) * (rng.random() < 0.5)
    return MidlineShape(
        slope=profile(laminae, slope, smoothing=61),
        ligament_share=rng.uniform(-0.3, 1.2),
        texture=draw_waves(rng, (5.0, 4.0, 10.0)),
        nuchal_end=column.position(C7) + 10,
        scar=scar,
        seroma=(sum(scar) / 2 + rng.normal(0, 6), rng.uniform(6, 22), radius if len(operated) else 0.0),
    )


def fall(shape: MidlineShape, at: Coordinates, canal: CanalFrame) -> Tensor:
    """Follow the spinous processes forward to the canal's posterior wall.

    Args:
        shape: From :func:`draw_midline`.
        at: Coordinates, shape (M,).
        canal: Walls of the canal, shape (M,).

    Returns:
        The arc length there, mm, shape (M,).
    """
    return at.s - lookup(shape.slope, at.s) * canal.behind.clamp(0, 45)


def paint_midline(
    tissues: TissueMap,
    at: Coordinates,
    canal: CanalFrame,
    shape: MidlineShape,
    here: dict[str, Tensor],
    fallen: Tensor,
) -> None:
    """Paint interspinous, supraspinous and nuchal ligaments, bursae, and the scar of a laminectomy, where bone is not.

    Args:
        tissues: Where to paint, shape (N, M).
        at: Coordinates, shapes (M,) and (N, M).
        canal: Walls of the canal, shape (M,).
        shape: From :func:`draw_midline`.
        here: Fields of the nearest :class:`~spine_segmentation.synth.spinous.SpinousShapes`, shape (M,).
        fallen: From :func:`fall`.
    """
    distance, behind, length = at.x.abs(), canal.behind, here["length"]
    free = tissues.level == NO_LEVEL
    slim = 1.5 + 2.5 * ((at.s - shape.nuchal_end) * 0.03).clamp(0, 1)
    nuchal = ((shape.nuchal_end - at.s) * 0.05).clamp(0, 1) * 25
    between = intersect(distance - slim, -behind, behind - length - 2 - nuchal, -at.s) & free
    fibres = wave(shape.texture, at.x, behind, at.s) < shape.ligament_share
    tips = torch.maximum((behind - length - 1.5).abs() - 1.5, shape.nuchal_end - at.s)
    tissues.paint(between, Tissue.FAT)
    tissues.paint(between & (fibres | (tips < 0)), Tissue.LIGAMENT)
    below = fallen - here["root"] - here["half_height"] * 1.25
    bursa = below.square() + 0.3 * (behind - 0.6 * length).square() + at.x.square() - here["bursa"].square()
    tissues.paint((bursa < 0) & free, Tissue.FLUID)
    if shape.scar[0] < shape.scar[1]:
        _paint_scar(tissues, at, canal, shape, free)


def _paint_scar(tissues: TissueMap, at: Coordinates, canal: CanalFrame, shape: MidlineShape, free: Tensor) -> None:
    (first, last), (place, depth, radius) = shape.scar, shape.seroma
    distance, behind = at.x.abs(), canal.behind
    field = torch.maximum(torch.maximum(first - at.s, at.s - last), -behind)
    scar = intersect(field, distance - 11 + 0.15 * behind, behind - 42)
    tissues.paint(scar & free, Tissue.SCAR)
    seroma = 0.35 * (at.s - place).square() + (behind - depth).square() + 0.6 * at.x.square() - radius**2
    tissues.paint(intersect(seroma, -behind, distance - MIDLINE_MM) & free, Tissue.FLUID)
