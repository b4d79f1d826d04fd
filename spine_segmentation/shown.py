"""Which part of a grid an image shows: padding, oblique reformats and distortion correction leave blank margins."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from spine_segmentation.volume import Volume

_LEAST_CONTRAST = 0.01
"""Share of an image's range of intensities below which neighbouring pixels of all slices count as blank: the padding of
images that were compressed with loss is not quite constant."""

_RANGE_PERCENTILES = (0.1, 99.9)
"""Percentiles of that range, so that a single bright voxel does not make the rest seem blank."""

_WINDOW = np.ones((3, 3), dtype=bool)
"""A pixel is blank if its neighbours are as it is; what is blank and reaches the edge of the grid is margin."""


@dataclass(frozen=True, eq=False)
class Shown:
    """What is in view, in canonical rows and columns.

    Attributes:
        visible: Shape (rows, columns), bool.
    """

    visible: npt.NDArray[np.bool_]

    @classmethod
    def whole(cls, grid: Volume) -> Self:
        """Take all of a grid.

        Args:
            grid: In any orientation.

        Returns:
            True everywhere.

        Raises:
            UnsupportedOrientation: If the slices are thick and not sagittal.
        """
        _, rows, columns = grid.canonical()[0].shape
        return cls(np.ones((rows, columns), dtype=bool))

    @classmethod
    def by(cls, image: Volume) -> Self:
        """Leave out the margins of an image that are blank in all slices.

        Args:
            image: In any orientation.

        Returns:
            True inside the margins; everywhere if all is blank.

        Raises:
            UnsupportedOrientation: If the slices are thick and not sagittal.
        """
        array = np.pad(image.canonical()[0].array, ((0, 0), (1, 1), (1, 1)), mode="edge")
        low, high = np.percentile(array, _RANGE_PERCENTILES)
        brightest = ndimage.maximum_filter(array.max(axis=0).astype(np.float64), footprint=_WINDOW)
        darkest = ndimage.minimum_filter(array.min(axis=0).astype(np.float64), footprint=_WINDOW)
        parts, _ = ndimage.label(brightest - darkest <= _LEAST_CONTRAST * (high - low))
        outermost = np.unique(np.concatenate([parts[0], parts[-1], parts[:, 0], parts[:, -1]]))
        margin = ndimage.binary_dilation(np.isin(parts, outermost[outermost > 0]), _WINDOW)
        return cls.whole(image) if margin.all() else cls(~margin[1:-1, 1:-1])

    def holds(self, index: npt.ArrayLike) -> bool:
        """Tell whether a place lies inside.

        Args:
            index: Canonical row and column, shape (2,), fractions allowed.

        Returns:
            True if the nearest pixel is in the grid and not in a margin.
        """
        row, column = np.round(np.asarray(index)).astype(int)
        rows, columns = self.visible.shape
        return bool(0 <= row < rows and 0 <= column < columns and self.visible[row, column])

    def cuts(self, indices: npt.NDArray[np.integer]) -> bool:
        """Tell whether a structure reaches the edge.

        Args:
            indices: Canonical rows and columns of its voxels, shape (n, 2).

        Returns:
            True if any voxel touches the edge of what is shown.
        """
        return not self._inner[tuple(indices.T)].all()

    @cached_property
    def _inner(self) -> npt.NDArray[np.bool_]:
        """What is neither hidden nor next to what is."""
        return ndimage.binary_erosion(self.visible, _WINDOW)
