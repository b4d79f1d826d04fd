"""Smooth random fields at some pixels of a grid."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from spine_segmentation.synth.fields import Fields
from spine_segmentation.synth.grid import Grid


@dataclass(frozen=True)
class Noise:
    """Where smooth random fields are wanted.

    Attributes:
        grid: The sagittal slices.
        pixel: Positions in the flattened image plane, int64, shape (M,).
    """

    grid: Grid
    pixel: Tensor

    def field(self, seed: int, scale: float) -> Tensor:
        """Evaluate a field that is the same function of space on any grid.

        Args:
            seed: Which field.
            scale: Distance of its knots in all directions, mm.

        Returns:
            About standard normal, float32, shape (N, M).
        """
        field = Fields(seed, self.grid).between_slices(1, (scale, scale, scale))[0]
        return field.flatten(1).index_select(1, self.pixel)
