"""Quantities that every vertebra has one value of: from tables of standard anatomy to voxels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from spine_segmentation.arrays import Floats
from spine_segmentation.synth.column import Column
from spine_segmentation.synth.morphometry import L5, L6, LEVEL_SIZES, S1, T12, T13
from spine_segmentation.synth.profiles import ARC_LENGTHS, ARC_START, ARC_STEP

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

RANK: Mapping[str, float] = {
    **{f"C{k}": float(k) for k in range(1, 8)},
    **{f"T{k}": 7.0 + k for k in range(1, 13)},
    **{f"L{k}": 19.0 + k for k in range(1, 6)},
    **{f"S{k}": 24.0 + k for k in range(1, 6)},
    "Co1": 30.0,
}
"""Position of the vertebrae in a column without variants; between neighbours, quantities are interpolated."""

Anchors = Mapping[str, float]
"""Values of some named vertebrae; those between them are interpolated."""


def ranks(column: Column) -> Floats:
    """Rank of every level of a person, so that a supernumerary vertebra resembles its neighbours.

    Args:
        column: The levels.

    Returns:
        Values on the scale of ``RANK``, shape (n,).
    """
    levels = column.levels.astype(np.float64)
    levels[column.levels == T13] = T12 + 0.5
    levels[column.levels == L6] = RANK["L5"] + 0.3
    s1 = column.index(S1)
    levels[s1:] = RANK["S1"] + np.arange(len(levels) - s1)
    if (column.levels[s1 - 1]) == L5 - 1:
        levels[s1 - 1] = RANK["L5"] - 0.5
    return levels


def along(rank: Floats, anchors: Anchors) -> Floats:
    """Interpolate a quantity between named vertebrae.

    Args:
        rank: From :func:`ranks`.
        anchors: The quantity at some vertebrae, top to bottom.

    Returns:
        One value per level, shape (n,).
    """
    return np.interp(rank, [RANK[name] for name in anchors], list(anchors.values()))


def positions(borders: Floats) -> npt.NDArray[np.int64]:
    """Make a table by arc length of how many borders lie above.

    Args:
        borders: Arc lengths, mm, ascending.

    Returns:
        One count per entry of ``ARC_LENGTHS``.
    """
    return np.searchsorted(borders, ARC_LENGTHS)


def position(table: npt.NDArray[np.int64], arc_length: Tensor) -> Tensor:
    """Read a table of :func:`positions` (many times faster than a search at every voxel).

    Args:
        table: From :func:`positions`.
        arc_length: mm, shape (M,).

    Returns:
        Count of borders above, int64, shape (M,).
    """
    entry = ((arc_length - ARC_START) * (1 / ARC_STEP)).long().clamp_(0, len(table) - 1)
    return torch.as_tensor(table, device=arc_length.device).index_select(0, entry)


def gather(shapes: DataclassInstance, index: Tensor) -> dict[str, Tensor]:
    """Read all values of a part at every voxel.

    Args:
        shapes: A dataclass whose fields have one value per level, shape (n,).
        index: Which level, int64, shape (M,).

    Returns:
        By field name: float32, shape (M,).
    """
    names = [field.name for field in fields(shapes)]
    table = np.stack([getattr(shapes, name) for name in names]).astype(np.float32)
    rows = torch.as_tensor(table, device=index.device).index_select(1, index)
    return dict(zip(names, rows, strict=True))


def lost_height(column: Column) -> Floats:
    """How much of its height each disc has lost, so that all that comes with it is found at the same levels.

    Args:
        column: The levels and their discs.

    Returns:
        Share of the mean adult's height that is missing, 0 to 1; 0 for sacral discs, shape (n,).
    """
    presacral = column.index(S1)
    usual = np.array([LEVEL_SIZES[name].disc for name in column.vertebrae[:presacral]]) * column.scale
    lost = np.clip(1 - column.disc_height[:presacral] / usual - 0.2, 0, 0.8) / 0.8
    return np.concatenate([lost, np.zeros(len(column) - presacral)])
