"""Quantities that vary along the column: tables by arc length."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from spine_segmentation.arrays import Floats

ARC_START = -220.0
"""Arc length at which every table begins, mm; 0 is the base of the dens and it grows downwards."""

ARC_STEP = 0.5
"""Distance between two entries of a table, mm."""

ARC_LENGTHS: Floats = np.arange(2600, dtype=np.float64) * ARC_STEP + ARC_START
"""Arc lengths of the entries of every table, mm."""


def profile(positions: npt.ArrayLike, values: npt.ArrayLike, smoothing: int = 0) -> Floats:
    """Interpolate a quantity along the column.

    Args:
        positions: Arc lengths at which it is known, mm, ascending.
        values: The quantity there.
        smoothing: Width of the Hann window that rounds the corners off, in entries (odd); 0 keeps them.

    Returns:
        One value per entry of ``ARC_LENGTHS``.
    """
    table = np.interp(ARC_LENGTHS, np.asarray(positions, dtype=float), np.asarray(values, dtype=float))
    return smooth(table, smoothing) if smoothing else table


def smooth(table: Floats, width: int) -> Floats:
    """Convolve a table with a Hann window, its ends held constant.

    Args:
        table: Shape (n,).
        width: Entries of the window, odd.

    Returns:
        Shape (n,).
    """
    window = np.hanning(width + 2)[1:-1]
    return np.convolve(np.pad(table, width // 2, mode="edge"), window / window.sum(), "valid")


def lookup(table: Floats, arc_length: Tensor) -> Tensor:
    """Read one table or several.

    Args:
        table: From :func:`profile`, or several of them stacked, shape (..., entries).
        arc_length: mm, any shape; beyond the table's ends its last values hold.

    Returns:
        The quantities, float32, shape (..., *arc_length.shape).
    """
    entries = ((arc_length - ARC_START) / ARC_STEP).long().clamp_(0, table.shape[-1] - 1)
    return per_level(table, entries)


def per_level(values: npt.NDArray[np.generic], index: Tensor) -> Tensor:
    """Read per-level values at every voxel.

    Several quantities stacked are read much faster than one after the other.

    Args:
        values: One value per level of the column, top to bottom, shape (..., n).
        index: Positions along the last axis of ``values``, int32 or int64, any shape.

    Returns:
        The values, float32 (integers stay int64), shape (..., *index.shape).
    """
    kind = torch.int64 if np.issubdtype(values.dtype, np.integer) else torch.float32
    table = torch.as_tensor(values, dtype=kind, device=index.device)
    return table.index_select(-1, index.reshape(-1)).view(*values.shape[:-1], *index.shape)
