"""Distances between the surfaces of two masks, in millimetres."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from spine_segmentation.arrays import Floats, Mask
from spine_segmentation.evaluation.record import Record
from spine_segmentation.volume import Volume


class SurfaceScore(Record):
    """How far two surfaces lie apart."""

    distance_95_mm: float
    """95th percentile of the distances from either surface to the other one, taken together."""
    bias_mm: float
    """Mean signed distance from either surface to the other one, taken together; positive if predicted too large."""


@dataclass(frozen=True)
class SurfaceDistances:
    """Distances of the surfaces of two masks, face by face.

    A surface consists of the voxel faces between a mask and what lies outside it; there is none at the border of the
    image, nor at unknown voxels. The distance of a face is that from its centre to the nearest centre of a face of the
    other surface. It is positive where a predicted face lies outside the wanted mask or a wanted face inside the
    predicted mask, else negative. Faces count by their area, so that thick slices distort neither figure.

    Attributes:
        sides: Shape (2, n, 3), indices of the two voxels beside each face of either surface.
        signed: Shape (n,), mm.
        areas: Shape (n,), mm2.
    """

    sides: npt.NDArray[np.intp]
    signed: Floats
    areas: Floats

    @classmethod
    def of(cls, predicted: Mask, wanted: Mask, unknown: Mask, grid: Volume) -> SurfaceDistances | None:
        """Measure the distances between two surfaces.

        Args:
            predicted: Shape of the grid.
            wanted: Shape of the grid.
            unknown: Shape of the grid; voxels that are not compared.
            grid: Where the voxels lie.

        Returns:
            The distances; None if either mask has no surface.
        """
        ours, theirs = _Surface.of(predicted, unknown, grid), _Surface.of(wanted, unknown, grid)
        if not (len(ours.areas) and len(theirs.areas)):
            return None
        outwards = ours.distances_to(theirs) * np.where(ours.lie_in(wanted), -1, 1)
        inwards = theirs.distances_to(ours) * np.where(theirs.lie_in(predicted), 1, -1)
        sides = np.concatenate([ours.sides, theirs.sides], axis=1)
        return cls(sides, np.concatenate([outwards, inwards]), np.concatenate([ours.areas, theirs.areas]))

    def score(self, part: Mask) -> SurfaceScore | None:
        """Summarise the faces between voxels of a part of the image; the nearest face may lie outside it.

        Args:
            part: Shape of the grid.

        Returns:
            The score; None if there is no face in this part.
        """
        chosen = part[tuple(self.sides[0].T)] & part[tuple(self.sides[1].T)]
        signed, areas = self.signed[chosen], self.areas[chosen]
        if not len(areas):
            return None
        distance = _percentile(np.abs(signed), areas, 0.95)
        return SurfaceScore(distance_95_mm=distance, bias_mm=float(np.average(signed, weights=areas)))


@dataclass(frozen=True)
class _Surface:
    """Voxel faces.

    Attributes:
        sides: Shape (2, n, 3), indices of the voxels on the lower and the upper side of each face.
        centres: Shape (n, 3), patient coordinates, mm.
        areas: Shape (n,), mm2.
    """

    sides: npt.NDArray[np.intp]
    centres: Floats
    areas: Floats

    @classmethod
    def of(cls, mask: Mask, unknown: Mask, grid: Volume) -> _Surface:
        lower = [_crossings(mask, unknown, axis) for axis in range(3)]
        upper = [found + np.eye(3, dtype=np.intp)[axis] for axis, found in enumerate(lower)]
        sides = np.stack([np.concatenate(lower), np.concatenate(upper)])
        areas = np.repeat([_face_area(grid, axis) for axis in range(3)], [len(found) for found in lower])
        return cls(sides, grid.to_patient(sides.mean(axis=0)), areas)

    def distances_to(self, other: _Surface) -> Floats:
        return np.asarray(cKDTree(other.centres).query(self.centres)[0])

    def lie_in(self, mask: Mask) -> Mask:
        """Tell which faces lie inside a mask; of no meaning for those that are faces of that mask, too."""
        return np.asarray(mask[tuple(self.sides[0].T)])


def _crossings(mask: Mask, unknown: Mask, axis: int) -> npt.NDArray[np.intp]:
    """Find the voxels that differ from their upper neighbour along one axis, both being known."""
    inside, known = np.moveaxis(mask, axis, 0), np.moveaxis(~unknown, axis, 0)
    crossing = (inside[:-1] != inside[1:]) & known[:-1] & known[1:]
    return np.argwhere(np.moveaxis(crossing, 0, axis))


def _face_area(grid: Volume, axis: int) -> float:
    first, second = np.delete(grid.affine[:3, :3], axis, axis=1).T
    return float(np.linalg.norm(np.cross(first, second)))


def _percentile(values: Floats, weights: Floats, share: float) -> float:
    """Give the least value such that this share of the weight lies at or below it."""
    order = np.argsort(values)
    cumulated = np.cumsum(weights[order])
    return float(values[order[np.searchsorted(cumulated, share * cumulated[-1])]])
