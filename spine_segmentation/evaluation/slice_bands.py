"""Which part of each sagittal slice is near the column's midline, and which part is lateral."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from spine_segmentation.volume import Array, Volume

MID_SAGITTAL_MM = 8.0
"""Voxels up to this distance from the midline are mid-sagittal."""

LATERAL_MM = 15.0
"""Voxels beyond this distance from the midline are lateral; a lumbar body ends 20 to 27 mm from it."""


def distance_from_midline(truth: Volume, ids: Sequence[int]) -> Array:
    """Measure how far each voxel lies to the side of the column's own midline.

    The midline runs from centre to centre of the labelled structures, as a person with scoliosis has it, and straight
    on toward superior and inferior of the first and the last one. Distances are measured across the slices.

    Args:
        truth: Structure ids, in any orientation.
        ids: Those of the structures that mark the midline; at least one, and all occur.

    Returns:
        Distances in mm, shape of the truth, float64.
    """
    reorientation = truth.reorientation()
    canonical = truth.reorient(reorientation)
    centres = np.array(ndimage.center_of_mass(np.ones(canonical.shape, bool), canonical.array, list(ids)))
    down = centres[np.argsort(centres[:, 1])]
    midline = np.interp(np.arange(canonical.shape[1]), down[:, 1], down[:, 0])
    aside = np.abs(np.arange(canonical.shape[0])[:, None] - midline) * canonical.spacing[0]
    return reorientation.undo(_repeat(aside, canonical.shape[2]))


def _repeat(slices_and_rows: npt.NDArray[np.float64], columns: int) -> Array:
    return np.broadcast_to(slices_and_rows[:, :, None], (*slices_and_rows.shape, columns))
