"""Intervertebral foramina: fat, the exiting root with its ganglion, and veins between neighbouring pedicles."""

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
from spine_segmentation.synth.morphometry import is_presacral
from spine_segmentation.synth.tissues import Semantic, Tissue, TissueMap


@dataclass(frozen=True)
class ForamenShapes:
    """The foramina, entry k is that below the pedicle of level k, shape (n,), mm.

    Attributes:
        root: Arc length of the exiting root where it leaves the canal.
        front: Its distance behind the bodies' centres there.
        radius: Of the root.
        ganglion: How much thicker its ganglion is.
        descent: How far it sinks, mm per mm sideways.
        forward: How far it turns toward anterior, mm per mm sideways.
        place: Lateral distance of the ganglion.
        reach: Lateral distance at which the fat of the foramen ends.
        sleeve: Thickness of the fluid around the root where it leaves the sac.
        vein: Radius of the vein below the root, 0 where it is not seen.
    """

    root: Floats
    front: Floats
    radius: Floats
    ganglion: Floats
    descent: Floats
    forward: Floats
    place: Floats
    reach: Floats
    sleeve: Floats
    vein: Floats


def draw_foramina(rng: np.random.Generator, column: Column, pedicles: Floats, half_heights: Floats) -> ForamenShapes:
    """Draw the contents of a person's foramina.

    Args:
        rng: Source of all chance.
        column: The levels and their sizes.
        pedicles: Arc lengths of the pedicles, mm, shape (n,).
        half_heights: Half the heights of the pedicles, mm, shape (n,).

    Returns:
        The foramina below C2 to the lowest lumbar vertebra; cervical roots pass low, the others close to the pedicle.
    """
    n, rank, scale = len(column), ranks(column), column.scale
    radius = scale * along(rank, {"C2": 1.4, "C6": 2.0, "T1": 1.7, "T3": 1.2, "T11": 1.5, "L1": 1.8, "L5": 2.6})
    under = pedicles + half_heights + radius + scale * along(rank, {"T12": 1.2, "L5": 2.2})
    over = np.append(pedicles[1:] - half_heights[1:], pedicles[-1]) - radius - 1.0
    low = along(rank, {"C7": 1, "T1": 0.5, "T2": 0})
    return ForamenShapes(
        root=np.where(is_presacral(column.levels), low * over + (1 - low) * under, -1e3),
        front=column.half_depth + scale * along(rank, {"C7": 1.5, "T1": 4, "T12": 6, "L5": 7}),
        radius=radius * rng.normal(1, 0.08, n),
        ganglion=radius * rng.uniform(0.45, 0.8),
        descent=along(rank, {"C3": 0.2, "C7": 0.45, "T1": 0.3, "T3": 0.1, "T12": 0.3, "L1": 0.55, "L5": 0.85}),
        forward=along(rank, {"C3": 0.4, "C7": 0.4, "T1": 0.2, "T3": -0.1, "T12": 0.1, "L1": 0.25, "L5": 0.35}),
        place=scale * along(rank, {"C3": 16, "C7": 16, "T1": 14, "T3": 11, "T11": 13, "L1": 15, "L3": 17, "L5": 21}),
        reach=scale * along(rank, {"C7": 21, "T1": 17, "T3": 13, "T9": 14, "T12": 17, "L1": 20, "L3": 23, "L5": 30}),
        sleeve=np.full(n, rng.uniform(0, 0.8) * scale),
        vein=np.where(rng.random(n) < 0.7, rng.uniform(0.6, 1.3, n), 0.0) * scale,
    )


def paint_foramina(tissues: TissueMap, at: Coordinates, canal: CanalFrame, shapes: ForamenShapes, gap: Tensor) -> None:
    """Paint fat, roots and veins beside the canal; bone, painted later, bounds them.

    Args:
        tissues: Where to paint, shape (N, M).
        at: Coordinates, shapes (M,) and (N, M).
        canal: Walls of the canal, shape (M,).
        shapes: From :func:`draw_foramina`.
        gap: Which foramen, int64, shape (M,).
    """
    here = gather(shapes, gap)
    distance = at.x.abs()
    aside = distance - here["place"]
    between = torch.maximum(canal.behind + 1, canal.front - 3 - at.d)
    inner = canal.half_width - distance
    fat = torch.maximum(rounded(4.0, between, distance - here["reach"]), torch.maximum(inner, -at.s))
    tissues.paint(fat < 0, Tissue.EPIDURAL_FAT)
    out = aside + 5
    down = at.axial - here["root"] - here["descent"] * out
    back = at.d - here["front"] + here["forward"] * out
    radius = here["radius"] + here["ganglion"] * (1 - 0.04 * aside * aside).clamp(min=0)
    section = down * down + back * back * 1.3
    leaving = torch.maximum(inner - 3, distance - here["reach"] - 12)
    tissues.paint(
        intersect(section - (radius + here["sleeve"]).square(), leaving, -inner - 1), Tissue.CSF, Semantic.CANAL
    )
    tissues.paint(intersect(section - radius * radius, leaving), Tissue.NERVE)
    vein = (down - 5.5).square() + (back - 1).square() - here["vein"].square()
    tissues.paint(intersect(vein, inner, distance - here["reach"]), Tissue.VESSEL)
