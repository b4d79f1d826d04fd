"""Intervertebral discs: annulus and nucleus between the endplates, and their bulges."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import torch
from torch import Tensor

from spine_segmentation.arrays import Floats
from spine_segmentation.synth.bodies import BodyShapes
from spine_segmentation.synth.body_frame import BodyFrame
from spine_segmentation.synth.column import Column
from spine_segmentation.synth.coordinates import Coordinates
from spine_segmentation.synth.profiles import per_level
from spine_segmentation.synth.tissues import Semantic, Tissue, TissueMap

_RIM = 0.9
"""Position between a body's endplates, 0 to 1, from which on the disc fills the rounded corners of the body."""


@dataclass(frozen=True)
class DiscShapes:
    """Shapes of the discs; entry k is the disc below level k, shape (n,).

    Attributes:
        centre: Arc length of the middle, mm.
        height: At the rim, mm.
        radius: Of the disc at the endplates relative to that of the bodies' rims.
        bulge: Relative excess at mid-height in front and behind; it fades toward the sides.
        hollow: Mean concavity of the endplates, into which the nucleus reaches, mm.
        nucleus_depth: Half depth of the nucleus relative to that of the disc.
        nucleus_height: Height of the nucleus relative to the gap between the endplates.
        nucleus_place: Centre of the nucleus behind that of the disc, relative to its half depth.
        outer_annulus: Squared radius relative to the disc's beyond which the annulus is dense, dark fibres.
    """

    centre: Floats
    height: Floats
    radius: Floats
    bulge: Floats
    hollow: Floats
    nucleus_depth: Floats
    nucleus_height: Floats
    nucleus_place: Floats
    outer_annulus: Floats


def draw_discs(rng: np.random.Generator, column: Column, bodies: BodyShapes) -> DiscShapes:
    """Draw the shapes of a person's discs.

    A bulge is seen in 30 % of people of 20 years without symptoms and in 84 % of those of 80 (Brinjikji et al. 2015,
    AJNR 36:811).

    Args:
        rng: Source of all chance.
        column: The levels, their sizes and the degree of degeneration.
        bodies: The endplates above and below.

    Returns:
        One shape per level, for the disc below it.
    """
    n, degeneration = len(column), column.degeneration
    concavity = bodies.endplates.concavity
    bulging = rng.random(n) < 0.1 + 0.3 * degeneration
    return DiscShapes(
        centre=column.disc_centre,
        height=column.disc_height,
        radius=rng.uniform(0.94, 1.0, n),
        bulge=rng.uniform(0, 0.07, n) + rng.uniform(0.04, 0.12, n) * bulging,
        hollow=(concavity[1::2] + np.append(concavity[2::2], 0.0)) / 2,
        nucleus_depth=rng.uniform(0.5, 0.8, n),
        nucleus_height=rng.uniform(0.6, 1.1, n),
        nucleus_place=rng.normal(0.08, 0.06, n),
        outer_annulus=np.full(n, rng.uniform(0.82, 1.1)),
    )


def paint_discs(tissues: TissueMap, at: Coordinates, frame: BodyFrame, shapes: DiscShapes, column: Column) -> None:
    """Paint the discs between the bodies, and note height and nucleus in the tissue map.

    Args:
        tissues: Where to paint.
        at: Coordinates of the grid.
        frame: From :func:`~spine_segmentation.synth.body_frame.body_frame`.
        shapes: From :func:`draw_discs`.
        column: The levels, of which some have grown together with the next one.
    """
    index = frame.disc.clamp(min=0)
    rows = np.stack([getattr(shapes, field.name) for field in fields(shapes)])
    here = dict(zip((field.name for field in fields(shapes)), per_level(rows, index), strict=True))
    level, fused = per_level(np.stack([column.levels, column.fused_below]), index).byte()
    height = (at.axial - here["centre"]) / (here["height"] * 0.5)
    bulge = here["bulge"] * (1 - height * height).clamp_(min=0)
    reach = (here["radius"] + bulge * (1 - frame.lateral).clamp_(min=0)) ** 2
    exists = (fused == 0) & (frame.disc >= 0)
    disc = (tissues.height.abs() > _RIM) & ~frame.inside & exists & (frame.radius < reach)
    core = _core(here, frame, height)
    tissues.paint_level(disc, Tissue.ANNULUS, Semantic.DISC, level)
    tissues.paint(disc & (core > 0), Tissue.NUCLEUS)
    tissues.paint(disc & (frame.radius > reach * here["outer_annulus"]), Tissue.CORTEX)
    tissues.core.copy_((2 * core).clamp_(0, 1) * disc)
    tissues.height.copy_(torch.where(disc, height, tissues.height))


def _core(here: dict[str, Tensor], frame: BodyFrame, height: Tensor) -> Tensor:
    """1 in the centre of the nucleus, 0 at its edge, negative outside; (N, H, W)."""
    depth = (frame.behind / frame.half_depth - here["nucleus_place"]) / here["nucleus_depth"]
    rise = height * here["height"] / (here["nucleus_height"] * (here["height"] + 2 * here["hollow"]))
    return 1 - depth * depth - (rise * rise) ** 2 - 2 * frame.lateral**2
