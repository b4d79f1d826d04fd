"""What belongs to the topmost body: not the arch of C1, nor the base of the skull, nor the lateral masses."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from spine_segmentation.splitting.bodies import EXTENT_PERCENTILES, Piece
from spine_segmentation.splitting.column import Column, Points

LOOSE_AREA_SHARE, LOOSE_VOLUME_SHARE = 0.4, 0.3
"""Above the first disc, a piece on top of a body, without a disc between, is the arch of C1 or the base of the skull if
its cross-section is below that share of the next body's below the disc (what the field of view cuts is as wide as any),
or its volume below that of the body it lies on."""

BESIDE_MM = 3.0
"""C2 is no wider to either side than the bodies below it and this: its body and dens do not exceed C3."""

NEXT_BODIES = 3
"""The widest of so many bodies below is the measure, since one may be found in part or be a hemivertebra."""

CERVICAL_DEPTH_MM = 22.0
"""C3 to C5 are shallower (16 mm in the generator's table of measured bodies, at most 18 mm in 91 of 92 synthetic whole
spines), T5 and all below are deeper: a spine of deeper bodies does not start with C2. Depth tells it rather than width,
since it does not shrink where few slices show a body."""


def without_loose_pieces(bodies: Sequence[Piece]) -> list[Piece]:
    """Leave out what lies loose on top of the body above the first disc.

    Args:
        bodies: Top to bottom.

    Returns:
        Those that are bodies; all where there is none below the first disc to measure by.
    """
    above = sum(body.topmost for body in bodies)
    if above in (0, len(bodies)):
        return list(bodies)
    area, volume = LOOSE_AREA_SHARE * bodies[above].area, LOOSE_VOLUME_SHARE * len(bodies[above - 1].members)
    whole = [body for body in bodies[: above - 1] if body.area >= area and len(body.members) >= volume]
    return whole + list(bodies[above - 1 :])


def without_lateral_masses(bodies: Sequence[Piece], points: Points, column: Column) -> list[Piece]:
    """Take off the topmost body, where it can be C2, what lies beside the width of the next ones.

    The lateral masses of C1 and C2 are meant. Wherever a body cannot be C2, its width is left as it is.

    Args:
        bodies: Top to bottom.
        points: Shape (n, 3), voxel centres of all bodies, patient coordinates, mm.
        column: The course of the spine.

    Returns:
        The bodies.
    """
    if len(bodies) < 2:
        return list(bodies)
    top, *below = (column.coordinates(points[body.members])[:, 1] for body in bodies[: 1 + NEXT_BODIES])
    low, high = max((_extent(lateral) for lateral in below), key=lambda extent: extent[1] - extent[0])
    within = (top >= low - BESIDE_MM) & (top <= high + BESIDE_MM)
    cervical = max(body.depth for body in bodies[1 : 1 + NEXT_BODIES]) < CERVICAL_DEPTH_MM
    if not cervical or not within.any():
        return list(bodies)
    return [bodies[0].part(within), *bodies[1:]]


def _extent(lateral: npt.NDArray[np.float64]) -> tuple[float, float]:
    low, high = np.percentile(lateral, EXTENT_PERCENTILES)
    return float(low), float(high)
