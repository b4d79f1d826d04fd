"""How far along the column a truth mask is labelled: beyond its ends nothing is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from spine_segmentation.volume import Volume

Points = npt.NDArray[np.float64]

END_PERCENTILE = 90.0
"""An end structure ends where this share of its voxels lies on the inner side, so that a spur does not move it."""


@dataclass(frozen=True)
class _End:
    """The plane across the column at the end of the first or last labelled structure."""

    outward: Points
    offset: float

    def beyond(self, points: Points) -> npt.NDArray[np.bool_]:
        return np.asarray(points @ self.outward > self.offset)


@dataclass(frozen=True)
class LabelledExtent:
    """The stretch of the column between the outer faces of the first and the last labelled structure."""

    ends: tuple[_End, _End]

    def beyond(self, points: npt.ArrayLike) -> npt.NDArray[np.bool_]:
        """Tell which points lie above the first or below the last labelled structure.

        Args:
            points: Shape (n, 3), patient coordinates (LPS), mm.

        Returns:
            Shape (n,).
        """
        coordinates = np.asarray(points, dtype=np.float64)
        return self.ends[0].beyond(coordinates) | self.ends[1].beyond(coordinates)


def labelled_extent(truth: Volume, ids: Sequence[int]) -> LabelledExtent:
    """Find the stretch of the column in which structures of one kind are labelled.

    The column's direction at an end is that from the second to the end structure's centre; vertical where only one
    structure is labelled.

    Args:
        truth: Structure ids on any grid.
        ids: Those of one kind that occur in it, at least one.

    Returns:
        The stretch.
    """
    centres = truth.to_patient(ndimage.center_of_mass(np.ones(truth.shape, bool), truth.array, list(ids)))
    order = np.argsort(-centres[:, 2])
    top, bottom = order[:2], order[::-1][:2]
    up = _direction(centres[top], np.array([0.0, 0.0, 1.0]))
    down = _direction(centres[bottom], np.array([0.0, 0.0, -1.0]))
    return LabelledExtent((_end(truth, ids[top[0]], up), _end(truth, ids[bottom[0]], down)))


def _direction(centres: Points, fallback: Points) -> Points:
    """Give the unit vector from the second centre to the first."""
    if len(centres) < 2:
        return fallback
    delta: Points = centres[0] - centres[1]
    return delta / np.linalg.norm(delta)


def _end(truth: Volume, identifier: int, outward: Points) -> _End:
    points = truth.to_patient(np.argwhere(truth.array == identifier))
    return _End(outward, float(np.percentile(points @ outward, END_PERCENTILE)))
