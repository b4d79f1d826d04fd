"""Training targets from masks that label only part of what an image shows.

Masks carry VerSe numbers, see ``anatomy``.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from spine_segmentation.anatomy import VERSE_DISC_BASE, VERSE_NUMBERS, VERSE_POSTERIOR_ELEMENTS, VERSE_SPINAL_CANAL
from spine_segmentation.networks import CHANNELS
from spine_segmentation.seam import near_seam
from spine_segmentation.splitting.cutting import Plane, fit_plane
from spine_segmentation.training.samples import IGNORE, NO_DISC
from spine_segmentation.volume import Array, Volume

_LEVELS = sorted(VERSE_NUMBERS.values())

MASK_VALUES = (
    0,
    *_LEVELS,
    *(VERSE_DISC_BASE + number for number in _LEVELS),
    VERSE_POSTERIOR_ELEMENTS,
    VERSE_SPINAL_CANAL,
)
"""All that a mask may hold."""

DISC_MARGIN_MM = 2.0
"""What lies beyond a disc begins so far before the plane through its middle: the next body's rim may rise beside it."""

_DOWN = np.array([0.0, 0.0, -1.0])


def semantic_target(mask: Volume) -> npt.NDArray[np.uint8]:
    """Channel numbers of the segmentation network, ``IGNORE`` where the class is unknown.

    Args:
        mask: VerSe numbers on any grid.

    Returns:
        Shape of the mask. What lies beyond the first and last labelled structure and is not labelled itself is
        unknown, and so is the seam between bodies and posterior elements. Where the last one is a disc, it is the
        lowest of the spine, and there is no disc below it. Up and down of a single structure are those of the patient.
    """
    target = tissue_classes(mask)
    bodies, posterior = _bodies(mask.array), mask.array == VERSE_POSTERIOR_ELEMENTS
    above, below, lowest = _beyond_ends(mask)
    target[(target == 0) & above] = IGNORE
    target[(target == 0) & below] = NO_DISC if lowest > VERSE_DISC_BASE else IGNORE
    target[near_seam(bodies, posterior, mask.spacing)] = IGNORE
    return target


def tissue_classes(mask: Volume) -> npt.NDArray[np.uint8]:
    """Translate a mask to the segmentation network's channel numbers as labelled.

    Args:
        mask: VerSe numbers on any grid.

    Returns:
        Shape of the mask, uint8; 0 where nothing is labelled.
    """
    classes = np.zeros(mask.shape, np.uint8)
    classes[_bodies(mask.array)] = CHANNELS.index("vertebra")
    classes[mask.array == VERSE_NUMBERS["S2 and below"]] = CHANNELS.index("sacrum below S1")
    classes[_discs(mask.array)] = CHANNELS.index("ivd")
    classes[mask.array == VERSE_POSTERIOR_ELEMENTS] = CHANNELS.index("posterior elements")
    classes[mask.array == VERSE_SPINAL_CANAL] = CHANNELS.index("spinal canal")
    return classes


def level_target(mask: Volume) -> npt.NDArray[np.uint8]:
    """Channel numbers of the labeling network: VerSe numbers of bodies and of each disc's upper vertebra.

    Args:
        mask: VerSe numbers on any grid.

    Returns:
        Shape of the mask; ``IGNORE`` outside bodies and discs.
    """
    target = np.full(mask.shape, IGNORE, np.uint8)
    bodies, discs = _bodies(mask.array), _discs(mask.array)
    target[bodies] = mask.array[bodies]
    target[discs] = mask.array[discs] - VERSE_DISC_BASE
    return target


def _bodies(values: Array) -> npt.NDArray[np.bool_]:
    return np.isin(values, _LEVELS)


def _discs(values: Array) -> npt.NDArray[np.bool_]:
    return np.isin(values, [VERSE_DISC_BASE + number for number in _LEVELS])


def _beyond_ends(mask: Volume) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_], int]:
    """Voxels beyond the first labelled structure, beyond the last, and the last one's value."""
    present = [int(value) for value in np.unique(mask.array[_bodies(mask.array) | _discs(mask.array)])]
    if not present:
        return np.zeros(mask.shape, bool), np.zeros(mask.shape, bool), 0
    centres = mask.to_patient(ndimage.center_of_mass(np.ones(mask.shape), mask.array, present))
    order = np.argsort(-centres[:, 2])
    centres, values = centres[order], [present[k] for k in order]
    first, last = (centres[0] - centres[1], centres[-1] - centres[-2]) if len(values) > 1 else (-_DOWN, _DOWN)
    return _beyond(mask, values[0], first), _beyond(mask, values[-1], last), values[-1]


def _beyond(mask: Volume, value: int, direction: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """Voxels beyond the centre of a body, or beyond the plane of a disc, which may be steep, and next to that."""
    points = mask.to_patient(np.argwhere(mask.array == value))
    direction = direction / np.linalg.norm(direction)
    is_disc = value > VERSE_DISC_BASE
    plane = fit_plane(points, direction) if is_disc else Plane(points.mean(axis=0), direction)
    offset = -plane.point @ plane.normal + (DISC_MARGIN_MM if is_disc else 0.0)
    indices = np.moveaxis(np.indices(mask.shape), 0, -1)
    return np.asarray(mask.to_patient(indices) @ plane.normal + offset > 0)
