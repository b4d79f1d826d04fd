"""Predicted bodies and discs that lie outside the column altogether."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy import ndimage

from spine_segmentation.anatomy import Kind
from spine_segmentation.arrays import Mask
from spine_segmentation.evaluation.extent import labelled_extent
from spine_segmentation.evaluation.truth import kind_ids
from spine_segmentation.volume import Volume

COLUMN_MARGIN_MM = 5.0
"""What lies further than this from everything labelled is no matter of outlines any more."""


def false_volume(predicted: Mapping[Kind, Mask], truth: Volume) -> float:
    """Measure the volume of what is predicted outside the column.

    A predicted voxel counts if it is further than ``COLUMN_MARGIN_MM`` from every labelled structure and every voxel
    that the truth calls unknown, and lies between the outer faces of the first and the last labelled structure of its
    kind: only there is everything of that kind labelled.

    Args:
        predicted: For each labelled kind, the voxels predicted as such that are scored; shape of the truth.
        truth: Structure ids.

    Returns:
        mm3.
    """
    distance = ndimage.distance_transform_edt(truth.array == 0, sampling=truth.spacing)
    outside = np.asarray(distance > COLUMN_MARGIN_MM)
    return sum(_volume_within(mask & outside, truth, kind) for kind, mask in predicted.items())


def _volume_within(mask: Mask, truth: Volume, kind: Kind) -> float:
    """Measure the part of a mask that lies within the labelled extent of a kind."""
    present = np.intersect1d(truth.array, kind_ids(kind))
    beyond = labelled_extent(truth, [int(value) for value in present]).beyond(truth.to_patient(np.argwhere(mask)))
    return float(np.count_nonzero(~beyond) * truth.voxel_volume)
