"""The pixels that one part of the anatomy can reach: taken out, painted in a row, put back; all others cost nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import TYPE_CHECKING, TypeVar

from torch import Tensor

from spine_segmentation.synth.coordinates import Coordinates
from spine_segmentation.synth.tissues import TissueMap

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

_Tensors = TypeVar("_Tensors", bound="DataclassInstance")


def paint_where(
    reach: Tensor,
    paint: Callable[[TissueMap, Coordinates, _Tensors], None],
    tissues: TissueMap,
    at: Coordinates,
    also: _Tensors,
) -> None:
    """Paint a part on the pixels that it can reach; where these are none, nothing is called.

    Args:
        reach: Which ones, bool, shape (H, W).
        paint: Paints the part; all that it is given has shapes (M,) instead of (H, W), and (N, M) for (N, H, W).
        tissues: The map of the whole grid.
        at: Coordinates of the grid.
        also: What else is known of the grid, such as the walls of the canal: a dataclass of tensors.
    """
    index = reach.flatten().nonzero().flatten()
    if index.numel():
        row = _take(tissues, index)
        paint(row, _take(at, index), _take(also, index))
        for name in ("tissue", "semantic", "level"):
            painted = getattr(row, name)
            getattr(tissues, name).flatten(1).scatter_(1, index.expand_as(painted), painted)


def _take(whole: _Tensors, index: Tensor) -> _Tensors:
    """Copy some pixels of a dataclass of tensors of shapes (H, W) and (N, H, W)."""
    return type(whole)(*(_pick(getattr(whole, field.name).flatten(-2), index) for field in fields(whole)))


def _pick(values: Tensor, index: Tensor) -> Tensor:
    """Read values along the last axis (several times as fast as ``index_select`` for bytes)."""
    return values.gather(-1, index.expand(*values.shape[:-1], -1))
