"""Mean adult sizes, level by level, in millimetres.

Heights and depths of the bodies of T11 to L5 are rounded values of SPIDER's masks, the others continue them upwards
with the increase of body size from C3 to T10 of standard anatomy. A disc is what a body leaves of the spacing measured
on CT; both are in ``shape_statistics.json``. Posterior elements, canal and sacrum are rounded values of the order found
in anatomical textbooks: good for looks, not for measurement.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spine_segmentation.anatomy import VERSE_NUMBERS
from spine_segmentation.arrays import Floats

Levels = npt.NDArray[np.int64]

T13, S1, BELOW_S1 = VERSE_NUMBERS["T13"], VERSE_NUMBERS["S1"], VERSE_NUMBERS["S2 and below"]
C2, C3, C5, C6, C7 = (VERSE_NUMBERS[name] for name in ("C2", "C3", "C5", "C6", "C7"))
T1, T8, T11, T12 = (VERSE_NUMBERS[name] for name in ("T1", "T8", "T11", "T12"))
L1, L4, L5, L6 = (VERSE_NUMBERS[name] for name in ("L1", "L4", "L5", "L6"))


@dataclass(frozen=True)
class LevelSize:
    """Mean size of a vertebral body and of the disc below it, mm.

    Attributes:
        height: Between the endplates, at the rim.
        depth: Anterior to posterior.
        width: Left to right.
        disc: Height of the disc below, at the rim.
    """

    height: float
    depth: float
    width: float
    disc: float


LEVEL_SIZES: dict[str, LevelSize] = {
    "C2": LevelSize(20.0, 15.5, 17.0, 4.8),
    "C3": LevelSize(13.5, 15.6, 18.0, 4.5),
    "C4": LevelSize(13.0, 15.8, 19.0, 4.4),
    "C5": LevelSize(12.6, 16.2, 20.0, 4.1),
    "C6": LevelSize(12.6, 16.7, 21.0, 4.5),
    "C7": LevelSize(14.0, 17.0, 23.0, 4.7),
    "T1": LevelSize(16.0, 17.2, 26.0, 4.2),
    "T2": LevelSize(17.0, 18.0, 26.0, 3.8),
    "T3": LevelSize(17.5, 19.0, 25.0, 3.3),
    "T4": LevelSize(18.0, 20.5, 25.0, 3.4),
    "T5": LevelSize(18.5, 22.0, 26.0, 3.3),
    "T6": LevelSize(19.0, 24.0, 27.0, 3.3),
    "T7": LevelSize(19.5, 25.5, 28.0, 3.6),
    "T8": LevelSize(20.0, 27.0, 29.0, 3.7),
    "T9": LevelSize(20.5, 28.0, 31.0, 4.4),
    "T10": LevelSize(21.5, 29.0, 33.0, 5.3),
    "T11": LevelSize(22.5, 30.0, 36.0, 6.4),
    "T12": LevelSize(24.0, 31.0, 39.0, 7.6),
    "T13": LevelSize(24.5, 31.0, 39.0, 8.0),
    "L1": LevelSize(25.5, 32.0, 41.0, 8.5),
    "L2": LevelSize(26.5, 33.0, 42.0, 9.0),
    "L3": LevelSize(27.0, 34.0, 44.0, 9.5),
    "L4": LevelSize(27.0, 34.5, 47.0, 10.0),
    "L5": LevelSize(25.5, 34.5, 50.0, 8.9),
    "L6": LevelSize(25.5, 34.5, 50.0, 8.9),
}
"""Mean adult sizes of the presacral levels."""

SACRAL_SEGMENTS: tuple[LevelSize, ...] = (
    LevelSize(30.0, 27.0, 60.0, 4.0),
    LevelSize(25.0, 18.0, 50.0, 1.6),
    LevelSize(20.0, 13.0, 40.0, 1.0),
    LevelSize(17.0, 10.0, 30.0, 1.0),
    LevelSize(15.0, 8.0, 24.0, 2.0),
)
"""S1 to S5; the vestigial discs of S1-S2 and S2-S3 vary much."""

COCCYGEAL_SEGMENTS: tuple[LevelSize, ...] = (
    LevelSize(10.0, 7.0, 14.0, 1.5),
    LevelSize(8.0, 6.0, 10.0, 1.5),
    LevelSize(7.0, 5.0, 8.0, 1.5),
)
"""Coccyx, top to bottom."""


def is_cervical(levels: Levels) -> npt.NDArray[np.bool_]:
    """Tell which levels are C1 to C7.

    Args:
        levels: VerSe numbers, shape (n,).

    Returns:
        Shape (n,), bool.
    """
    return levels <= C7


def is_thoracic(levels: Levels) -> npt.NDArray[np.bool_]:
    """Tell which levels are T1 to T13.

    Args:
        levels: VerSe numbers, shape (n,).

    Returns:
        Shape (n,), bool.
    """
    thoracic: npt.NDArray[np.bool_] = ((levels >= T1) & (levels <= T12)) | (levels == T13)
    return thoracic


def is_lumbar(levels: Levels) -> npt.NDArray[np.bool_]:
    """Tell which levels are L1 to L6.

    Args:
        levels: VerSe numbers, shape (n,).

    Returns:
        Shape (n,), bool.
    """
    return (levels >= L1) & (levels <= L6)


def is_presacral(levels: Levels) -> npt.NDArray[np.bool_]:
    """Tell which levels are above S1.

    Args:
        levels: VerSe numbers, shape (n,).

    Returns:
        Shape (n,), bool.
    """
    presacral: npt.NDArray[np.bool_] = (levels != S1) & (levels != BELOW_S1)
    return presacral


def by_region(
    levels: Levels, cervical: npt.ArrayLike, thoracic: npt.ArrayLike, lumbar: npt.ArrayLike, sacral: npt.ArrayLike
) -> Floats:
    """Choose per level the value of its region.

    Args:
        levels: VerSe numbers, shape (n,).
        cervical: Value of C1 to C7: a number or shape (n,); the others alike.
        thoracic: Value of T1 to T13.
        lumbar: Value of L1 to L6.
        sacral: Value of S1 and below.

    Returns:
        Shape (n,), float64.
    """
    chosen = np.where(is_lumbar(levels), lumbar, sacral)
    chosen = np.where(is_thoracic(levels), thoracic, chosen)
    return np.where(is_cervical(levels), cervical, chosen).astype(np.float64)
