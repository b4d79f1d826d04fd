"""Training targets from masks that label only part of what an image shows.

Masks carry VerSe numbers, see ``anatomy``.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Self

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from spine_segmentation.anatomy import (
    LEVELS,
    VERSE_DISC_BASE,
    VERSE_NUMBERS,
    VERSE_POSTERIOR_ELEMENTS,
    VERSE_SPINAL_CANAL,
)
from spine_segmentation.networks import CHANNELS
from spine_segmentation.seam import near_seam
from spine_segmentation.splitting.cutting import Plane, fit_plane
from spine_segmentation.training.next_body import is_in_next_body
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

_USUAL_LEVELS = [level for level in LEVELS if level not in ("T13", "L6")]
_NEIGHBOURS = [*pairwise(_USUAL_LEVELS), ("T13", "L1"), ("L6", "S1"), ("S1", "S2 and below")]
_BELOW = {VERSE_NUMBERS[upper]: VERSE_NUMBERS[lower] for upper, lower in _NEIGHBOURS}
"""Numbers of the bodies above and below each disc."""

_DOWN = np.array([0.0, 0.0, -1.0])


def semantic_target(mask: Volume) -> npt.NDArray[np.uint8]:
    """Channel numbers of the segmentation network, ``IGNORE`` where the class is unknown.

    Args:
        mask: VerSe numbers on any grid.

    Returns:
        Shape of the mask. What lies beyond the first and last labelled structure and is not labelled itself is
        unknown, and so is the seam between bodies and posterior elements. Next to a disc there is a body, though. Where
        the last one is a disc, it is the lowest of the spine, and there is no disc below it. Up and down of a single
        structure are those of the patient.
    """
    target = tissue_classes(mask)
    bodies, posterior = _bodies(mask.array), mask.array == VERSE_POSTERIOR_ELEMENTS
    unlabelled, points = _where(mask, target == 0)
    for end, unknown in zip(_ends(mask), (IGNORE, NO_DISC), strict=False):
        target.flat[unlabelled[end.beyond(points)]] = unknown if end.is_disc else IGNORE
        target.flat[unlabelled[end.in_next_body(points)]] = _body_class(end.next_body)
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
        Shape of the mask; ``IGNORE`` outside bodies and discs. The body beyond an outermost disc is known, too.
    """
    target = np.full(mask.shape, IGNORE, np.uint8)
    bodies, discs = _bodies(mask.array), _discs(mask.array)
    target[bodies] = mask.array[bodies]
    target[discs] = mask.array[discs] - VERSE_DISC_BASE
    unlabelled, points = _where(mask, mask.array == 0)
    for end in _ends(mask):
        target.flat[unlabelled[end.in_next_body(points)]] = end.next_body
    return target


def _body_class(number: int) -> int:
    return CHANNELS.index("sacrum below S1" if number == VERSE_NUMBERS["S2 and below"] else "vertebra")


def _where(mask: Volume, chosen: npt.NDArray[np.bool_]) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.float64]]:
    """Flat indices of the voxels chosen, and where they lie, LPS, mm."""
    indices = np.flatnonzero(chosen)
    return indices, mask.to_patient(np.column_stack(np.unravel_index(indices, mask.shape)))


def _bodies(values: Array) -> npt.NDArray[np.bool_]:
    return np.isin(values, _LEVELS)


def _discs(values: Array) -> npt.NDArray[np.bool_]:
    return np.isin(values, [VERSE_DISC_BASE + number for number in _LEVELS])


def _ends(mask: Volume) -> list[_End]:
    """The first and the last labelled structure; none where there is none."""
    present = [int(value) for value in np.unique(mask.array[_bodies(mask.array) | _discs(mask.array)])]
    if not present:
        return []
    centres = mask.to_patient(ndimage.center_of_mass(np.ones(mask.shape), mask.array, present))
    order = np.argsort(-centres[:, 2])
    centres, values = centres[order], [present[k] for k in order]
    first, last = (centres[0] - centres[1], centres[-1] - centres[-2]) if len(values) > 1 else (-_DOWN, _DOWN)
    above, below = max(values[0] - VERSE_DISC_BASE, 0), _BELOW.get(values[-1] - VERSE_DISC_BASE, 0)
    return [_End.of(mask, values[0], first, above), _End.of(mask, values[-1], last, below)]


@dataclass(frozen=True)
class _End:
    """The first or the last labelled structure.

    Attributes:
        is_disc: A disc, or else a body.
        points: Shape (n, 3), its voxels, LPS, mm.
        plane: Through the disc, which may be steep, or the centre of the body; its normal points outwards.
        next_body: Number of the body beyond the disc; 0 if the end is a body.
    """

    is_disc: bool
    points: npt.NDArray[np.float64]
    plane: Plane
    next_body: int

    @classmethod
    def of(cls, mask: Volume, value: int, outwards: npt.NDArray[np.float64], next_body: int) -> Self:
        points = mask.to_patient(np.argwhere(mask.array == value))
        direction = outwards / np.linalg.norm(outwards)
        is_disc = value > VERSE_DISC_BASE
        plane = fit_plane(points, direction) if is_disc else Plane(points.mean(axis=0), direction)
        return cls(is_disc, points, plane, next_body)

    def beyond(self, points: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
        """Which points, shape (n, 3), lie beyond it."""
        margin = DISC_MARGIN_MM if self.is_disc else 0.0
        return np.asarray((points - self.plane.point) @ self.plane.normal > -margin)

    def in_next_body(self, points: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
        """Which points, shape (n, 3), lie in the next body for sure."""
        return is_in_next_body(points, self.points, self.plane) if self.is_disc else np.zeros(len(points), bool)
