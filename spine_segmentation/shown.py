"""Which part of a grid an image shows: padding makes images square or equal in size, and nothing was seen there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from spine_segmentation.volume import Volume

_LEAST_CONTRAST = 0.01
"""Share of an image's range of intensities below which a row or column of all slices together counts as blank: the
padding of images that were compressed with loss is not quite constant."""


@dataclass(frozen=True)
class Shown:
    """A window of the canonical rows and columns.

    Attributes:
        first: First row and column in view.
        last: Last row and column in view.
    """

    first: tuple[int, int]
    last: tuple[int, int]

    @classmethod
    def whole(cls, grid: Volume) -> Self:
        """All of a grid.

        Args:
            grid: In any orientation.

        Raises:
            UnsupportedOrientation: If the slices are thick and not sagittal.
        """
        _, rows, columns = grid.canonical()[0].shape
        return cls((0, 0), (rows - 1, columns - 1))

    @classmethod
    def by(cls, image: Volume) -> Self:
        """What is left of an image without its blank margins.

        Args:
            image: In any orientation.

        Raises:
            UnsupportedOrientation: If the slices are thick and not sagittal.
        """
        array = image.canonical()[0].array
        least = _LEAST_CONTRAST * np.ptp(array.astype(np.float64, copy=False))
        rows, columns = (np.flatnonzero(np.ptp(array, axis=axes) > least) for axes in ((0, 2), (0, 1)))
        if not len(rows) or not len(columns):
            return cls.whole(image)
        return cls((int(rows[0]), int(columns[0])), (int(rows[-1]), int(columns[-1])))

    def holds(self, index: npt.ArrayLike) -> bool:
        """Tell whether a place lies inside.

        Args:
            index: Canonical row and column, fractions allowed.
        """
        place = np.asarray(index)
        return bool((place >= self.first).all() and (place <= self.last).all())

    def cuts(self, indices: npt.NDArray[np.integer]) -> bool:
        """Tell whether a structure reaches the edge.

        Args:
            indices: Canonical rows and columns of its voxels, shape (n, 2).
        """
        return bool((indices.min(axis=0) <= self.first).any() or (indices.max(axis=0) >= self.last).any())
