"""Metal implants: pedicle screws with rods, cages between bodies, cervical plates."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from torch import Tensor

from spine_segmentation.arrays import Floats
from spine_segmentation.synth.body_frame import BodyFrame
from spine_segmentation.synth.column import Column
from spine_segmentation.synth.coordinates import Coordinates
from spine_segmentation.synth.morphometry import C3, C7, L1, L5, by_region
from spine_segmentation.synth.profiles import per_level
from spine_segmentation.synth.tissues import Semantic, Tissue, TissueMap

_WITH_IMPLANTS = 0.03
"""Share of persons; scans after instrumented fusion are a few per cent of a hospital's spine MRI."""

_CONVERGENCE = 0.25
"""Inclination of pedicle screws toward the midline, mm/mm."""

_SCREW_RADIUS_MM, _ROD_RADIUS_MM = 3.0, 2.8
_ROD_BEHIND_WALL_MM = 24.0
"""Distance of the rods behind the bodies' posterior wall, in a mean adult."""

REACH_OF_SCREWS_MM = 36.0
"""Screws and rods reach less far behind the bodies, even in a tall person."""

_PLATE_HALF_WIDTH_MM, _PLATE_THICKNESS_MM = 8.0, 2.5


@dataclass(frozen=True)
class Implants:
    """Implants of one person, shape (n,), one entry per level where not said otherwise.

    Attributes:
        screws: Whether the level has pedicle screws.
        plate: Whether the level is screwed to an anterior plate.
        cage: Whether a cage replaces the disc below.
        rod: Arc lengths of the rods' or the plate's upper and lower end, mm; shape (2,).
        pedicle: Distance of the pedicles from the midline, mm.
    """

    screws: npt.NDArray[np.bool_]
    plate: npt.NDArray[np.bool_]
    cage: npt.NDArray[np.bool_]
    rod: Floats
    pedicle: Floats


def draw_implants(rng: np.random.Generator, column: Column) -> Implants:
    """Draw the implants of a person: two to four neighbouring levels with screws, or two or three with a plate.

    Args:
        rng: Source of all chance.
        column: The levels.

    Returns:
        Their places; nowhere for most persons.
    """
    n, present, neck = len(column), rng.random() < _WITH_IMPLANTS, rng.random() < 0.3
    last = int(rng.integers(column.index(C3) + 1, column.index(C7) + 1)) if neck else column.index(L1) + 4
    last -= 0 if neck else int(rng.integers(0, 4))
    levels = np.arange(n)
    chosen = (levels <= last) & (levels > last - rng.integers(2, 4 if neck else 5)) & present
    down = np.interp(column.levels, [L1, L5], [0, 1])
    ends = column.centre[chosen] if present else np.zeros(1)
    return Implants(
        screws=chosen & (not neck),
        plate=chosen & neck,
        cage=chosen & (levels < last) & (rng.random() < (0.9 if neck else 0.6)),
        rod=np.array([ends[0] - 8, ends[-1] + 4]),
        pedicle=by_region(column.levels, 11.0, 11.0, 12.5 + 6 * down, 18.0) * column.scale,
    )


def paint_implants(tissues: TissueMap, at: Coordinates, frame: BodyFrame, shapes: Implants, column: Column) -> None:
    """Paint the implants; bone and disc around them keep their class and level.

    Args:
        tissues: Where to paint.
        at: Coordinates of the grid.
        frame: From :func:`~spine_segmentation.synth.body_frame.body_frame`.
        shapes: From :func:`draw_implants`.
        column: The levels and their sizes.
    """
    screws, plate, pedicle, height = per_level(
        np.stack([shapes.screws, shapes.plate, shapes.pedicle, column.height]), at.territory
    )
    cage = per_level(shapes.cage.astype(np.float32), frame.disc.clamp(min=0)) > 0
    small = (frame.behind.abs() < 0.55 * frame.half_depth) & (frame.lateral < 0.3)
    tissues.paint((tissues.semantic == Semantic.DISC) & cage & small, Tissue.METAL)
    behind_wall = frame.behind - frame.half_depth
    between = (at.axial > shapes.rod[0]) & (at.axial < shapes.rod[1])
    if shapes.screws.any():
        _paint_screws(tissues, at, frame, (screws > 0, pedicle, height), between, column.scale)
    in_front = -(frame.behind + frame.half_depth)
    flat = (in_front > 0) & (in_front < _PLATE_THICKNESS_MM) & (plate > 0) & between & ~frame.inside
    tissues.paint(flat & (at.x.abs() < _PLATE_HALF_WIDTH_MM), Tissue.METAL)
    screw = (behind_wall < -0.6 * frame.half_depth) & (in_front < _PLATE_THICKNESS_MM) & (plate > 0)
    tissues.paint(screw & _rod(at.axial - frame.centre, at.x.abs() - 5, 1.8), Tissue.METAL)


def _paint_screws(
    tissues: TissueMap,
    at: Coordinates,
    frame: BodyFrame,
    level: tuple[Tensor, Tensor, Tensor],
    between: Tensor,
    scale: float,
) -> None:
    """Paint pedicle screws from the bodies' front third to the rods, and the rods."""
    present, pedicle, height = level
    behind_wall = frame.behind - frame.half_depth
    sideways = at.x.abs() - pedicle - _CONVERGENCE * behind_wall
    long = (behind_wall > -1.4 * frame.half_depth) & (behind_wall < _ROD_BEHIND_WALL_MM * scale) & present
    rise = at.axial - frame.centre + 0.17 * height
    tissues.paint(long & _rod(rise, sideways, _SCREW_RADIUS_MM), Tissue.METAL)
    rod = _rod(behind_wall - _ROD_BEHIND_WALL_MM * scale, sideways, _ROD_RADIUS_MM)
    tissues.paint(rod & between, Tissue.METAL)


def _rod(across: Tensor, sideways: Tensor, radius: float) -> Tensor:
    """Whether voxels are within a radius of an axis, from their distances across it in two directions, mm."""
    return across * across + sideways * sideways < radius * radius
