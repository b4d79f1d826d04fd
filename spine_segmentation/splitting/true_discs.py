"""Which of the discs found are true: those that reach across the column, and those that are due where they lie."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from spine_segmentation.arrays import Floats

MAX_BONE_SHARE = 0.4
"""A disc whose plane runs through bone for more than this share is doubtful: the joint of C1 and C2 beside the dens, a
spot inside a body, or a disc of which only a part was found. It is 0.12 at most for the 239 discs of SPIDER's masks."""

DUE_RATIO = 1.5
"""Two discs further apart than this times the distances next to theirs have a disc between them."""

CLEAR_BONE_SHARE = 0.15
SMALL_VOLUME_SHARE = 0.6
FAR_RATIO = 2.0
NARROW_SHARE = 0.5
"""Signs that the topmost disc is none, but a joint of the dens or the atlas or a spot in the base of the skull: more
bone in its plane than in that of any true disc, less volume than this share of the next one's, further from it than
this times the distance of the next two, since C2 with its dens is as high as two vertebrae, less wide than this share
of it. One sign alone is met in true discs too: a narrowed disc is small, one is far where the next one was missed, and
the field of view may leave a corner of one."""


def are_true(positions: Floats, bone_shares: Floats, volumes: Floats, widths: Floats) -> npt.NDArray[np.bool_]:
    """Tell true discs from false ones.

    Args:
        positions: Shape (n,), along the column, mm, ascending.
        bone_shares: Shape (n,), see :func:`~spine_segmentation.splitting.cutting.bone_share`.
        volumes: Shape (n,), in any unit; NaN where the field of view cuts a disc.
        widths: Shape (n,), from right to left, in any unit.

    Returns:
        Shape (n,). A doubtful disc is true where a disc is due; above the first and below the last sure one none is.
    """
    sure = bone_shares <= MAX_BONE_SHARE
    while _top_is_none(positions[sure], bone_shares[sure], volumes[sure], widths[sure]):
        sure[np.argmax(sure)] = False
    gaps = np.diff(positions[sure])
    beside = np.stack([np.append(np.nan, gaps[:-1]), np.append(gaps[1:], np.nan)]) if len(gaps) else np.empty((2, 0))
    known = np.isfinite(beside)
    usual = np.where(known, beside, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    due = known.any(axis=0) & (gaps > DUE_RATIO * usual)
    gap = np.searchsorted(positions[sure], positions) - 1
    between = (gap >= 0) & (gap < len(gaps))
    return np.asarray(sure | (between & np.append(due, False)[np.where(between, gap, -1)]))


def _top_is_none(positions: Floats, bone_shares: Floats, volumes: Floats, widths: Floats) -> bool:
    """Whether two signs say so; without three discs there is nothing to compare with."""
    if len(positions) < 3:
        return False
    first, second = np.diff(positions[:3])
    signs = (
        bone_shares[0] > CLEAR_BONE_SHARE,
        volumes[0] < SMALL_VOLUME_SHARE * volumes[1],
        first > FAR_RATIO * second,
        widths[0] < NARROW_SHARE * widths[1],
    )
    return sum(map(bool, signs)) >= 2
