"""Intervertebral discs: annulus, nucleus, bulges and herniations."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import torch
from torch import Tensor

from spine_segmentation.synth.bodies import BodyFrame, BodyShapes
from spine_segmentation.synth.column import Column
from spine_segmentation.synth.coordinates import Coordinates
from spine_segmentation.synth.morphometry import Floats
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
        half_depth: Half the anteroposterior diameter, mm.
        bulge: Relative excess all round.
        herniation: Additional posterior excess, mm.
        hollow: Mean concavity of the endplates, into which the nucleus reaches, mm.
        nucleus_depth: Half depth of the nucleus relative to that of the disc.
        nucleus_height: Height of the nucleus relative to the gap between the endplates.
        nucleus_place: Centre of the nucleus behind that of the disc, relative to ``half_depth``.
    """

    centre: Floats
    height: Floats
    half_depth: Floats
    bulge: Floats
    herniation: Floats
    hollow: Floats
    nucleus_depth: Floats
    nucleus_height: Floats
    nucleus_place: Floats


def draw_discs(rng: np.random.Generator, column: Column, bodies: BodyShapes) -> DiscShapes:
    """Draw the shapes of a person's discs.

    Args:
        rng: Source of all chance.
        column: The levels, their sizes and the degree of degeneration.
        bodies: The endplates above and below.

    Returns:
        One shape per level, for the disc below it.
    """
    n, degeneration = len(column), column.degeneration
    bulging = rng.random(n) < 0.25
    return DiscShapes(
        centre=column.disc_centre,
        height=column.disc_height,
        half_depth=column.half_depth * rng.uniform(0.93, 1.06, n),
        bulge=rng.uniform(0, 0.09, n) + 0.12 * bulging * degeneration,
        herniation=np.where(rng.random(n) < 0.2 * degeneration, rng.uniform(2, 6, n), 0.0),
        hollow=(bodies.lower_concavity + np.append(bodies.upper_concavity[1:], 0.0)) / 2,
        nucleus_depth=rng.uniform(0.45, 0.75, n),
        nucleus_height=rng.uniform(0.6, 1.05, n),
        nucleus_place=rng.normal(0.08, 0.06, n),
    )


def paint_discs(tissues: TissueMap, at: Coordinates, frame: BodyFrame, shapes: DiscShapes, column: Column) -> None:
    """Paint the discs between the bodies, and note height and nucleus in the tissue map.

    Args:
        tissues: Where to paint.
        at: Coordinates of the grid.
        frame: From :func:`bodies.body_frame`.
        shapes: From :func:`draw_discs`.
        column: The levels.
    """
    index = torch.where(tissues.height > 0, at.territory, at.territory - 1)
    exists, index = index >= 0, index.clamp(min=0)
    here = {field.name: per_level(getattr(shapes, field.name), index) for field in fields(shapes)}
    height = (at.axial - here["centre"]) / (here["height"] * 0.5)
    half_width = per_level(column.half_width, at.territory)
    between = (tissues.height.abs() > _RIM) & ~frame.inside & exists
    disc = between & (frame.d.abs() < _reach(here, frame, height)) & (at.x.abs() < half_width)
    core = _core(here, at, frame)
    level = per_level(column.levels, index).to(torch.uint8)
    tissues.paint_level(disc, Tissue.ANNULUS, Semantic.DISC, level)
    tissues.paint(disc & (core > 0), Tissue.NUCLEUS)
    tissues.core.copy_(torch.where(disc, (2 * core).clamp(0, 1), 0.0))
    tissues.height.copy_(torch.where(disc, height, tissues.height))


def _reach(here: dict[str, Tensor], frame: BodyFrame, height: Tensor) -> Tensor:
    """Half depth of the disc with its bulge and herniation, mm, (N, H, W)."""
    posterior = torch.where(frame.d < 0, 0.0, here["herniation"] / here["half_depth"])
    excess = (here["bulge"] + posterior) * (1 - 0.7 * height * height).clamp(min=0)
    return here["half_depth"] * frame.roundness * (1 + excess) + 0.01


def _core(here: dict[str, Tensor], at: Coordinates, frame: BodyFrame) -> Tensor:
    """1 in the centre of the nucleus, 0 at its edge, negative outside; (N, H, W)."""
    depth = (frame.d / here["half_depth"] - here["nucleus_place"]) / here["nucleus_depth"]
    height = (at.axial - here["centre"]) / (here["nucleus_height"] * (here["height"] * 0.5 + here["hollow"]))
    return 1 - depth * depth - height * height - 1.6 * frame.lateral
