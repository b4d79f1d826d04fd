"""The networks' grid: canonical orientation, one in-plane pixel size, padded to the stride, and the way back."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from spine_segmentation.errors import InvalidVolume
from spine_segmentation.networks import STRIDE
from spine_segmentation.volume import Array, Reorientation, Volume

CHUNK = 8
"""Slices that are brought back from the networks' grid together, so that memory stays bounded."""

NEIGHBOUR_MM = 3.5
"""Distance of the neighbouring slices that a 2.5D network sees."""


@dataclass(frozen=True)
class NetworkGrid:
    """How a volume was brought to the networks' grid.

    Attributes:
        source: The volume as it came in (its geometry is what results return to).
        reorientation: From the source's axes to the canonical ones.
        canonical_size: (rows, columns) in canonical orientation, at the source's pixel size.
        size: (rows, columns) of the contents after resampling.
        padding: (top, bottom, left, right) zeros around the contents.
        neighbour: Distance to the neighbouring channel's slice, in slices.
    """

    source: Volume
    reorientation: Reorientation
    canonical_size: tuple[int, int]
    size: tuple[int, int]
    padding: tuple[int, int, int, int]
    neighbour: int

    @property
    def padded_size(self) -> tuple[int, int]:
        """(rows, columns) of what the networks are given."""
        top, bottom, left, right = self.padding
        return top + self.size[0] + bottom, left + self.size[1] + right

    def crop(self, maps: Tensor) -> Tensor:
        """Remove the padding.

        Args:
            maps: Shape (..., padded rows, padded columns).

        Returns:
            Shape (..., rows, columns), a view of the maps.
        """
        top, _, left, _ = self.padding
        rows, columns = self.size
        return maps[..., top : top + rows, left : left + columns]

    def restore(self, classes: Array) -> Volume:
        """Bring an array in canonical orientation back to the source's grid.

        Args:
            classes: Shape (slices, *canonical_size), any dtype.

        Returns:
            A volume of the source's axis order and affine, and of the array's dtype.

        Raises:
            InvalidVolume: If the shape is not that of the source.
        """
        return self.source.with_array(np.ascontiguousarray(self.reorientation.undo(classes)))


def to_network_grid(volume: Volume, pixel_size: float) -> tuple[Tensor, NetworkGrid]:
    """Bring a volume to the canonical orientation and the networks' in-plane pixel size; slices stay as they are.

    Args:
        volume: Any orientation.
        pixel_size: In-plane, mm. The pixels differ from it by less than half a pixel over the whole image.

    Returns:
        Non-negative float32 intensities of shape (slices, rows, columns), rows and columns padded with zeros to
        multiples of the stride, and the way back.

    Raises:
        UnsupportedOrientation: If the slices are thick and not sagittal.
        InvalidVolume: If an intensity is not finite, or the image is constant.
    """
    canonical, reorientation = volume.canonical()
    image = non_negative(canonical.array)
    slice_spacing, row_spacing, column_spacing = canonical.spacing
    _, rows, columns = canonical.shape
    size = (max(1, round(rows * row_spacing / pixel_size)), max(1, round(columns * column_spacing / pixel_size)))
    image = F.interpolate(image[:, None], size, mode="bilinear", antialias=True)[:, 0]
    padding = (*_pad(size[0]), *_pad(size[1]))
    top, bottom, left, right = padding
    neighbour = max(1, round(NEIGHBOUR_MM / slice_spacing))
    grid = NetworkGrid(volume, reorientation, (rows, columns), size, padding, neighbour)
    return F.pad(image, (left, right, top, bottom)), grid


def neighbour_indices(shown: Sequence[bool], neighbour: int) -> list[tuple[int, int, int]]:
    """Find the slices of the three channels of every slice; where a neighbour is missing, it is the slice itself.

    Args:
        shown: Whether each slice shows anything; a blank one, as padding leaves it, counts as missing.
        neighbour: Distance of the neighbours, in slices.

    Returns:
        For every slice the indices of the slice before, its own, and the slice after.
    """

    def present(index: int, slice_index: int) -> int:
        return index if 0 <= index < len(shown) and shown[index] else slice_index

    return [(present(k - neighbour, k), k, present(k + neighbour, k)) for k in range(len(shown))]


def stack_neighbours(image: Tensor, neighbour: int) -> Tensor:
    """Stack every slice with its two neighbours as channels.

    Args:
        image: Shape (slices, H, W), intensities of at least 0, with zeros as padding.
        neighbour: Distance of the neighbours, in slices.

    Returns:
        Shape (slices, 3, H, W), the image's dtype; channel 1 is the slice itself.
    """
    lowest = torch.where(image > 0, image, torch.inf).amin((1, 2))  # around it lies padding, which is 0
    shown = image.amax((1, 2)) > lowest
    return image[torch.tensor(neighbour_indices(shown.tolist(), neighbour))]


def non_negative(array: Array) -> Tensor:
    """Bring intensities to where a network expects them: none is below zero, and zero stays zero.

    Args:
        array: Any real dtype, of any shape.

    Returns:
        float32, of the same shape; the lowest is subtracted if it is negative.

    Raises:
        InvalidVolume: If an intensity is not finite, or all are the same.
    """
    values = np.array(array, dtype=np.float32, order="C")  # a copy: torch refuses the strides of flipped axes
    low, high = float(values.min()), float(values.max())
    if not (math.isfinite(low) and math.isfinite(high)) or low == high:
        raise InvalidVolume(
            f"intensities from {low} to {high}",
            expected="finite intensities that are not all the same",
            remedy="check the file; replace NaN and infinite voxels",
        )
    return torch.from_numpy(values - low if low < 0 else values)


def _pad(length: int) -> tuple[int, int]:
    missing = -length % STRIDE
    return missing // 2, missing - missing // 2
