"""Volume: an array that always travels with its affine."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from spine_segmentation.errors import InvalidVolume, UnsupportedOrientation, UsageError

Array = npt.NDArray[Any]

THICK_SLICE_MM = 2.0
"""Slices that are not sagittal are accepted up to this thickness; thicker stacks are refused, not reformatted."""

CANONICAL_AXES = "LIP"
"""Directions in which the slice, row and column index grow in the canonical orientation."""

_DIRECTIONS = {"L": (0, 1), "R": (0, -1), "P": (1, 1), "A": (1, -1), "S": (2, 1), "I": (2, -1)}


@dataclass(frozen=True)
class Reorientation:
    """A permutation and flips of the three axes, with the way back.

    Attributes:
        order: ``order[k]`` is the source axis that becomes axis k.
        flips: Whether axis k of the result runs against its source axis.
    """

    order: tuple[int, int, int]
    flips: tuple[bool, bool, bool]

    def apply(self, array: Array) -> Array:
        """Reorient an array.

        Args:
            array: Three axes in the order of the source, any dtype.

        Returns:
            A view with permuted and flipped axes.
        """
        return np.transpose(array, self.order)[self._slices()]

    def undo(self, array: Array) -> Array:
        """Bring a reoriented array back to the source's axis order.

        Args:
            array: Three axes in the order that :meth:`apply` gives, any dtype.

        Returns:
            A view in the axis order of the source.
        """
        return np.transpose(array[self._slices()], np.argsort(self.order))

    def matrix(self, shape: tuple[int, ...]) -> npt.NDArray[np.float64]:
        """Compute the matrix that maps reoriented indices to source indices.

        Args:
            shape: Shape of the source array.

        Returns:
            4x4, float64, for indices (slice, row, column, 1).
        """
        matrix = np.zeros((4, 4))
        matrix[3, 3] = 1.0
        for target, (source, flipped) in enumerate(zip(self.order, self.flips, strict=True)):
            matrix[source, target] = -1.0 if flipped else 1.0
            matrix[source, 3] = shape[source] - 1 if flipped else 0.0
        return matrix

    def _slices(self) -> tuple[slice, ...]:
        return tuple(slice(None, None, -1) if flipped else slice(None) for flipped in self.flips)


@dataclass(frozen=True)
class Volume:
    """A three-dimensional image in patient space.

    Attributes:
        array: Shape (slices, rows, columns), any numeric dtype.
        affine: 4x4, float64; maps (slice, row, column, 1) to patient coordinates in millimetres, LPS
            (x grows to the patient's left, y to posterior, z to superior).

    Raises:
        InvalidVolume: If the array is not three-dimensional, is empty, or the affine is not an invertible 4x4 matrix.
    """

    array: Array
    affine: npt.NDArray[np.float64]

    def __post_init__(self) -> None:
        if self.array.ndim != 3 or 0 in self.array.shape:
            raise InvalidVolume(
                f"an array of shape {self.array.shape}",
                expected="a non-empty array of shape (slices, rows, columns)",
                remedy="pass one three-dimensional image; split time points or channels first",
            )
        affine = np.asarray(self.affine, dtype=np.float64)
        if affine.shape != (4, 4) or not np.isfinite(affine).all() or abs(np.linalg.det(affine[:3, :3])) < 1e-9:
            raise InvalidVolume(
                f"an affine of shape {affine.shape} that is not finite and invertible",
                expected="a 4x4 matrix from (slice, row, column, 1) to millimetres",
                remedy="check the geometry in the file's header",
            )
        object.__setattr__(self, "affine", affine)

    @classmethod
    def from_axes(cls, array: Array, axes: str, spacing: tuple[float, float, float]) -> Self:
        """Build a volume from axis directions and spacings, with its first voxel at the origin.

        Args:
            array: Shape (a, b, c).
            axes: Three letters of L, R, A, P, S, I: the direction in which each index grows, e.g. ``"LIP"``.
            spacing: Distance between voxel centres along each axis, mm.

        Returns:
            The volume, its axes along those of the patient.

        Raises:
            UsageError: If the letters do not name three different axes, or a spacing is not positive.
            InvalidVolume: If the array is not three-dimensional or is empty.
        """
        directions = [_DIRECTIONS.get(letter) for letter in axes.upper()]
        if len(directions) != 3 or None in directions or len({d[0] for d in directions if d}) != 3:
            raise UsageError(
                f"axis codes {axes!r}",
                expected="one letter of L/R, one of A/P and one of S/I, e.g. 'LIP'",
                remedy="give the direction in which each array index grows",
            )
        if len(spacing) != 3 or not all(np.isfinite(s) and s > 0 for s in spacing):
            raise UsageError(
                f"spacing {spacing}", expected="three positive lengths in mm", remedy="give one spacing per array axis"
            )
        affine = np.eye(4)
        affine[:3, :3] = 0.0
        for axis, direction in enumerate(directions):
            if direction:
                affine[direction[0], axis] = direction[1] * spacing[axis]
        return cls(array, affine)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(slices, rows, columns)."""
        slices, rows, columns = self.array.shape
        return slices, rows, columns

    @property
    def spacing(self) -> tuple[float, float, float]:
        """Distance between neighbouring voxel centres along each axis, mm."""
        first, second, third = np.linalg.norm(self.affine[:3, :3], axis=0)
        return float(first), float(second), float(third)

    @property
    def voxel_volume(self) -> float:
        """Volume of one voxel, mm3."""
        return float(abs(np.linalg.det(self.affine[:3, :3])))

    def with_array(self, array: Array) -> Volume:
        """Put another array on the same grid.

        Args:
            array: Shape of this volume, any dtype.

        Returns:
            The array with the affine of this volume.

        Raises:
            InvalidVolume: If the shape differs.
        """
        if array.shape != self.array.shape:
            raise InvalidVolume(
                f"an array of shape {array.shape}",
                expected=f"the shape of the grid, {self.array.shape}",
                remedy="bring the array to this grid first",
            )
        return Volume(array, self.affine)

    def to_patient(self, indices: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Patient coordinates of voxel indices.

        Args:
            indices: Shape (..., 3), (slice, row, column), fractions allowed.

        Returns:
            Shape (..., 3), LPS, mm.
        """
        points = np.asarray(indices, dtype=np.float64)
        return points @ self.affine[:3, :3].T + self.affine[:3, 3]

    def reorientation(self, axes: str = CANONICAL_AXES) -> Reorientation:
        """Find the permutation and flips that bring the axes nearest to the given directions.

        Args:
            axes: Three letters as in :meth:`from_axes`.

        Returns:
            The reorientation from the axes of this volume.
        """
        cosines = self.affine[:3, :3] / np.linalg.norm(self.affine[:3, :3], axis=0)
        order = _nearest_axes(cosines, [_DIRECTIONS[letter][0] for letter in axes])
        signs = [_DIRECTIONS[letter][1] for letter in axes]
        flips = [bool(cosines[_DIRECTIONS[letter][0], order[k]] * signs[k] < 0) for k, letter in enumerate(axes)]
        return Reorientation(order, (flips[0], flips[1], flips[2]))

    def reorient(self, reorientation: Reorientation) -> Volume:
        """Permute and flip the axes; every voxel keeps its place in the patient.

        Args:
            reorientation: From the axes of this volume, as :meth:`reorientation` gives it.

        Returns:
            A volume whose array is a view of this one.
        """
        return Volume(reorientation.apply(self.array), self.affine @ reorientation.matrix(self.array.shape))

    def canonical(self) -> tuple[Volume, Reorientation]:
        """This volume in the canonical orientation of the networks: sagittal slices, indices growing to the
        patient's left, inferior and posterior.

        Returns:
            The reoriented volume, and the reorientation whose :meth:`Reorientation.undo` leads back.

        Raises:
            UnsupportedOrientation: If the slices are thicker than ``THICK_SLICE_MM`` and not sagittal.
        """
        reorientation = self.reorientation()
        volume = self.reorient(reorientation)
        between_slices, *in_plane = volume.spacing
        if max(in_plane) > max(THICK_SLICE_MM, between_slices * 1.01):
            raise UnsupportedOrientation(
                f"a stack of {max(in_plane):.1f} mm slices that are not sagittal",
                expected=f"sagittal slices, or slices of {THICK_SLICE_MM:g} mm and thinner",
                remedy="choose a sagittal series",
            )
        return volume, reorientation


def require_finite(array: npt.NDArray[np.floating[Any]], origin: str) -> None:
    """Make sure that intensities are numbers.

    Args:
        array: Any shape.
        origin: Where they are from, for the message.

    Raises:
        InvalidVolume: If one is NaN or infinite.
    """
    count = array.size - int(np.isfinite(array).sum())
    if count:
        raise InvalidVolume(
            f"{count} of {array.size} voxels of {origin} are NaN or infinite",
            expected="finite intensities",
            remedy="replace them, e.g. by the background's intensity, or repair the step that made them",
        )


def _nearest_axes(cosines: npt.NDArray[np.float64], wanted: list[int]) -> tuple[int, int, int]:
    """Assign array axes to patient axes so that the sum of the absolute cosines is largest."""
    strength = np.abs(cosines)
    best = max(
        permutations(range(3)), key=lambda order: sum(strength[w, a] for w, a in zip(wanted, order, strict=True))
    )
    return best[0], best[1], best[2]
