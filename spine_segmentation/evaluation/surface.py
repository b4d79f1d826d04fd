"""Distances between the surfaces of two masks, in millimetres."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict
from scipy import ndimage
from scipy.spatial import cKDTree

from spine_segmentation.volume import Volume

Mask = npt.NDArray[np.bool_]
Points = npt.NDArray[np.float64]


class SurfaceScore(BaseModel):
    """How far two surfaces lie apart."""

    model_config = ConfigDict(frozen=True)

    distance_95_mm: float
    """95th percentile of the distances from either surface to the other one, taken together."""
    bias_mm: float
    """Mean signed distance from either surface to the other one, taken together; positive if predicted too large."""


def surface_score(predicted: Mask, wanted: Mask, unknown: Mask, grid: Volume) -> SurfaceScore | None:
    """Compare the surfaces of two masks.

    A surface consists of the centres of the mask's voxels that have one of their six neighbours outside it. Where a
    mask meets unknown voxels or the border of the image there is no surface. Distances are those to the nearest
    surface voxel, by the grid's affine; they are signed by whether a predicted point lies outside the wanted mask
    (positive) or inside it, and whether a wanted point lies inside the predicted mask (positive) or outside it.

    Args:
        predicted: Shape of the grid.
        wanted: Shape of the grid.
        unknown: Shape of the grid; voxels that are not compared.
        grid: Where the voxels lie.

    Returns:
        The distances; None if either mask has no surface.
    """
    predicted_surface, wanted_surface = _surface(predicted, unknown), _surface(wanted, unknown)
    if not (predicted_surface.any() and wanted_surface.any()):
        return None
    predicted_points = grid.to_patient(np.argwhere(predicted_surface))
    wanted_points = grid.to_patient(np.argwhere(wanted_surface))
    outside = np.where(wanted[predicted_surface], -1.0, 1.0) * _distances(predicted_points, wanted_points)
    inside = np.where(predicted[wanted_surface], 1.0, -1.0) * _distances(wanted_points, predicted_points)
    signed = np.concatenate([outside, inside])
    return SurfaceScore(distance_95_mm=float(np.percentile(np.abs(signed), 95)), bias_mm=float(signed.mean()))


def _surface(mask: Mask, unknown: Mask) -> Mask:
    """Voxels of the mask next to a known voxel outside it."""
    inner = ndimage.binary_erosion(mask | unknown, border_value=1)
    return np.asarray(mask & ~unknown & ~inner)


def _distances(points: Points, targets: Points) -> Points:
    return np.asarray(cKDTree(targets).query(points)[0])
