"""The spinal canal: its walls, the thecal sac in it, and the epidural space between them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor

from spine_segmentation.arrays import Floats
from spine_segmentation.synth.bodies import BodyShapes
from spine_segmentation.synth.column import Column
from spine_segmentation.synth.coordinates import Coordinates
from spine_segmentation.synth.implicit import intersect
from spine_segmentation.synth.level_tables import along, lost_height, ranks
from spine_segmentation.synth.morphometry import L1, L5, S1, is_lumbar
from spine_segmentation.synth.nerves import NerveShapes, draw_nerves, paint_nerves
from spine_segmentation.synth.profiles import lookup, profile
from spine_segmentation.synth.selection import paint_where
from spine_segmentation.synth.tissues import Semantic, Tissue, TissueMap

LIPOMATOSIS = 0.05
"""Share of persons whose lower sac is hemmed in by epidural fat."""


_RETROVERTEBRAL_MM = 4.0
"""The epidural space reaches so far in front of the anterior wall where a body is hollow behind."""


@dataclass(frozen=True)
class CanalShape:
    """The canal of one person; profiles along the column are tables by arc length, mm where not said otherwise.

    Attributes:
        front: Profile: distance of the anterior wall behind the bodies' centres.
        depth: Profile: anteroposterior diameter.
        half_width: Profile: half the lateral diameter.
        space_before: Profile: epidural space in front of the sac, widest behind the middle of the bodies.
        space_behind: Profile: epidural space behind the sac.
        calibre: Profile: diameter of the sac relative to what the epidural space leaves; 0 below its end.
        venous: Profile: positive where veins, not fat, fill the space in front (the middle of the bodies).
        nerves: Cord and roots.
        upper_end: Arc length at which the canal becomes the foramen magnum.
        lower_end: Arc length below which the canal is no longer annotated.
    """

    front: Floats
    depth: Floats
    half_width: Floats
    space_before: Floats
    space_behind: Floats
    calibre: Floats
    venous: Floats
    nerves: NerveShapes
    upper_end: float
    lower_end: float


@dataclass(frozen=True)
class CanalFrame:
    """Where the canal's walls are on a grid; the lamina lies behind the back wall.

    Attributes:
        front: Distance of the anterior wall behind the bodies' centres, mm, (H, W).
        depth: Anteroposterior diameter, mm, (H, W).
        half_width: Half the lateral diameter, mm, (H, W).
        behind: Distance of the voxel behind the posterior wall, negative in front of it, mm, (H, W).
    """

    front: Tensor
    depth: Tensor
    half_width: Tensor
    behind: Tensor


def draw_canal(rng: np.random.Generator, column: Column, bodies: BodyShapes) -> CanalShape:
    """Draw the canal of a person.

    Widths are interpedicular distances after Panjabi et al. 1991, 1992 (Spine 16:861, 16:888, 17:299). The sac ends at
    S2 in the mean (Macdonald et al. 1999, Clin Anat 12:149).

    Args:
        rng: Source of all chance.
        column: The levels.
        bodies: Whose posterior walls bound the canal.

    Returns:
        A canal from the foramen magnum to the sacral hiatus.
    """
    rank, scale, s1 = ranks(column), column.scale, column.index(S1)
    depth = along(rank, {"C2": 16.5, "C3": 14.2, "C7": 14.2, "T2": 14.8, "T9": 14.8, "L1": 16.8, "L3": 16, "L5": 17,
                         "S1": 15, "S2": 10, "S3": 6.5, "S5": 3}) * scale * rng.uniform(0.82, 1.18)  # fmt: skip
    half_width = scale * along(rank, {"C2": 12.5, "C3": 11.8, "C7": 12, "T1": 10.5, "T3": 8.7, "T9": 8.4, "T11": 9.4,
                                      "L1": 11.4, "L3": 12.4, "L5": 14.5, "S1": 15, "S2": 12, "S4": 7})  # fmt: skip
    squeeze = _stenosis(rng, column)
    sac_end = float(column.centre[s1 + 1]) + rng.normal(0, 14)
    calibre = profile([sac_end - 45, sac_end - 6, sac_end], [1, 0.5, 0.0], smoothing=21)
    before, behind, venous = _epidural_space(rng, column)
    above = np.array([-60.0, -25.0, -8.0])
    return CanalShape(
        front=_profile(column, above, scale * np.array([9.0, 8.0, 7.0]), column.half_depth + bodies.shift),
        depth=_profile(column, above, np.array([34.0, 26.0, 18.0]), depth),
        half_width=_profile(column, above, np.array([16.0, 14.0, 13.0]), half_width),
        space_before=before,
        space_behind=behind,
        calibre=calibre * (1 - squeeze),
        venous=venous,
        nerves=draw_nerves(rng, column, squeeze),
        upper_end=-22 * scale,
        lower_end=column.position(S1) + 60,
    )


def _profile(column: Column, above: Floats, values_above: Floats, values: Floats) -> Floats:
    """Profile of a quantity that is known at three places above the column and at the bodies' centres."""
    return profile(np.concatenate([above, column.centre]), np.concatenate([values_above, values]), smoothing=41)


def _stenosis(rng: np.random.Generator, column: Column) -> Floats:
    """Profile: by how much discs that have lost height, with bulge and thickened ligament, narrow the sac."""
    lost, n = lost_height(column), len(column)
    worn = np.clip(lost * rng.uniform(0, 1.4, n) + 0.25 * column.degeneration * (rng.random(n) < 0.2), 0, 0.6)
    positions = np.sort(np.concatenate([column.centre, column.disc_centre]))
    values = np.stack([np.zeros(n), worn], axis=1).ravel()
    return profile(positions, values, smoothing=11)


def _epidural_space(rng: np.random.Generator, column: Column) -> tuple[Floats, Floats, Floats]:
    """Profiles of the space before and behind the sac, and of the veins in the former."""
    rank, n, scale = ranks(column), len(column), column.scale
    positions = np.sort(np.concatenate([column.centre, column.disc_centre]))
    middle = along(rank, {"C7": 0.8, "T12": 1.0, "L3": 1.6, "L5": 2.6, "S1": 4.5, "S2": 4}) * rng.uniform(0.4, 1.3)
    at_disc = along(rank, {"L3": 0.3, "L4": 0.6, "L5": 2.2, "S1": 4.0}) * rng.uniform(0.3, 1.4)
    fat = rng.uniform(1, 4) * (rng.random() < LIPOMATOSIS) * np.interp(rank, [L1, L5], [0, 1])
    behind = scale * along(rank, {"C7": 0.4, "T3": 1.2, "T12": 1.4, "L3": 1.0, "L5": 1.6, "S2": 2}) + fat
    alternating = np.stack([middle + 0.6 * fat, at_disc + 0.6 * fat], axis=1).ravel() * scale
    veins = np.where(is_lumbar(column.levels) | (rank < 8), 0.4, -0.4)
    return (
        profile(positions, alternating, smoothing=15),
        profile(column.centre, behind, smoothing=41),
        profile(positions, np.stack([veins, np.full(n, -1.0)], axis=1).ravel()),
    )


def canal_frame(at: Coordinates, shape: CanalShape) -> CanalFrame:
    """Compute where the canal's walls are.

    Args:
        at: Coordinates of the grid.
        shape: From :func:`draw_canal`.

    Returns:
        The walls at every pixel.
    """
    front, depth, half_width = lookup(np.stack([shape.front, shape.depth, shape.half_width]), at.s)
    return CanalFrame(front, depth, half_width, at.d - front - depth)


def paint_canal(tissues: TissueMap, at: Coordinates, frame: CanalFrame, shape: CanalShape) -> None:
    """Paint the canal with its contents.

    Args:
        tissues: Where to paint.
        at: Coordinates of the grid.
        frame: From :func:`canal_frame`.
        shape: From :func:`draw_canal`.
    """
    reach = intersect(frame.front - _RETROVERTEBRAL_MM - at.d, frame.behind)
    paint_where(reach, partial(_paint_contents, shape), tissues, at, frame)


def _paint_contents(shape: CanalShape, tissues: TissueMap, at: Coordinates, canal: CanalFrame) -> None:
    """Epidural space, sac, cord and roots; on shapes (M,) and (N, M)."""
    tables = np.stack([shape.space_before, shape.space_behind, shape.calibre, shape.venous])
    before, behind, calibre, venous = lookup(tables, at.s)
    half_depth = canal.depth * 0.5
    off_centre = canal.behind + half_depth
    across = (at.x / canal.half_width).square()
    inside = across + (off_centre / half_depth).square() - 1
    inside = torch.minimum(inside, torch.maximum(off_centre, across - 0.6))
    tissues.paint(inside < 0, Tissue.EPIDURAL_FAT)
    annotated = intersect(inside, shape.upper_end - at.s, at.s - shape.lower_end)
    tissues.paint(annotated, Tissue.EPIDURAL_FAT, Semantic.CANAL)
    off_sac = off_centre + 0.5 * (behind - before)
    sac_depth = (half_depth - 0.5 * (behind + before)).clamp(min=0.5)
    veins = intersect(inside, -venous, off_sac + sac_depth, at.x.abs() - 6)
    tissues.paint(veins, Tissue.BASIVERTEBRAL_VEIN)
    size = calibre + 1e-3
    sac = (off_sac / (sac_depth * size)).square() + across * (1.1 / size).square() - 1
    tissues.paint(sac < 0, Tissue.CSF)
    paint_nerves(tissues, at, off_sac / sac_depth, sac, off_sac, shape.nerves)
