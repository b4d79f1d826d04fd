"""What a result shows where the truth mask says nothing: it is neither right nor wrong."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from spine_segmentation.anatomy import IVD, VERTEBRA, Kind
from spine_segmentation.evaluation.extent import LabelledExtent, labelled_extent
from spine_segmentation.evaluation.truth import UNKNOWN, kind_ids
from spine_segmentation.results import SpineResult
from spine_segmentation.volume import Array, Volume

SEMANTIC_VALUES = {Kind.VERTEBRA: VERTEBRA, Kind.IVD: IVD}
"""Value of the kinds that are scored in semantic maps."""

OWN_SHARE = 0.1
"""An instance belongs to the labelled structures if at least this share of it lies on them: it must not be drawn into
the score by the few voxels with which it touches a labelled neighbour."""


def predicted_labels(result: SpineResult) -> Array:
    """Structure ids of a result, all zero where only the semantic map was asked for.

    Args:
        result: The result.

    Returns:
        uint8, shape of the image.
    """
    return result.labeling.labels.array if result.labeling else np.zeros_like(result.semantic.array)


def unlabelled(result: SpineResult, truth: Volume, kind: Kind) -> npt.NDArray[np.bool_]:
    """Find the predicted voxels of one kind about which the truth says nothing.

    These are the voxels of instances whose centre lies above the first or below the last labelled structure of this
    kind and that do not belong to labelled structures, and voxels of no instance that lie there. Where the truth
    labels a voxel as any structure, it is known. Elsewhere, what is predicted and not labelled is false.

    Args:
        result: The result, on the truth's grid.
        truth: Structure ids.
        kind: Vertebra or intervertebral disc; at least one of this kind must be labelled.

    Returns:
        Shape of the grid.
    """
    present = np.flatnonzero(np.bincount(truth.array.ravel(), minlength=UNKNOWN + 1))
    extent = labelled_extent(truth, [int(k) for k in present if k in kind_ids(kind)])
    labels = predicted_labels(result)
    hidden = np.zeros(256, bool)
    for structure in result.labeling.structures if result.labeling else ():
        if structure.kind is kind:
            hidden[structure.id] = is_unlabelled(np.argwhere(labels == structure.id), truth, extent)
    mask = hidden[labels]
    loose = np.argwhere((labels == 0) & (result.semantic.array == SEMANTIC_VALUES[kind]))
    mask[tuple(loose[extent.beyond(truth.to_patient(loose))].T)] = True
    return np.asarray(mask & (truth.array == 0))


def is_unlabelled(voxels: npt.NDArray[np.intp], truth: Volume, extent: LabelledExtent) -> bool:
    """Tell whether the truth says nothing about an instance.

    Args:
        voxels: Shape (n, 3), indices of its voxels.
        truth: Structure ids.
        extent: Where structures of its kind are labelled.

    Returns:
        Whether its centre lies above the first or below the last labelled structure of its kind and it does not belong
        to a labelled structure.
    """
    if not len(voxels):
        return False
    values = truth.array[tuple(voxels.T)]
    owned = np.mean((values != 0) & (values != UNKNOWN))
    return bool(owned < OWN_SHARE and extent.beyond(truth.to_patient(voxels.mean(axis=0, keepdims=True)))[0])
