"""Vertebral bodies between two discs: fragments of one body are joined, bodies without a disc between stay apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from spine_segmentation.splitting.column import Points
from spine_segmentation.splitting.cutting import find_waist

MIN_PIECE_SHARE = 0.1
"""A piece below this share of its neighbour's volume is a fragment; a body cut by the field of view may be so small."""

MIN_AREA_SHARE = 0.4
"""A piece below this share of its neighbour's cross-section is a fragment (the dens has a third of C2's)."""

DISC_GAP_MM = 3.0
"""Pieces with a gap of this height between them are two bodies: the height of a thin thoracic disc, whereas the cleft
of a fracture is narrower or does not go all the way through."""

TWO_BODIES_HEIGHT_TO_DEPTH = 1.3
"""Pieces on top of one another with a smaller gap are two bodies if together they are higher than this times their
depth. One body's height is 0.6 to 1.0 of its depth at any level, that of two with their disc 1.6 to 2.0."""

FUSED_HEIGHT_RATIO = 1.6
"""A body of this many times its neighbours' height, and with a waist, is two bodies whose disc was missed."""

FUSED_HEIGHT_TO_DEPTH = 1.4
"""A body lower than this times its own depth is never cut at a waist."""

EXTENT_PERCENTILES = (2.0, 98.0)
"""Heights and depths are measured between these percentiles, so that spurs do not count."""


@dataclass(frozen=True)
class Piece:
    """Some of the vertebra voxels between two discs.

    Attributes:
        members: Indices of its voxels among the vertebra voxels.
        heights: float, positions of these voxels along the column, mm, growing downwards.
        depth: Extent from anterior to posterior, mm.
        topmost: Whether it lies above the first disc.
        lowest: Whether it lies below the last disc.
    """

    members: npt.NDArray[np.intp]
    heights: Points
    depth: float
    topmost: bool
    lowest: bool

    @property
    def span(self) -> tuple[float, float]:
        """Upper and lower end along the column, mm."""
        low, high = np.percentile(self.heights, EXTENT_PERCENTILES)
        return float(low), float(high)

    @property
    def height(self) -> float:
        """Extent along the column, mm."""
        low, high = self.span
        return high - low

    @property
    def area(self) -> float:
        """Mean cross-section, voxels per mm."""
        return len(self.members) / max(self.height, 1.0)

    def part(self, chosen: npt.NDArray[np.bool_]) -> Piece:
        """Keep some of the voxels; the depth stays that of the whole.

        Args:
            chosen: Shape (n,), bool, in the order of ``members``.

        Returns:
            The voxels for which the mask is true.
        """
        return replace(self, members=self.members[chosen], heights=self.heights[chosen])

    def join(self, other: Piece) -> Piece:
        """Put two pieces together.

        Args:
            other: Between the same two discs.

        Returns:
            The voxels of both, with the greater depth.
        """
        members = np.concatenate([self.members, other.members])
        heights = np.concatenate([self.heights, other.heights])
        return replace(self, members=members, heights=heights, depth=max(self.depth, other.depth))


def join_fragments(pieces: Sequence[Piece]) -> list[Piece]:
    """Join the pieces between two discs into bodies.

    Args:
        pieces: Connected pieces of vertebra.

    Returns:
        Bodies from top to bottom: usually one, several where whole bodies lie on top of one another without a disc. A
        fragment that lies loose below the last disc's body is left out: it is a piece of S2.
    """
    bodies: list[Piece] = []
    for piece in sorted(pieces, key=lambda piece: -len(piece.members)):
        nearest = min(range(len(bodies)), key=lambda k: _gap(bodies[k], piece), default=None)
        if nearest is None or _are_two_bodies(bodies[nearest], piece):
            bodies.append(piece)
        elif not _is_loose_below(bodies[nearest], piece):
            bodies[nearest] = bodies[nearest].join(piece)
    return sorted(bodies, key=lambda body: sum(body.span))


def cut_fused(body: Piece, neighbours: Sequence[Piece]) -> list[Piece]:
    """Cut a body in two where it is two bodies fused over a missed disc.

    There must be evidence: about twice the height of its neighbours, and a waist in its middle third. Without a waist
    it stays one. So does whatever lies above the first disc, since C2 with its dens looks just like two fused bodies.

    Args:
        body: A body.
        neighbours: The bodies next to it, none, one or two.

    Returns:
        The body, or its two halves, upper first.
    """
    usual = np.mean([neighbour.height for neighbour in neighbours]) if neighbours else 0.0
    tall = body.height >= FUSED_HEIGHT_RATIO * usual and body.height >= FUSED_HEIGHT_TO_DEPTH * body.depth
    waist = find_waist(body.heights) if tall and not body.topmost else None
    if waist is None:
        return [body]
    upper = body.heights < waist
    return [body.part(upper), body.part(~upper)]


def _are_two_bodies(body: Piece, piece: Piece) -> bool:
    """Tell a second body from a fragment of the first; the piece is the smaller of both."""
    comparable = len(piece.members) >= MIN_PIECE_SHARE * len(body.members) and piece.area >= MIN_AREA_SHARE * body.area
    height = max(body.span[1], piece.span[1]) - min(body.span[0], piece.span[0])
    tall = height >= TWO_BODIES_HEIGHT_TO_DEPTH * max(body.depth, piece.depth)
    gap = _gap(body, piece)
    return comparable and (gap >= DISC_GAP_MM or (gap >= 0 and tall))


def _is_loose_below(body: Piece, piece: Piece) -> bool:
    """Whether a fragment lies below the last body and does not touch it."""
    return piece.lowest and not piece.topmost and piece.span[0] - body.span[1] >= DISC_GAP_MM


def _gap(body: Piece, fragment: Piece) -> float:
    """Distance along the column, mm; negative where they overlap."""
    return max(fragment.span[0] - body.span[1], body.span[0] - fragment.span[1])
