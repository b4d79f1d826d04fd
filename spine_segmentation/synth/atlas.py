"""Atlas and axis: the ring of C1, the dens and the shoulders of C2."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spine_segmentation.anatomy import VERSE_NUMBERS
from spine_segmentation.synth.canal import CanalFrame
from spine_segmentation.synth.coordinates import Coordinates
from spine_segmentation.synth.morphometry import C2
from spine_segmentation.synth.tissues import Semantic, Tissue, TissueMap

C1 = VERSE_NUMBERS["C1"]


@dataclass(frozen=True)
class AtlasShape:
    """Atlas and dens of one person.

    Attributes:
        scale: Size of the person relative to the mean adult.
        joint: Width of the joint between dens and anterior arch, mm.
        posterior_arch: Height of the posterior arch above the base of the dens, mm.
    """

    scale: float
    joint: float
    posterior_arch: float


def draw_atlas(rng: np.random.Generator, scale: float) -> AtlasShape:
    """Draw the craniocervical junction of a person.

    Args:
        rng: Source of all chance.
        scale: Size of the person relative to the mean adult.

    Returns:
        The shape of C1 and of the dens.
    """
    return AtlasShape(scale, joint=rng.uniform(1.0, 3.0), posterior_arch=rng.uniform(8, 13))


def paint_atlas(tissues: TissueMap, at: Coordinates, canal: CanalFrame, shape: AtlasShape) -> None:
    """Paint the shoulders of C2 and the arches and lateral masses of C1 (as posterior elements).

    Args:
        tissues: Where to paint.
        at: Coordinates of the grid.
        canal: Walls of the canal.
        shape: From :func:`draw_atlas`.
    """
    g, distance = shape.scale, at.x.abs()
    shoulders = (distance < 15 * g) & (at.d.abs() < 8 * g) & (at.s > -2) & (at.s < 8 * g)
    tissues.paint_level(shoulders, Tissue.POSTERIOR_MARROW, Semantic.BODY, C2)
    front = ((at.d + shape.joint + 8.8 * g) / (3.2 * g)) ** 2 + ((at.s + 9 * g) / (6 * g)) ** 2
    back = ((canal.behind - 3) / (3.2 * g)) ** 2 + ((at.s + shape.posterior_arch) / (4.5 * g)) ** 2
    ring = (at.x / 14) ** 2
    side = ((distance - 17 * g) / (7 * g)) ** 2 + ((at.d - 2) / (9 * g)) ** 2 + ((at.s + 8 * g) / (8 * g)) ** 2
    atlas = (front + ring < 1) | (back + ring < 1) | (side < 1)
    tissues.paint_level(atlas, Tissue.POSTERIOR_MARROW, Semantic.POSTERIOR, C1)


def paint_dens(tissues: TissueMap, at: Coordinates, shape: AtlasShape) -> None:
    """Paint the dens, which belongs to the body of C2.

    Args:
        tissues: Where to paint.
        at: Coordinates of the grid.
        shape: From :func:`draw_atlas`.
    """
    g = shape.scale
    across = (at.d / (5.6 * g)) ** 2
    round_ = across + (at.x / (5.3 * g)) ** 2 < 1
    tissues.paint_level(
        round_ & (at.s > -16.5 * g + 3 * across) & (at.s < 2), Tissue.MARROW, Semantic.BODY, C2
    )  # fmt: skip
