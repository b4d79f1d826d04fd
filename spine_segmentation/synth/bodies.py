"""Vertebral bodies: barrels with concave endplates, and what age and accident make of them."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import torch
from torch import Tensor

from spine_segmentation.synth.column import Column
from spine_segmentation.synth.coordinates import Coordinates
from spine_segmentation.synth.morphometry import (
    BELOW_S1,
    S1,
    Floats,
    by_region,
    is_cervical,
    is_lumbar,
)
from spine_segmentation.synth.profiles import per_level
from spine_segmentation.synth.tissues import Semantic, Tissue, TissueMap


@dataclass(frozen=True)
class BodyShapes:
    """Shapes of the bodies, one entry per level, shape (n,).

    Attributes:
        top: Arc length of the upper endplate's rim, mm.
        bottom: Arc length of the lower endplate's rim, mm.
        half_depth: Half the anteroposterior diameter, mm.
        half_width: Half the lateral diameter, mm.
        shift: Displacement of the body toward posterior, mm.
        upper_concavity: Depth of the upper endplate below its rim, mm.
        lower_concavity: Depth of the lower endplate above its rim, mm.
        wedge: Height that the anterior edge lacks, mm.
        uncinate: Height of the uncinate processes, mm.
        anterior_waist: Relative narrowing of the anterior wall at mid-height.
        posterior_waist: Relative narrowing of the posterior wall at mid-height.
        anterior_spurs: Relative length of anterior osteophytes.
        posterior_spurs: Relative length of posterior osteophytes.
        taper: Relative gain in depth from mid-height to the lower endplate.
        node_depth: Depth of a Schmorl node in the upper endplate, mm.
        node_place: Its place behind the body's centre, mm.
        node_radius: mm.
        vein: Whether and how far forward the basivertebral vein is seen: its front end, relative to ``half_depth``.
        vein_radius: mm; 0 where it is not seen.
    """

    top: Floats
    bottom: Floats
    half_depth: Floats
    half_width: Floats
    shift: Floats
    upper_concavity: Floats
    lower_concavity: Floats
    wedge: Floats
    uncinate: Floats
    anterior_waist: Floats
    posterior_waist: Floats
    anterior_spurs: Floats
    posterior_spurs: Floats
    taper: Floats
    node_depth: Floats
    node_place: Floats
    node_radius: Floats
    vein: Floats
    vein_radius: Floats


@dataclass(frozen=True)
class BodyFrame:
    """Where voxels lie relative to the body of their level.

    Attributes:
        d: Distance behind the body's centre, mm, (H, W).
        lateral: Squared lateral distance relative to the half width, at most 1, (N, H, W).
        roundness: Half depth at this lateral distance, relative to that in the midline, (N, H, W).
        inside: Whether they are in the body, bool, (N, H, W).
    """

    d: Tensor
    lateral: Tensor
    roundness: Tensor
    inside: Tensor


def draw_bodies(rng: np.random.Generator, column: Column) -> BodyShapes:
    """Draw the shapes of a person's bodies.

    Args:
        rng: Source of all chance.
        column: The levels and their sizes.

    Returns:
        One shape per level.
    """
    n, levels, scale = len(column), column.levels, column.scale
    concavity = scale * rng.uniform(0.35, 1.25)
    upper = by_region(levels, rng.uniform(0.2, 0.9, n), rng.uniform(0.4, 1.6, n), rng.uniform(0.8, 2.8, n), 0.4)
    lower = by_region(levels, rng.uniform(0.3, 1.4, n), rng.uniform(0.5, 1.8, n), rng.uniform(1.0, 3.2, n), 0.2)
    waist = by_region(levels, rng.uniform(0.02, 0.10, n), *[rng.uniform(0.04, 0.16, n)] * 3)
    spurs = float(rng.random() < 0.4) * rng.random()
    wedge = by_region(
        levels, rng.normal(0, 0.3, n), rng.normal(0.5, 0.5, n), rng.normal(-0.4, 0.5, n), rng.normal(0, 0.3, n)
    )
    return BodyShapes(
        top=column.top,
        bottom=column.bottom,
        half_depth=column.half_depth,
        half_width=column.half_width,
        shift=_shift(rng, column),
        upper_concavity=np.minimum(upper * concavity + column.biconcavity, column.height * 0.3),
        lower_concavity=np.minimum(lower * concavity + column.biconcavity, column.height * 0.3),
        wedge=column.wedge + wedge,
        uncinate=np.where(is_cervical(levels), rng.uniform(1.5, 4.5), 0.0) * scale,
        anterior_waist=waist * rng.uniform(0.5, 1.3),
        posterior_waist=rng.uniform(0, 0.08, n),
        anterior_spurs=rng.uniform(0, 0.14, n) * spurs * (rng.random(n) < 0.6) + 0.02,
        posterior_spurs=rng.uniform(0, 0.08, n) * spurs * (rng.random(n) < 0.5),
        taper=_taper(rng, column),
        node_depth=np.where(rng.random(n) < 0.10 * (rng.random() < 0.5), rng.uniform(2, 6, n), 0.0),
        node_place=rng.uniform(-0.5, 0.5, n) * column.half_depth,
        node_radius=rng.uniform(3, 6, n),
        vein=np.full(n, rng.uniform(0.25, 0.6)),
        vein_radius=np.where(~is_cervical(levels), rng.uniform(0.8, 2.2) * (rng.random() < 0.75), 0.0),
    )


def paint_bodies(tissues: TissueMap, at: Coordinates, frame: BodyFrame, shapes: BodyShapes, column: Column) -> None:
    """Paint the bodies from C2 to the coccyx, with the basivertebral veins.

    Args:
        tissues: Where to paint.
        at: Coordinates of the grid.
        frame: From :func:`body_frame`.
        shapes: From :func:`draw_bodies`.
        column: The levels.
    """
    level = per_level(column.levels, at.territory).to(torch.uint8)
    tissues.paint_level(frame.inside, Tissue.MARROW, Semantic.BODY, level)
    half_depth, front, radius, centre = (
        per_level(values, at.territory)
        for values in (shapes.half_depth, shapes.vein, shapes.vein_radius, column.centre)
    )
    behind = (frame.d > half_depth * front) & ((at.axial - centre).abs() < radius)
    tissues.paint(frame.inside & (at.x.abs() < 6) & behind, Tissue.BASIVERTEBRAL_VEIN)


def body_frame(tissues: TissueMap, at: Coordinates, shapes: BodyShapes) -> BodyFrame:
    """Compute the bodies on a grid, and note the height between the endplates in the tissue map.

    Args:
        tissues: Whose ``height`` is set.
        at: Coordinates of the grid.
        shapes: From :func:`draw_bodies`.

    Returns:
        Where the voxels lie relative to the bodies.
    """
    here = {field.name: per_level(getattr(shapes, field.name), at.territory) for field in fields(shapes)}
    d, in_front = at.d - here["shift"], at.d < here["shift"]
    lateral = ((at.x / here["half_width"]) ** 2).clamp(max=1)
    roundness = torch.where(in_front, 1 - lateral * lateral.sqrt(), 1 - lateral * lateral).clamp_(min=0).sqrt_()
    top, bottom = _endplates(here, d, lateral)
    height = (at.axial - (top + bottom) * 0.5) / ((bottom - top).clamp(min=2) * 0.5)
    tissues.height.copy_(height)
    square = height * height
    eighth = (square * square) ** 2
    depth = (here["half_depth"] * roundness + 1e-3) * _wall(here, in_front, height, square, eighth)
    across = (d / depth) ** 2
    inside = ((across * across) ** 2 * across + eighth * square) < 1
    inside &= ~((at.axial < -1) & (at.territory == 0))
    return BodyFrame(d, lateral, roundness, inside)


def _endplates(here: dict[str, Tensor], d: Tensor, lateral: Tensor) -> tuple[Tensor, Tensor]:
    """Arc lengths of the upper and lower endplate at every voxel, mm, (N, H, W)."""
    hollow = (1 - (d / here["half_depth"]) ** 2).clamp_(min=0) * (1 - lateral)
    node = here["node_depth"] * torch.exp(-(((d - here["node_place"]) / here["node_radius"]) ** 2))
    wedge = here["wedge"] * (0.5 - 0.5 * d / here["half_depth"]).clamp(0, 1)
    top = here["top"] + wedge + here["upper_concavity"] * hollow + node * (1 - lateral)
    top -= here["uncinate"] * lateral * lateral
    return top, here["bottom"] - here["lower_concavity"] * hollow


def _wall(here: dict[str, Tensor], in_front: Tensor, height: Tensor, square: Tensor, eighth: Tensor) -> Tensor:
    """Relative depth of the body by height: waisted, with spurs at the endplates; (N, H, W)."""
    waist = torch.where(in_front, here["anterior_waist"], here["posterior_waist"])
    spurs = torch.where(in_front, here["anterior_spurs"], here["posterior_spurs"])
    return 1 - waist * (1 - square) + spurs * eighth.clamp(max=1) + here["taper"] * height


def _shift(rng: np.random.Generator, column: Column) -> Floats:
    """Displacement of the bodies toward posterior; in some persons a step (listhesis) at one lumbar level, mm."""
    shift = rng.normal(0, 0.45, len(column)) + np.where(column.levels == S1, 1.0, 0.0)
    if rng.random() < 0.15:
        lumbar = np.flatnonzero(is_lumbar(column.levels))
        shift[: rng.choice(lumbar) + 1] += rng.uniform(-5, 5)
    return shift


def _taper(rng: np.random.Generator, column: Column) -> Floats:
    """S1 and the segments below narrow downwards, the others widen a little."""
    taper = rng.uniform(-0.02, 0.06, len(column))
    taper[column.levels == S1] = rng.uniform(-0.30, -0.10)
    taper[column.levels == BELOW_S1] = -0.15
    return taper
