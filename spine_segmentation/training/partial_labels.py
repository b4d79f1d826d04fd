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

_DOWN = np.array([0.0, 0.0, -1.0])


def semantic_target(mask: Volume) -> npt.NDArray[np.uint8]:
    """Channel numbers of the segmentation network, ``IGNORE`` where the class is unknown.

    Args:
        mask: VerSe numbers on any grid.

    Returns:
        Shape of the mask. What lies beyond the first and last labelled structure and is not labelled itself is
        unknown, and so is the seam between bodies and posterior elements. Where the last one is a disc, it is the
        lowest of the spine, and there is no disc below it.
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
    """Voxels above the centre of the first labelled structure, below that of the last, and the last one's value.

    Of a single structure, up and down are those of the patient.
    """
    values = np.where(_bodies(mask.array) | _discs(mask.array), mask.array, 0)
    present = [int(value) for value in np.unique(values) if value]
    if not present:
        return np.zeros(mask.shape, bool), np.zeros(mask.shape, bool), 0
    centres = mask.to_patient(ndimage.center_of_mass(np.ones_like(values), values, present))
    order = np.argsort(-centres[:, 2])
    centres = centres[order]
    height = mask.to_patient(np.moveaxis(np.indices(mask.shape), 0, -1))
    first, last = (centres[0] - centres[1], centres[-1] - centres[-2]) if len(present) > 1 else (-_DOWN, _DOWN)
    return (height - centres[0]) @ first > 0, (height - centres[-1]) @ last > 0, present[order[-1]]
