"""How well a predicted mask fits a labelled one: overlap and distance of the surfaces."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from spine_segmentation.arrays import Mask
from spine_segmentation.evaluation.record import Record
from spine_segmentation.evaluation.surface import SurfaceDistances, SurfaceScore
from spine_segmentation.volume import Volume


class Agreement(Record):
    """Overlap and distance of two masks."""

    dice: float
    """Twice the common voxels over the voxels of both."""
    surface: SurfaceScore | None
    """Distance of the surfaces; None if either mask has none."""


@dataclass(frozen=True)
class MaskComparison:
    """A predicted mask beside a labelled one.

    Attributes:
        predicted: Shape of the grid.
        wanted: Shape of the grid.
        known: Shape of the grid; only these voxels are compared.
        surfaces: Distances of the surfaces; None if either mask has none.
    """

    predicted: Mask
    wanted: Mask
    known: Mask
    surfaces: SurfaceDistances | None

    @classmethod
    def of(cls, predicted: Mask, wanted: Mask, known: Mask, grid: Volume) -> Self:
        """Measure the distances of two masks.

        Args:
            predicted: Shape of the grid.
            wanted: Shape of the grid.
            known: Shape of the grid.
            grid: Where the voxels lie.

        Returns:
            The masks with the distances of their surfaces, measured where ``known`` is true.
        """
        return cls(predicted, wanted, known, SurfaceDistances.of(predicted, wanted, ~known, grid))

    def within(self, part: Mask) -> Agreement | None:
        """Score a part of the image.

        Args:
            part: Shape of the grid.

        Returns:
            The agreement there; None if nothing is labelled there.
        """
        known = self.known & part
        wanted, predicted = (int(np.count_nonzero(mask & known)) for mask in (self.wanted, self.predicted))
        if not wanted:
            return None
        overlap = int(np.count_nonzero(self.predicted & self.wanted & known))
        surface = self.surfaces.score(part) if self.surfaces else None
        return Agreement(dice=2 * overlap / (wanted + predicted), surface=surface)
