"""Articular processes: the facet joints between neighbouring vertebrae, the pars between a vertebra's two joints.

Between the pedicles of two neighbours lies one joint. Its plane parts the superior process of the lower vertebra, in
front and to the side, from the inferior process of the upper one, behind; above the joint the latter goes on as the
pars interarticularis up to its pedicle. Steepness and turn of the planes follow Panjabi et al. 1993 (Spine 18:1298) and
Masharawi et al. 2004 (Spine 29:1755): some 45 degrees in the neck, steep and nearly coronal in the thorax, upright and
turned toward the midline in the lumbar spine, less so at its end.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from spine_segmentation.arrays import Floats
from spine_segmentation.synth.canal import CanalFrame
from spine_segmentation.synth.column import Column
from spine_segmentation.synth.coordinates import Coordinates
from spine_segmentation.synth.implicit import intersect, rounded
from spine_segmentation.synth.level_tables import along, gather, lost_height, ranks
from spine_segmentation.synth.morphometry import is_lumbar, is_presacral
from spine_segmentation.synth.tissues import Semantic, Tissue, TissueMap

SPONDYLOLYSIS = 0.08
"""Share of persons with a gap in the pars; by CT it is one adult in nine (Kalichman et al. 2009, Spine 34:199)."""

_EDGE_MM = 2.2
"""Radius of the processes' edges."""


@dataclass(frozen=True)
class FacetShapes:
    """The joints, entry k is that below level k, shape (n,); mm where not said otherwise.

    Attributes:
        start: Arc length of the pedicle above.
        centre: Arc length of the joint's centre.
        behind: Its place behind the posterior wall of the canal.
        place: Its lateral distance.
        half_width: Of the articular processes, 0 where there is no joint.
        lean: Slope of the joint's plane, mm toward posterior per mm downwards.
        turn: Slope of the joint's plane, mm toward posterior per mm sideways.
        steepness: Cosine that turns distances along d into distances from the plane.
        superior: Thickness of the superior process of the level below.
        inferior: Thickness of the inferior process and of the pars.
        front: Foremost extent behind the posterior wall of the canal.
        back: Hindmost extent, likewise.
        rise: Length of the superior process above the centre.
        fall: Length of the inferior process below the centre.
        gap: Half the width of the joint space.
        effusion: 1 where fluid fills it.
        lysis: Half the width of a gap in the pars (spondylolysis), 0 for none.
        upper: VerSe number of the level above.
        lower: VerSe number of the level below.
    """

    start: Floats
    centre: Floats
    behind: Floats
    place: Floats
    half_width: Floats
    lean: Floats
    turn: Floats
    steepness: Floats
    superior: Floats
    inferior: Floats
    front: Floats
    back: Floats
    rise: Floats
    fall: Floats
    gap: Floats
    effusion: Floats
    lysis: Floats
    upper: Floats
    lower: Floats


def draw_facets(rng: np.random.Generator, column: Column, pedicles: Floats) -> FacetShapes:
    """Draw the articular processes of a person.

    Args:
        rng: Source of all chance.
        column: The levels, their sizes and the degree of degeneration.
        pedicles: Arc lengths of the pedicles, mm, shape (n,).

    Returns:
        The joints from C2-C3 to the lumbosacral one.
    """
    n, rank, scale = len(column), ranks(column), column.scale
    arthrosis = np.clip(lost_height(column) + column.degeneration * rng.uniform(0, 0.8, n), 0, 1)
    growth = scale * (1 + 0.4 * arthrosis)
    lean = along(rank, {"C2": 0.9, "C4": 1.05, "C6": 0.9, "C7": 0.7, "T1": 0.55, "T3": 0.4, "T10": 0.32, "L1": 0.2,
                        "L4": 0.22, "L5": 0.35}) * rng.uniform(0.85, 1.15, n)  # fmt: skip
    turn = along(rank, {"C7": 0, "T1": -0.2, "T10": -0.2, "T11": -0.1, "T12": 0.9, "L1": 1.3, "L3": 1.1, "L4": 0.8,
                        "L5": 0.55}) * rng.uniform(0.75, 1.25, n)  # fmt: skip
    place = along(rank, {"C2": 19, "C5": 19, "C7": 17.5, "T1": 14.5, "T2": 12.5, "T5": 11.5, "T11": 12.5, "L1": 14,
                         "L3": 16, "L4": 18.5, "L5": 22})  # fmt: skip
    half_width = along(rank, {"C7": 6.3, "T1": 6, "T3": 5, "T11": 5.5, "L1": 7, "L3": 8, "L5": 9})
    slim = along(rank, {"C7": 8.5, "T1": 7, "T3": 5, "T11": 6, "L1": 8, "L5": 9})
    shift = along(rank, {"C7": 0, "T1": -1, "T12": -1.5, "L5": 0}) + rng.normal(0, 0.7, n)
    return FacetShapes(
        start=pedicles,
        centre=column.disc_centre + scale * shift,
        behind=scale * along(rank, {"C7": -4.5, "T1": -1.5, "T3": 0, "T12": 0, "L5": -1.5}),
        place=place * scale,
        half_width=np.where(is_presacral(column.levels), np.minimum(half_width * growth, place * scale - 5), 0.0),
        lean=lean,
        turn=turn,
        steepness=1 / np.sqrt(1 + lean**2 + turn**2),
        superior=slim * growth * rng.uniform(0.9, 1.1, n),
        inferior=slim * growth * rng.uniform(0.9, 1.1, n),
        front=scale * along(rank, {"C7": -11.5, "T1": -8, "T3": -7, "T12": -7.5, "L1": -9, "L5": -10}),
        back=along(rank, {"C7": 2.5, "T1": 4, "T3": 5, "T11": 6, "L1": 8, "L5": 9}) * growth,
        rise=along(rank, {"C7": 8, "T2": 6.5, "T11": 8, "L1": 9.5, "L5": 9.5}) * growth,
        fall=along(rank, {"C7": 8, "T2": 6.5, "T11": 9, "L1": 11, "L5": 10}) * growth,
        gap=rng.uniform(0.5, 1.0) * (1 - 0.4 * arthrosis),
        effusion=(rng.random(n) < 0.1 + 0.4 * arthrosis).astype(np.float64),
        lysis=_lysis(rng, column),
        upper=column.levels.astype(np.float64),
        lower=np.append(column.levels[1:], 0).astype(np.float64),
    )


def _lysis(rng: np.random.Generator, column: Column) -> Floats:
    """Half widths of gaps in the pars: mostly of the lowest lumbar vertebra, in nearly all others of that above it."""
    lysis = np.zeros(len(column))
    lowest = int(np.flatnonzero(is_lumbar(column.levels))[-1])
    place, width = lowest - int(rng.random() < 0.15), rng.uniform(0.8, 2.0)
    if rng.random() < SPONDYLOLYSIS:
        lysis[place] = width
    return lysis


def paint_facets(tissues: TissueMap, at: Coordinates, canal: CanalFrame, shapes: FacetShapes, joint: Tensor) -> None:
    """Paint the articular processes and the joint spaces between them.

    Args:
        tissues: Where to paint, shape (N, M).
        at: Coordinates, shapes (M,) and (N, M).
        canal: Walls of the canal, shape (M,).
        shapes: From :func:`draw_facets`.
        joint: Which joint, int64, shape (M,).
    """
    here = gather(shapes, joint)
    below, beside = at.axial - here["centre"], at.x.abs() - here["place"]
    plane = (canal.behind - here["behind"] - here["lean"] * below) - here["turn"] * beside
    plane = plane * here["steepness"]
    envelope = torch.maximum(here["front"] - canal.behind, canal.behind - here["back"])
    envelope = torch.maximum(torch.maximum(envelope, here["start"] - at.axial), beside.abs() - here["half_width"])
    slit = here["lysis"] - (below + here["rise"] + 1 + 0.5 * canal.behind).abs()
    superior = rounded(_EDGE_MM, envelope, -plane - here["superior"], plane + here["gap"], -below - here["rise"])
    inferior = rounded(_EDGE_MM, envelope, plane - here["inferior"], here["gap"] - plane, below - here["fall"])
    space = intersect(envelope, plane.abs() - here["gap"], 1 - below - here["rise"], 1 + below - here["fall"])
    content = torch.where(here["effusion"] > 0, int(Tissue.FLUID), int(Tissue.CARTILAGE)).to(torch.uint8)
    tissues.paint(space, content, Semantic.BACKGROUND)
    for process, level in ((superior, "lower"), (torch.maximum(inferior, slit), "upper")):
        tissues.paint_level(process < 0, Tissue.POSTERIOR_MARROW, Semantic.POSTERIOR, here[level].to(torch.uint8))
