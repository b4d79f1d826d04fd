"""Simple solids in column coordinates, of which most of the anatomy around the spine is made."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from spine_segmentation.synth.scene import Patch, Reach, Scene, tabulate
from spine_segmentation.synth.tissues import Tissue


class Solid(Protocol):
    """Something that can be painted."""

    def paint(self, scene: Scene) -> None:
        """Paint it where the grid reaches it.

        Args:
            scene: Changed in place.
        """
        ...


@dataclass(frozen=True)
class Tube:
    """A muscle, vessel or bone that runs along the column, of elliptic cross-section, with tapered ends.

    Attributes:
        tissue: What it is made of.
        s: Arc lengths at which it is described, mm, ascending.
        d: Distance of its axis behind the bodies' centre line there, mm.
        x: Distance of its axis to the left there, mm.
        half_depth: Half its anteroposterior diameter there, mm.
        half_width: Half its lateral diameter there, mm.
        paired: Whether there is one at each side.
        rim: Thickness of a coat relative to the diameters; 0 for none.
        coat: What the coat is made of.
    """

    tissue: Tissue
    s: tuple[float, ...]
    d: tuple[float, ...]
    x: tuple[float, ...]
    half_depth: tuple[float, ...]
    half_width: tuple[float, ...]
    paired: bool = False
    rim: float = 0.0
    coat: Tissue = Tissue.FAT

    def reach(self) -> Reach:
        """Give the box that holds it.

        Returns:
            In column coordinates, with the coat.
        """
        d = [(d - (1 + self.rim) * h, d + (1 + self.rim) * h) for d, h in zip(self.d, self.half_depth, strict=True)]
        x = [(x - (1 + self.rim) * h, x + (1 + self.rim) * h) for x, h in zip(self.x, self.half_width, strict=True)]
        ends = self.s[0] - self.half_depth[0], self.s[-1] + self.half_depth[-1]
        return Reach(ends, _span(d), _span(x), self.paired)

    def paint(self, scene: Scene) -> None:
        """Paint it where the grid reaches it.

        Args:
            scene: Where to paint.
        """
        patch = scene.patch(self.reach())
        if patch is not None:
            ends = self.s[0] - self.half_depth[0], self.s[-1] + self.half_depth[-1]
            rows = [(row[0], *row, row[-1]) for row in (self.d, self.x)]
            rows += [(0.0, *row, 0.0) for row in (self.half_depth, self.half_width)]
            d, x, half_depth, half_width = tabulate(patch.s, (ends[0], *self.s, ends[1]), rows)
            _fill(patch, self, ((patch.d - d) / half_depth) ** 2, x, half_width)


@dataclass(frozen=True)
class Ellipsoid:
    """An organ.

    Attributes:
        tissue: What it is made of.
        centre: Arc length, distance behind the bodies' centre line and to the left, mm.
        half: Half its extents in these directions, mm.
        lean: Displacement of its cross-section backwards and to the left per mm downwards.
        paired: Whether there is one at each side.
        rim: Thickness of a coat relative to its extents; 0 for none.
        coat: What the coat is made of.
    """

    tissue: Tissue
    centre: tuple[float, float, float]
    half: tuple[float, float, float]
    lean: tuple[float, float] = (0.0, 0.0)
    paired: bool = False
    rim: float = 0.0
    coat: Tissue = Tissue.FAT

    def reach(self) -> Reach:
        """Give the box that holds it.

        Returns:
            In column coordinates, with the coat.
        """
        s, d, x = ((1 + self.rim) * half for half in self.half)
        d, x = d + abs(self.lean[0]) * s, x + abs(self.lean[1]) * s
        spans = [(centre - h, centre + h) for centre, h in zip(self.centre, (s, d, x), strict=True)]
        return Reach(spans[0], spans[1], spans[2], self.paired)

    def paint(self, scene: Scene) -> None:
        """Paint it where the grid reaches it.

        Args:
            scene: Where to paint.
        """
        patch = scene.patch(self.reach())
        if patch is not None:
            down = patch.s - self.centre[0]
            across = (patch.d - self.centre[1] - self.lean[0] * down) / self.half[1]
            square = (down / self.half[0]) ** 2 + across**2
            _fill(patch, self, square, self.centre[2] + self.lean[1] * down, patch.s.new_tensor(self.half[2]))


def paint_all(scene: Scene, solids: Iterable[Solid]) -> None:
    """Paint solids one over the other.

    Args:
        scene: Where to paint.
        solids: In the order of painting.
    """
    for solid in solids:
        solid.paint(scene)


def _fill(patch: Patch, solid: Tube | Ellipsoid, square: Tensor, x: Tensor, half_width: Tensor) -> None:
    """Paint coat and inside.

    Args:
        patch: Where to paint.
        solid: What to paint.
        square: Squared distance from the axis in the plane, relative to the extents, (h, w).
        x: Position of the axis, mm, (h, w).
        half_width: mm, (h, w).
    """
    offset = ((patch.aside if solid.paired else patch.x) - x).abs_()
    if solid.rim:
        patch.paint(offset < half_width * _chord(square, 1 + solid.rim), solid.coat)
    patch.paint(offset < half_width * _chord(square, 1.0), solid.tissue)


def _chord(square: Tensor, radius: float) -> Tensor:
    return torch.sqrt((radius * radius - square).clamp_(min=0))


def _span(spans: list[tuple[float, float]]) -> tuple[float, float]:
    return min(low for low, _ in spans), max(high for _, high in spans)
