"""Truth masks as structure ids, with what they do not say marked as unknown."""

from __future__ import annotations

import numpy as np

from spine_segmentation.anatomy import BY_ID, BY_NAME, Kind
from spine_segmentation.errors import InconsistentGeometry, InvalidVolume
from spine_segmentation.evaluation.label_mapping import IGNORE, POSTERIOR_ELEMENTS, LabelMapping
from spine_segmentation.seam import near_seam
from spine_segmentation.volume import Array, Volume

UNKNOWN = 255
"""Value of truth voxels that are not scored."""

MIN_VOXELS = 20
"""Structures with fewer known voxels are not scored; the limit of the reference system's subset accuracy."""

GRID_TOLERANCE_MM = 0.1
"""Corners of two grids may lie this far apart, as headers are rounded to single precision and text."""


def read_truth(mask: Volume, mapping: LabelMapping) -> Volume:
    """Translate the values of a mask to structure ids.

    Args:
        mask: Values of the mapping on any grid.
        mapping: Their meaning.

    Returns:
        uint8 on the mask's grid: structure ids, 0 where there is neither a body nor a disc, or where the mask is not
        labelled, and ``UNKNOWN`` where the mapping says "ignore" and at the cut between bodies and posterior elements.

    Raises:
        InvalidVolume: If a value is not mapped, or no structure is large enough to be scored.
    """
    values, indices = np.unique(mask.array, return_inverse=True)
    meanings = mapping.meanings(int(value) for value in values) | {0: "background"}
    unmapped = [float(value) for value in values if value not in meanings]
    if unmapped:
        raise InvalidVolume(
            f"a mask with the values {unmapped[:10]}",
            expected=f"values of the label mapping: 0 and {sorted(mapping.values)}",
            remedy="add them to the label mapping, as 'ignore' if they are not to be scored",
        )
    present = [meanings[int(value)] for value in values]
    ids = np.array([_truth_value(meaning) for meaning in present], np.uint8)[indices].reshape(mask.shape)
    posterior = np.array([meaning == POSTERIOR_ELEMENTS for meaning in present])[indices].reshape(mask.shape)
    ids[near_seam(np.isin(ids, kind_ids(Kind.VERTEBRA)), posterior, mask.spacing)] = UNKNOWN
    if not scored_ids(ids):
        raise InvalidVolume(
            "a mask without a vertebra or disc",
            expected=f"at least one structure of {MIN_VOXELS} voxels",
            remedy="check the label mapping, or remove the mask",
        )
    return mask.with_array(ids)


def kind_ids(kind: Kind) -> list[int]:
    """List the ids of all structures of one kind.

    Args:
        kind: Vertebra, intervertebral disc or sacrum below S1.

    Returns:
        Structure ids, ascending.
    """
    return [identifier for identifier, structure in BY_ID.items() if structure.kind is kind]


def scored_ids(ids: Array) -> list[int]:
    """List the ids of the vertebrae and discs that are large enough to be scored.

    Args:
        ids: Truth, structure ids, any shape.

    Returns:
        Structure ids with at least ``MIN_VOXELS`` voxels, ascending.
    """
    counts = np.bincount(ids.ravel(), minlength=UNKNOWN + 1)
    candidates = sorted(kind_ids(Kind.VERTEBRA) + kind_ids(Kind.IVD))
    return [identifier for identifier in candidates if counts[identifier] >= MIN_VOXELS]


def require_same_grid(volume: Volume, reference: Volume) -> None:
    """Refuse to compare two volumes whose voxels do not lie at the same places.

    Args:
        volume: One volume.
        reference: The other one.

    Raises:
        InconsistentGeometry: If shape or affine differ.
    """
    if volume.shape == reference.shape:
        corners = np.array(np.meshgrid(*[(0, size - 1) for size in volume.shape])).reshape(3, -1).T
        shift = np.abs(volume.to_patient(corners) - reference.to_patient(corners)).max()
        if shift <= GRID_TOLERANCE_MM:
            return
        found = f"two grids whose corners lie {shift:.2f} mm apart"
    else:
        found = f"two grids of shape {volume.shape} and {reference.shape}"
    raise InconsistentGeometry(
        found,
        expected="image, mask and result on one grid",
        remedy="resample the mask to the image's grid",
    )


def _truth_value(meaning: str) -> int:
    if meaning == IGNORE:
        return UNKNOWN
    return BY_NAME[meaning].id if meaning in BY_NAME else 0
