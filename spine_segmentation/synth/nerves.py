"""Spinal cord with its conus, cauda equina and filum in the thecal sac."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from spine_segmentation.arrays import Floats
from spine_segmentation.synth.column import Column
from spine_segmentation.synth.coordinates import Coordinates
from spine_segmentation.synth.implicit import intersect
from spine_segmentation.synth.morphometry import C5, L1, T1
from spine_segmentation.synth.profiles import ARC_LENGTHS, lookup, profile
from spine_segmentation.synth.tissues import Tissue, TissueMap
from spine_segmentation.synth.waves import Waves, draw_waves, wave

_CONUS_ROOTS_MM = 15.0
"""The cauda equina's roots are seen around the conus from so far above its tip."""


@dataclass(frozen=True)
class NerveShapes:
    """The nervous tissue of one person; profiles along the column are tables by arc length.

    Attributes:
        cord: Profile: half the anteroposterior diameter of the cord, mm; 0 below the conus.
        breadth: Profile: lateral diameter of the cord relative to that.
        place: Profile: distance of the cord behind the middle of the sac, mm.
        crowding: Profile: how much a stenosis winds and crowds the roots, 0 to 1.
        conus: Arc length of the cord's end, mm.
        roots: Texture whose crests are the roots of the cauda equina.
        sparseness: Threshold on it behind the conus; higher is sparser.
        sinking: How much the roots gather at the back of the sac, in standard deviations of the texture.
    """

    cord: Floats
    breadth: Floats
    place: Floats
    crowding: Floats
    conus: float
    roots: Waves
    sparseness: float
    sinking: float


def draw_nerves(rng: np.random.Generator, column: Column, stenosis: Floats) -> NerveShapes:
    """Draw the nervous tissue of a person.

    The conus ends at the lower third of L1 in the mean, between the middle of T12 and the upper third of L3 in nearly
    all adults (Saifuddin et al. 1998, Spine 23:1452).

    Args:
        rng: Source of all chance.
        column: The levels.
        stenosis: Profile: by how much the sac is narrowed, 0 to 1.

    Returns:
        Cord, conus and cauda equina.
    """
    l1 = column.index(L1)
    middle, limits = column.position(L1) + 0.3 * column.height[l1], (column.centre[l1 - 1], column.top[l1 + 2])
    conus = float(np.clip(rng.normal(middle, 15 * column.scale), *limits))
    c5, t1 = column.position(C5), column.position(T1)
    positions = [-60, -30, -5, c5, t1 + 45, conus - 55, conus - 30, conus - 12, conus]
    size = column.scale * rng.uniform(0.85, 1.12)
    radius = profile(positions, [11, 7, 4.6, 3.9, 3.1, 3.2, 3.7, 2.3, 0.3]) * size
    wander = rng.normal(0, 0.7, 12) + np.interp(np.linspace(0, 1, 12), [0, 0.3, 0.6, 1], [0, 0, -0.8, 0.6])
    return NerveShapes(
        cord=np.where(conus < ARC_LENGTHS, 0.0, radius),
        breadth=profile([-30, c5, t1 + 45, conus - 30, conus], [1.2, 1.75, 1.3, 1.25, 1.1]),
        place=profile(np.linspace(-20, conus, 12), wander, smoothing=121),
        crowding=profile(ARC_LENGTHS, stenosis * (conus < ARC_LENGTHS), smoothing=101),
        conus=conus,
        roots=draw_waves(rng, (1.6, 0.9, 90.0)),
        sparseness=rng.uniform(0.1, 0.9),
        sinking=rng.uniform(0.6, 2.0),
    )


def paint_nerves(
    tissues: TissueMap, at: Coordinates, share: Tensor, sac: Tensor, off_sac: Tensor, shapes: NerveShapes
) -> None:
    """Paint cord, cauda equina and filum.

    Args:
        tissues: Where to paint, shape (N, M).
        at: Coordinates, shapes (M,) and (N, M).
        share: Place in the sac, -1 at its front and 1 at its back, shape (M,).
        sac: Negative in the sac, shape (N, M).
        off_sac: Distance behind the middle of the sac, mm, shape (M,).
        shapes: From :func:`draw_nerves`.
    """
    radius, breadth, place, crowding = lookup(
        np.stack([shapes.cord, shapes.breadth, shapes.place, shapes.crowding]), at.s
    )
    below = at.s - shapes.conus
    if bool((below > -_CONUS_ROOTS_MM).any()):
        winding = off_sac + 2 * crowding * torch.sin(0.9 * at.s)
        thinning = torch.maximum(0.004 * below, -0.15 * below) - 3 * crowding
        crest = shapes.sparseness + thinning - shapes.sinking * share - wave(shapes.roots, at.x, winding, at.s)
        tissues.paint(intersect(crest, sac + 0.04, -_CONUS_ROOTS_MM - below), Tissue.NERVE)
        filum = at.x.square() + (share * 4 - 2).square() - 0.6
        tissues.paint(intersect(filum, sac, -below), Tissue.NERVE)
    cord = (off_sac - place).square() + (at.x / breadth).square() - radius * radius
    tissues.paint(intersect(cord, below), Tissue.CORD)
