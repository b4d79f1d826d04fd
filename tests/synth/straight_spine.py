"""Bodies and discs of a straight column on grids along its axes, whose distances can be read off."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import torch

from spine_segmentation.anatomy import VERSE_NUMBERS
from spine_segmentation.synth.bodies import BodyShapes, draw_bodies
from spine_segmentation.synth.body_frame import BodyFrame, body_frame
from spine_segmentation.synth.column import Column, draw_column
from spine_segmentation.synth.coordinates import Coordinates, locate
from spine_segmentation.synth.curve import Curve
from spine_segmentation.synth.discs import draw_discs, paint_discs
from spine_segmentation.synth.grid import Grid
from spine_segmentation.synth.marrow import paint_bodies
from spine_segmentation.synth.noise import Noise
from spine_segmentation.synth.pathology import Pathology, paint_pathology
from spine_segmentation.synth.profiles import ARC_LENGTHS
from spine_segmentation.synth.tissues import TissueMap

PIXEL_MM = 0.5
SIZE = 160


@dataclasses.dataclass(frozen=True)
class Painted:
    """What was painted, and where."""

    tissues: TissueMap
    at: Coordinates
    frame: BodyFrame
    grid: Grid


def normal_column(seed: int = 0, **changes: Any) -> Column:
    """A column without deformities but those given."""
    column = draw_column(np.random.default_rng(seed))
    zeros = np.zeros(len(column))
    normal = dict.fromkeys(("wedge", "biconcavity", "retropulsion", "lateral_wedge"), zeros)
    unfused = np.zeros(len(column), dtype=np.bool_)
    return dataclasses.replace(column, **{**normal, "fused_below": unfused, "degeneration": 0.0, **changes})


def plain_bodies(column: Column, seed: int = 0) -> BodyShapes:
    """Bodies in line, without osteophytes or Schmorl nodes."""
    bodies = draw_bodies(np.random.default_rng(seed), column)
    zeros, flat = np.zeros(len(column)), np.zeros(2 * len(column))
    course = bodies.course.copy()
    course[0] = 0.0
    endplates = dataclasses.replace(bodies.endplates, anterior_spurs=flat, posterior_spurs=flat, node_depth=flat)
    return dataclasses.replace(bodies, shift=zeros, course=course, endplates=endplates)


def position(column: Column, name: str) -> int:
    """Position of a level in the column."""
    return column.index(VERSE_NUMBERS[name])


def one(column: Column, name: str, value: float, *, endplate: int | None = None) -> np.ndarray[Any, Any]:
    """Zeros with a value at one level, or at its upper (0) or lower (1) endplate."""
    k = position(column, name)
    values = np.zeros(len(column) if endplate is None else 2 * len(column))
    values[k if endplate is None else 2 * k + endplate] = value
    return values


def paint(
    column: Column,
    bodies: BodyShapes,
    arc_length: float,
    lateral: tuple[float, ...] = (0.0,),
    pathology: Pathology | None = None,
) -> Painted:
    """Paint 80 mm of the column around an arc length; ``at.d`` and ``at.axial`` are axes of the grid."""
    extent = SIZE * PIXEL_MM
    grid = Grid(lateral, SIZE, SIZE, PIXEL_MM, (arc_length - extent / 2, -extent / 2), torch.device("cpu"))
    arc = np.arange(-220.0, 1080.0, 4.0)
    flat = np.zeros_like(ARC_LENGTHS)
    straight = Curve(arc=arc, y=np.zeros_like(arc), z=arc, lateral=flat, rotation=flat, tilt=flat)
    at = locate(grid, column, straight, 0.0, 0)
    tissues = TissueMap.empty(grid.shape, grid.device)
    frame = body_frame(tissues, at, bodies)
    paint_discs(tissues, at, frame, draw_discs(np.random.default_rng(1), column, bodies), column)
    paint_bodies(tissues, at, frame, bodies, column)
    if pathology is not None:
        _paint_flat(tissues, at, bodies, pathology, column, grid)
    return Painted(tissues, at, frame, grid)


def _paint_flat(
    tissues: TissueMap, at: Coordinates, bodies: BodyShapes, pathology: Pathology, column: Column, grid: Grid
) -> None:
    """Paint pathology on all pixels in a row, as the generator does."""
    names = [field.name for field in dataclasses.fields(TissueMap)]
    row = TissueMap(*(getattr(tissues, name).flatten(-2) for name in names))
    names = [field.name for field in dataclasses.fields(Coordinates)]
    place = Coordinates(*(getattr(at, name).flatten(-2) for name in names))
    height = row.height.clone()
    frame = body_frame(row, place, bodies)
    row.height.copy_(height)
    paint_pathology(row, place, frame, pathology, column, Noise(grid, torch.arange(SIZE * SIZE)))
