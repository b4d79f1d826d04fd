"""Shapes given by functions that are negative inside: a maximum costs much less than a chain of comparisons."""

from __future__ import annotations

from functools import reduce

import torch
from torch import Tensor


def intersect(*shapes: Tensor) -> Tensor:
    """Intersect shapes.

    Args:
        shapes: Values of their functions, float32; they broadcast to one shape.

    Returns:
        Whether all are negative, bool.
    """
    return reduce(torch.maximum, shapes) < 0


def rounded(radius: float, *shapes: Tensor) -> Tensor:
    """Intersect shapes so that the edges where they meet are rounded.

    Args:
        radius: Of the edges, mm.
        shapes: Values of their functions near the surface in mm, float32; they broadcast to one shape.

    Returns:
        The function of their intersection.
    """
    return sum(((shape + radius).clamp(min=0).square() for shape in shapes), torch.tensor(-(radius**2)))
