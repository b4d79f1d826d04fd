"""Everything behind and beside the canal, from C2 to the sacrum: its parts put together."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt
import torch

from spine_segmentation.arrays import Floats
from spine_segmentation.synth.canal import CanalFrame
from spine_segmentation.synth.column import Column
from spine_segmentation.synth.coordinates import Coordinates
from spine_segmentation.synth.facets import FacetShapes, draw_facets, paint_facets
from spine_segmentation.synth.foramina import ForamenShapes, draw_foramina, paint_foramina
from spine_segmentation.synth.implicit import intersect
from spine_segmentation.synth.laminae import LaminaShapes, draw_laminae, paint_laminae
from spine_segmentation.synth.level_tables import gather, position, positions
from spine_segmentation.synth.midline import MIDLINE_MM, MidlineShape, draw_midline, fall, paint_midline
from spine_segmentation.synth.morphometry import L1, S1, T1, is_cervical, is_lumbar
from spine_segmentation.synth.pedicles import PedicleShapes, draw_pedicles, paint_pedicles
from spine_segmentation.synth.sacral_wings import SacralShapes, draw_sacral_wings, paint_sacral_wings
from spine_segmentation.synth.selection import paint_where
from spine_segmentation.synth.spinous import SpinousShapes, draw_spinous, paint_spinous
from spine_segmentation.synth.tissues import TissueMap
from spine_segmentation.synth.transverse import TransverseShapes, draw_transverse, paint_transverse

LAMINECTOMY = 0.03
"""Share of persons of whom surgery has removed one to three laminae."""

_LATERAL_MM = 2.5
"""Nothing that is painted with pedicles and joints lies nearer to the midline."""


@dataclass(frozen=True)
class PosteriorShapes:
    """The posterior elements of one person.

    Attributes:
        pedicles: One per level and side.
        facets: The joints between the levels.
        transverse: Transverse processes.
        foramina: What lies between the pedicles.
        laminae: One per level.
        spinous: Spinous processes.
        midline: What lies between them.
        sacral: The sacrum beside and behind its canal.
        pedicle_borders: Table by arc length: how many pedicles lie above.
        lamina_borders: Table by arc length: how many middles between two laminae lie above.
        spinous_borders: The same of the spinous processes' roots.
        segment_borders: Table by arc length: how many bodies' centres lie above.
    """

    pedicles: PedicleShapes
    facets: FacetShapes
    transverse: TransverseShapes
    foramina: ForamenShapes
    laminae: LaminaShapes
    spinous: SpinousShapes
    midline: MidlineShape
    sacral: SacralShapes
    pedicle_borders: npt.NDArray[np.int64]
    lamina_borders: npt.NDArray[np.int64]
    spinous_borders: npt.NDArray[np.int64]
    segment_borders: npt.NDArray[np.int64]


def draw_posterior(rng: np.random.Generator, column: Column) -> PosteriorShapes:
    """Draw the posterior elements of a person.

    Args:
        rng: Source of all chance.
        column: The levels and their sizes.

    Returns:
        Shapes of C2 to the sacrum; C1's are in ``atlas``.
    """
    streams = iter(rng.spawn(9))
    removed = _laminectomy(next(streams), column)
    pedicles = draw_pedicles(next(streams), column)
    laminae = draw_laminae(next(streams), column, removed)
    spinous = draw_spinous(next(streams), column, laminae.centre, removed)
    return PosteriorShapes(
        pedicles=pedicles,
        facets=draw_facets(next(streams), column, pedicles.centre),
        transverse=draw_transverse(next(streams), column, pedicles.centre, pedicles.place),
        foramina=draw_foramina(next(streams), column, pedicles.centre, pedicles.half_height),
        laminae=laminae,
        spinous=spinous,
        midline=draw_midline(next(streams), column, laminae.centre, removed),
        sacral=draw_sacral_wings(next(streams), column),
        pedicle_borders=positions(pedicles.centre),
        lamina_borders=positions(_middles(laminae.centre)),
        spinous_borders=positions(_middles(spinous.root)),
        segment_borders=positions(column.centre),
    )


def _middles(places: Floats) -> Floats:
    return (places[:-1] + places[1:]) / 2


def _laminectomy(rng: np.random.Generator, column: Column) -> Floats:
    """1 where the lamina has been removed: mostly in the lumbar spine, else in the neck; shape (n,)."""
    removed = np.zeros(len(column))
    region = is_lumbar(column.levels) if rng.random() < 0.75 else is_cervical(column.levels)
    last, count = rng.choice(np.flatnonzero(region)[1:]), rng.integers(1, 4)
    if rng.random() < LAMINECTOMY:
        removed[max(last - count + 1, 1) : last + 1] = 1.0
    return removed


def paint_posterior(
    tissues: TissueMap, at: Coordinates, canal: CanalFrame, shapes: PosteriorShapes, column: Column
) -> None:
    """Paint the posterior elements of C2 to the sacrum, and the ligaments, joints, fat and roots between them.

    Args:
        tissues: Where to paint.
        at: Coordinates of the grid.
        canal: Walls of the canal.
        shapes: From :func:`draw_posterior`.
        column: The levels.
    """
    sacrum, distance = column.top[column.index(S1)], at.x.abs()
    above = torch.maximum(-4 - at.s, at.s - sacrum - 50)
    if bool((distance > _LATERAL_MM).any()):
        ribs = at.s - column.position(T1) + 10, column.position(L1) - at.s
        back = 13 + 13 * (0.1 * torch.minimum(*ribs)).clamp(0, 1)
        beside = intersect(above, 0.55 * canal.front - 4 - at.d, canal.behind - back)
        paint_where(beside, partial(_paint_sides, shapes), tissues, at, canal)
    nearest = float(distance.min())
    if nearest < shapes.laminae.half_width.max():
        behind = intersect(above, -8 - canal.behind, canal.behind - (50 if nearest < MIDLINE_MM else 16))
        paint_where(behind, partial(_paint_middle, shapes), tissues, at, canal)
    low = intersect(-15 - at.d, canal.behind - 12, sacrum - 8 - at.s)
    paint_where(low, partial(_paint_sacrum, shapes), tissues, at, canal)


def _paint_sides(shapes: PosteriorShapes, tissues: TissueMap, at: Coordinates, canal: CanalFrame) -> None:
    """Foramina, joints, pedicles and transverse processes."""
    gap = (position(shapes.pedicle_borders, at.axial) - 1).clamp_(min=0)
    paint_foramina(tissues, at, canal, shapes.foramina, gap)
    paint_facets(tissues, at, canal, shapes.facets, gap)
    paint_pedicles(tissues, at, canal, shapes.pedicles, at.territory)
    paint_transverse(tissues, at, canal, shapes.transverse, at.territory)


def _paint_middle(shapes: PosteriorShapes, tissues: TissueMap, at: Coordinates, canal: CanalFrame) -> None:
    """Laminae, spinous processes, and what lies between them."""
    near = bool((at.x.abs() < MIDLINE_MM).any())
    if near:
        fallen = fall(shapes.midline, at, canal)
        here = gather(shapes.spinous, position(shapes.spinous_borders, fallen))
        paint_midline(tissues, at, canal, shapes.midline, here, fallen)
    sheet = paint_laminae(tissues, at, canal, shapes.laminae, position(shapes.lamina_borders, at.axial))
    if near:
        paint_spinous(tissues, at, canal, sheet, here, fallen)


def _paint_sacrum(shapes: PosteriorShapes, tissues: TissueMap, at: Coordinates, canal: CanalFrame) -> None:
    gap = (position(shapes.segment_borders, at.axial) - 1).clamp_(min=0)
    paint_sacral_wings(tissues, at, canal, shapes.sacral, gap)
