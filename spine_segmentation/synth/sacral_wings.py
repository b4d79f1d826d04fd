"""The sacrum beside and behind its canal: wings, foramina with their roots, posterior wall with the median crest."""

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
from spine_segmentation.synth.level_tables import along, gather, ranks
from spine_segmentation.synth.morphometry import S1
from spine_segmentation.synth.tissues import NO_LEVEL, Semantic, Tissue, TissueMap

SPINA_BIFIDA_OCCULTA = 0.12
"""Share of persons whose first sacral lamina is open in the midline."""

TARLOV_CYST = 0.03
"""Share of persons with a perineural cyst of the second or third sacral root."""

_EDGE_MM = 5.0
"""Radius of the wings' edges."""

_TILT = 0.22
"""How the upper edge of the wings falls off to the sides, mm/mm."""

_GROWN_MM = 18.0
"""By how much it rises to meet a transverse process."""


@dataclass(frozen=True)
class SacralShapes:
    """The sacrum's posterior and lateral parts, one entry per level, shape (n,), mm.

    Attributes:
        top: Arc length of the upper endplate of the body.
        centre: Arc length of the body's centre.
        half_height: Half the body's height.
        half_width: Lateral extent of the wings at the body's centre, 0 above the sacrum and at the coccyx' tip.
        right: How far the process above has grown into the right wing, 0 to 1.
        left: The same on the left.
        taper: How the lateral extent changes downwards, mm/mm.
        front: Distance of the anterior surface behind the bodies' centres, 20 mm from the midline.
        incline: How that changes downwards, mm/mm.
        thickness: Of the posterior wall; 0 from the hiatus on.
        crest: Height of the median crest on it.
        cleft: Half the width of a midline cleft in the wall.
        foramen: Arc length of the foramen below the level.
        foramen_place: Its lateral distance.
        foramen_radius: Half its height.
        cyst: Radius of a perineural (Tarlov) cyst, 0 for none.
        cyst_place: Its place to the left of the midline.
        level: VerSe number.
    """

    top: Floats
    centre: Floats
    half_height: Floats
    half_width: Floats
    right: Floats
    left: Floats
    taper: Floats
    front: Floats
    incline: Floats
    thickness: Floats
    crest: Floats
    cleft: Floats
    foramen: Floats
    foramen_place: Floats
    foramen_radius: Floats
    cyst: Floats
    cyst_place: Floats
    level: Floats


def draw_sacral_wings(rng: np.random.Generator, column: Column) -> SacralShapes:
    """Draw the lateral and posterior parts of a person's sacrum.

    Args:
        rng: Source of all chance.
        column: The levels and their sizes.

    Returns:
        S1 to S5 and the coccyx' transverse processes.
    """
    n, rank, scale, u = len(column), ranks(column), column.scale, rng.uniform
    sacral = np.arange(n) >= column.index(S1)
    width = scale * u(0.93, 1.07) * along(rank, {"S1": 53, "S2": 46, "S3": 37, "S4": 29, "S5": 22, "Co1": 12})
    front = -column.half_depth * along(rank, {"S1": 0.75, "S2": 0.8, "S5": 0.9})
    cystic = (np.arange(n) == column.index(S1) + rng.integers(1, 3)) & (rng.random() < TARLOV_CYST)
    hiatus = column.index(S1) + rng.choice([2, 3, 3, 3, 4])
    return SacralShapes(
        top=column.top,
        centre=column.centre,
        half_height=column.height / 2,
        half_width=np.where(sacral & (rank <= 30), width, 0.0),
        right=np.append(0.0, column.sacral_wing[:-1, 0]),
        left=np.append(0.0, column.sacral_wing[:-1, 1]),
        taper=np.gradient(width, column.centre),
        front=front,
        incline=np.where(column.levels == S1, 0.1, np.gradient(front, column.centre)),
        thickness=np.where(np.arange(n) <= hiatus, scale * u(3, 4.5), 0.0),
        crest=scale * along(rank, {"S1": 8, "S2": 8, "S3": 6, "S4": 3, "S5": 0}) * rng.uniform(0.6, 1.2, n),
        cleft=np.where(column.levels == S1, u(2, 6) * (rng.random() < SPINA_BIFIDA_OCCULTA), 0.0),
        foramen=column.disc_centre + rng.normal(0, 0.7, n),
        foramen_place=scale * along(rank, {"S1": 21, "S2": 18, "S3": 16, "S4": 14}) * u(0.95, 1.05),
        foramen_radius=np.where((rank >= 25) & (rank < 29), scale * along(rank, {"S1": 6.5, "S4": 4}), 0.0),
        cyst=np.where(cystic, u(4, 10) * scale, 0.0),
        cyst_place=np.full(n, u(-10, 10) * scale),
        level=column.levels.astype(np.float64),
    )


def paint_sacral_wings(
    tissues: TissueMap, at: Coordinates, canal: CanalFrame, shapes: SacralShapes, gap: Tensor
) -> None:
    """Paint wings, posterior wall and foramina.

    Args:
        tissues: Where to paint, shape (N, M).
        at: Coordinates, shapes (M,) and (N, M).
        canal: Walls of the canal, shape (M,).
        shapes: From :func:`draw_sacral_wings`.
        gap: The level above the nearest border of two segments, int64, shape (M,).
    """
    here, distance, behind = gather(shapes, at.territory), at.x.abs(), canal.behind
    level = here["level"].to(tissues.level.dtype)
    low = at.axial - here["centre"]
    lateral = distance - here["half_width"] - here["taper"] * low
    out = (distance - 20).clamp(min=0)
    anterior = here["front"] + here["incline"] * low + 0.3 * out - at.d
    posterior = behind - 3.5 + 0.25 * out
    grown = torch.lerp(here["right"], here["left"], (at.x > 0).float())
    upper = torch.where(here["level"] == S1, here["top"] + 3 - at.axial, -20.0) + _TILT * out - _GROWN_MM * grown
    off_centre = behind / (0.5 * canal.depth) + 1
    outside = 1 - off_centre * off_centre - (at.x / canal.half_width).square()
    wing = intersect(rounded(_EDGE_MM, lateral, anterior, posterior, upper), outside, 0.6 * canal.half_width - distance)
    tissues.paint_level(wing, Tissue.SACRAL_MARROW, Semantic.POSTERIOR, level)
    _paint_wall(tissues, here, distance, behind, low, level)
    _paint_foramina(tissues, at, canal, gather(shapes, gap))
    if shapes.cyst.any():
        off_axis = (behind + 0.4 * canal.depth).square() + (at.x - here["cyst_place"]).square()
        cyst = 0.5 * low.square() + off_axis - here["cyst"].square()
        tissues.paint_level(cyst < 0, Tissue.FLUID, Semantic.CANAL, NO_LEVEL)


def _paint_wall(
    tissues: TissueMap, here: dict[str, Tensor], distance: Tensor, behind: Tensor, low: Tensor, level: Tensor
) -> None:
    """Posterior wall of the sacral canal; there is a gap above it, below the last lumbar lamina."""
    share = low / here["half_height"]
    crest = here["crest"] * (1 - share * share) * (1 - distance / 5)
    start = torch.where(here["level"] == S1, -0.35 - share, -1.0)
    thickness = here["thickness"]
    solid = intersect(-behind - 0.5, behind - thickness - crest.clamp(min=0), distance - 18, 0.1 - thickness, start,
                      here["cleft"] - distance)  # fmt: skip
    tissues.paint_level(solid, Tissue.POSTERIOR_MARROW, Semantic.POSTERIOR, level)


def _paint_foramina(tissues: TissueMap, at: Coordinates, canal: CanalFrame, here: dict[str, Tensor]) -> None:
    """Sacral foramina from front to back through the bone, each with a root."""
    deep = -canal.behind
    radius = here["foramen_radius"] * (0.45 + 0.03 * deep).clamp(max=1)
    low = at.axial - here["foramen"] - 0.15 * deep
    aside = (at.x.abs() - here["foramen_place"] + 2 - 0.15 * deep) * 1.2
    round_ = low * low + aside * aside
    tissues.paint_level(round_ - radius * radius < 0, Tissue.FAT, Semantic.BACKGROUND, NO_LEVEL)
    root = (low + 1).square() + (deep - 0.6 * canal.depth).square() * 0.4 + aside * aside * 0.3
    tissues.paint(root - 0.15 * here["foramen_radius"].square() < 0, Tissue.NERVE)
