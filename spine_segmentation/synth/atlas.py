"""Craniocervical junction: the ring of C1, the dens, and the joints between C2, C1 and the skull."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor

from spine_segmentation.anatomy import VERSE_NUMBERS
from spine_segmentation.synth.canal import CanalFrame
from spine_segmentation.synth.coordinates import Coordinates
from spine_segmentation.synth.implicit import intersect, rounded
from spine_segmentation.synth.morphometry import C2
from spine_segmentation.synth.selection import paint_where
from spine_segmentation.synth.tissues import NO_LEVEL, Semantic, Tissue, TissueMap

C1 = VERSE_NUMBERS["C1"]

_DENS_MM = 5.6
"""Half the anteroposterior diameter of the mean adult's dens."""


@dataclass(frozen=True)
class AtlasShape:
    """Atlas and dens of one person; lengths are of a mean adult and grow with ``scale`` where not said otherwise.

    Attributes:
        scale: Size of the person relative to the mean adult.
        joint: Width of the joint between dens and anterior arch, mm of this person.
        posterior_arch: Height of the posterior arch above the base of the dens, mm of this person.
        arch_height: Half the height of the anterior and of the posterior arch, mm.
        joint_space: Half the width of the joints beside the dens, mm of this person.
        slope: How far the joints of C1 and C2 fall off to the sides, mm/mm.
        tip: Height of the dens, mm.
        apical: What fills the space above the dens.
    """

    scale: float
    joint: float
    posterior_arch: float
    arch_height: tuple[float, float]
    joint_space: float
    slope: float
    tip: float
    apical: Tissue


def draw_atlas(rng: np.random.Generator, scale: float) -> AtlasShape:
    """Draw the craniocervical junction of a person.

    Args:
        rng: Source of all chance.
        scale: Size of the person relative to the mean adult.

    Returns:
        The shape of C1 and of the dens.
    """
    u = rng.uniform
    return AtlasShape(
        scale,
        joint=u(1.0, 2.5),
        posterior_arch=u(8, 13),
        arch_height=(u(4.8, 6.2), u(3.6, 5.2)),
        joint_space=u(0.6, 1.1),
        slope=u(0.25, 0.5),
        tip=rng.normal(16.5, 1.2),
        apical=Tissue.FAT if rng.random() < 0.75 else Tissue.LIGAMENT,
    )


def paint_atlas(tissues: TissueMap, at: Coordinates, canal: CanalFrame, shape: AtlasShape) -> None:
    """Paint C1 and the lateral masses of C2 (as posterior elements), with the joints and fat around the dens.

    Args:
        tissues: Where to paint.
        at: Coordinates of the grid.
        canal: Walls of the canal.
        shape: From :func:`draw_atlas`.
    """
    if bool((at.s < 12).any()):
        reach = intersect(at.s - 12, -34 * shape.scale - at.s, -25 - at.d, canal.behind - 14)
        paint_where(reach, partial(_paint_junction, shape), tissues, at, canal)


def _paint_junction(shape: AtlasShape, tissues: TissueMap, at: Coordinates, canal: CanalFrame) -> None:
    g, distance = shape.scale, at.x.abs()
    _paint_ligaments(tissues, at, canal, shape, distance)
    _paint_masses(tissues, at, shape, distance)
    dens_front = -(_DENS_MM + 3.0) * g - shape.joint
    back = canal.front + canal.depth + 2.8 * g
    middle, radius = (back + dens_front) * 0.5, (back - dens_front) * 0.5
    round_ = torch.sqrt((at.x / (21 * g)).square() + ((at.d - middle) / radius).square())
    behind = at.d > middle
    height = torch.where(behind, shape.arch_height[1] * g, shape.arch_height[0] * g)
    rise = at.s + torch.where(behind, shape.posterior_arch, 9 * g)
    ring = ((round_ - 1) * radius / (2.9 * g)).square() + (rise / height).square() - 1
    artery = (distance - 21 * g).square() + (at.d - middle - 4).square() + (rise + 7 * g).square() * 0.5 - 6
    tissues.paint(artery < 0, Tissue.VESSEL)
    tissues.paint_level(ring < 0, Tissue.POSTERIOR_MARROW, Semantic.POSTERIOR, C1)


def _paint_ligaments(
    tissues: TissueMap, at: Coordinates, canal: CanalFrame, shape: AtlasShape, distance: Tensor
) -> None:
    """Fat around the tip of the dens, the joint in front of it, the ligaments behind it."""
    g = shape.scale
    above = ((at.s + 20 * g) / (9 * g)).square() + (at.d / (7 * g)).square() + (at.x / (10 * g)).square() - 1
    tissues.paint(above < 0, shape.apical)
    in_front = intersect(at.d, -(_DENS_MM + 1) * g - shape.joint - at.d, at.s + 3 * g, -16 * g - at.s, distance - 7 * g)
    tissues.paint(in_front, Tissue.CARTILAGE)
    behind = intersect(at.d - canal.front - 0.8, 3 * g - at.d, at.s - 3, -22 * g - at.s, distance - 9 * g)
    tissues.paint_level(behind, Tissue.LIGAMENT, Semantic.BACKGROUND, NO_LEVEL)


def _paint_masses(tissues: TissueMap, at: Coordinates, shape: AtlasShape, distance: Tensor) -> None:
    """Lateral masses of C2 and C1 and the occipital condyle, one above the other, with the joints between them."""
    g = shape.scale
    beside = (distance - 16.5 * g).abs() - 7 * g
    across = torch.maximum(beside, (at.d - g).abs() - 9 * g)
    lower_joint = (at.s + 1.5 * g - shape.slope * (distance - 16 * g)) * 0.92
    hollow = 0.02 * (at.d - g).square()
    upper_joint = (at.s + 15.5 * g + 0.35 * (distance - 16 * g) + hollow) * 0.92
    space = shape.joint_space
    joints = intersect(across, torch.minimum(upper_joint.abs(), lower_joint.abs()) - 1)
    tissues.paint(joints, Tissue.CARTILAGE, Semantic.BACKGROUND)
    condyle = rounded(3.0, across, upper_joint + space, -upper_joint - 9 * g)
    tissues.paint(condyle < 0, Tissue.SKULL, Semantic.BACKGROUND)
    axis = torch.maximum(rounded(3.0, across, space - lower_joint, at.s - 10 * g), 7.5 * g - distance)
    tissues.paint_level(axis < 0, Tissue.POSTERIOR_MARROW, Semantic.POSTERIOR, C2)
    mass = rounded(3.0, across, lower_joint + space, space - upper_joint)
    tissues.paint_level(mass < 0, Tissue.POSTERIOR_MARROW, Semantic.POSTERIOR, C1)


def paint_dens(tissues: TissueMap, at: Coordinates, shape: AtlasShape) -> None:
    """Paint the dens, which belongs to the body of C2.

    Args:
        tissues: Where to paint.
        at: Coordinates of the grid.
        shape: From :func:`draw_atlas`.
    """
    if bool((at.s < 2).any()):
        g = shape.scale
        across = (at.d / (_DENS_MM * g)).square()
        round_ = across + (at.x / (5.3 * g)).square() - 1
        neck = at.s + (shape.tip - 3 * across) * g
        inside = intersect(round_, -neck, at.s - 2)
        tissues.paint_level(inside, Tissue.MARROW, Semantic.BODY, C2)
