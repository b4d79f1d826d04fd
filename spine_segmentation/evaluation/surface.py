"""Distances between the surfaces of two masks, in millimetres."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict
from scipy.spatial import cKDTree

from spine_segmentation.volume import Volume

Mask = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]


class SurfaceScore(BaseModel):
    """How far two surfaces lie apart."""

    model_config = ConfigDict(frozen=True)

    distance_95_mm: float
    """95th percentile of the distances from either surface to the other one, taken together."""
    bias_mm: float
    """Mean signed distance from either surface to the other one, taken together; positive if predicted too large."""


def surface_score(predicted: Mask, wanted: Mask, unknown: Mask, grid: Volume) -> SurfaceScore | None:
    """Compare the surfaces of two masks.

    A surface consists of the voxel faces between a mask and what lies outside it; there is none at the border of the
    image, nor at unknown voxels. The distance of a face is that from its centre to the nearest centre of a face of the
    other surface. It is positive where a predicted face lies outside the wanted mask or a wanted face inside the
    predicted mask, else negative. Faces count by their area, so that thick slices distort neither figure.

    Args:
        predicted: Shape of the grid.
        wanted: Shape of the grid.
        unknown: Shape of the grid; voxels that are not compared.
        grid: Where the voxels lie.

    Returns:
        The distances; None if either mask has no surface.
    """
    predicted_surface, wanted_surface = _Surface.of(predicted, unknown, grid), _Surface.of(wanted, unknown, grid)
    if not (len(predicted_surface.areas) and len(wanted_surface.areas)):
        return None
    outwards = predicted_surface.distances_to(wanted_surface) * np.where(predicted_surface.lie_in(wanted), -1, 1)
    inwards = wanted_surface.distances_to(predicted_surface) * np.where(wanted_surface.lie_in(predicted), 1, -1)
    signed = np.concatenate([outwards, inwards])
    areas = np.concatenate([predicted_surface.areas, wanted_surface.areas])
    return SurfaceScore(
        distance_95_mm=_percentile(np.abs(signed), areas, 0.95), bias_mm=float(np.average(signed, weights=areas))
    )


@dataclass(frozen=True)
class _Surface:
    """Voxel faces.

    Attributes:
        voxels: Shape (n, 3), indices of the voxel on the lower side of each face.
        centres: Shape (n, 3), patient coordinates, mm.
        areas: Shape (n,), mm2.
    """

    voxels: npt.NDArray[np.intp]
    centres: Floats
    areas: Floats

    @classmethod
    def of(cls, mask: Mask, unknown: Mask, grid: Volume) -> _Surface:
        voxels = [_crossings(mask, unknown, axis) for axis in range(3)]
        centres = [grid.to_patient(found + 0.5 * np.eye(3)[axis]) for axis, found in enumerate(voxels)]
        areas = np.repeat([_face_area(grid, axis) for axis in range(3)], [len(found) for found in voxels])
        return cls(np.concatenate(voxels), np.concatenate(centres), areas)

    def distances_to(self, other: _Surface) -> Floats:
        return np.asarray(cKDTree(other.centres).query(self.centres)[0])

    def lie_in(self, mask: Mask) -> Mask:
        """Tell which faces lie inside a mask; of no meaning for those that are faces of that mask, too."""
        return np.asarray(mask[tuple(self.voxels.T)])


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
