"""The instances that a perfect segmentation and splitting would give."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from spine_segmentation.anatomy import BY_ID, Kind, Structure
from spine_segmentation.evaluation.truth import scored_ids
from spine_segmentation.evaluation.windows import is_whole
from spine_segmentation.results import Instance, Instances
from spine_segmentation.volume import Volume


def true_instances(truth: Volume) -> Instances:
    """Take every labelled vertebra and disc as an instance, those that the field of view cuts included.

    Args:
        truth: Structure ids in canonical orientation.

    Returns:
        The instances, top to bottom; cut ones are not fully visible.
    """
    structures = labelled_structures(truth)
    ids = [structure.id for structure in structures]
    table = np.zeros(256, np.uint16)
    table[ids] = np.arange(1, len(ids) + 1)
    centres = ndimage.center_of_mass(np.ones(truth.shape, bool), truth.array, ids)
    centroids = truth.to_patient(np.reshape(centres, (-1, 3)))
    steps = np.linalg.norm(np.diff(centroids, axis=0, prepend=centroids[:1]), axis=1)
    places, counts = ndimage.find_objects(truth.array), np.bincount(truth.array.ravel(), minlength=256)
    items = tuple(
        Instance(
            label=label,
            kind=structure.kind,
            position=float(position),
            centroid=(float(centroid[0]), float(centroid[1]), float(centroid[2])),
            volume=float(counts[structure.id] * truth.voxel_volume),
            fully_visible=is_whole(places[structure.id - 1], truth.shape),
        )
        for label, (structure, centroid, position) in enumerate(
            zip(structures, centroids, np.cumsum(steps), strict=True), start=1
        )
    )
    return Instances(truth.with_array(table[truth.array]), items)


def labelled_structures(truth: Volume) -> list[Structure]:
    """List the labelled vertebrae and discs that are large enough to be scored.

    Args:
        truth: Structure ids.

    Returns:
        Top to bottom.
    """
    return sorted((BY_ID[identifier] for identifier in scored_ids(truth.array)), key=_place)


def _place(structure: Structure) -> tuple[int, bool]:
    """Order in the column: a disc comes after the vertebra above it."""
    return structure.level, structure.kind is Kind.IVD
