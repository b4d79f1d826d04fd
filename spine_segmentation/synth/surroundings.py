"""Neck and trunk around the spine: organs, muscles, vessels and airways."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from spine_segmentation.synth.canal import CanalFrame
from spine_segmentation.synth.column import Column
from spine_segmentation.synth.coordinates import Coordinates
from spine_segmentation.synth.fields import Fields
from spine_segmentation.synth.grid import Grid
from spine_segmentation.synth.morphometry import C5, L1, S1, T1
from spine_segmentation.synth.profiles import per_level
from spine_segmentation.synth.tissues import Tissue, TissueMap

_NECK = (Tissue.MUSCLE, Tissue.FAT, Tissue.MUSCLE, Tissue.DARK_ORGAN, Tissue.AIR, Tissue.VESSEL, Tissue.BRIGHT_ORGAN)
_THORAX = (Tissue.LUNG, Tissue.VESSEL, Tissue.DARK_ORGAN, Tissue.FAT, Tissue.MUSCLE, Tissue.LUNG, Tissue.BRIGHT_ORGAN)
_ABDOMEN = (
    Tissue.FAT, Tissue.BOWEL, Tissue.DARK_ORGAN, Tissue.BRIGHT_ORGAN, Tissue.VESSEL, Tissue.SOFT_ORGAN, Tissue.FAT,
)  # fmt: skip
_PREVERTEBRAL = (Tissue.MUSCLE, Tissue.FAT, Tissue.LIGAMENT, Tissue.DARK_ORGAN, Tissue.FAT)


@dataclass(frozen=True)
class Tube:
    """A vessel or airway in front of the column.

    Attributes:
        start: Upper end, arc length, mm.
        end: Lower end, arc length, mm.
        gap: Distance of its axis in front of the bodies, mm.
        radius: In the sagittal plane, mm.
        lateral: Position toward the left, mm.
        half_width: Lateral radius, mm.
        tissue: What it contains.
    """

    start: float
    end: float
    gap: float
    radius: float
    lateral: float
    half_width: float
    tissue: Tissue


@dataclass(frozen=True)
class Surroundings:
    """What lies around the spine of one person.

    Attributes:
        organs: Tissues of the blobs in front of the column in neck, thorax and abdomen, shape (3, 7), uint8.
        thorax: Arc length at which the thorax begins, mm.
        abdomen: Arc length at which the abdomen begins, mm.
        fatty_infiltration: Threshold on a field above which muscle is fat; lower is fatter.
        beside: What lies beside the bodies.
        prevertebral: Tissue right in front of the bodies.
        prevertebral_thickness: mm.
        tubes: Trachea, aorta, vena cava, oesophagus, as far as they are there.
        seed: Seed of the irregular parts.
    """

    organs: npt.NDArray[np.uint8]
    thorax: float
    abdomen: float
    fatty_infiltration: float
    beside: Tissue
    prevertebral: Tissue
    prevertebral_thickness: float
    tubes: tuple[Tube, ...]
    seed: int


def draw_surroundings(rng: np.random.Generator, column: Column) -> Surroundings:
    """Draw what lies around the spine.

    Args:
        rng: Source of all chance.
        column: The levels, by whose height the regions and vessels begin and end.

    Returns:
        The surroundings of one person.
    """
    organs = [rng.permutation(np.array(tissues, dtype=np.uint8)) for tissues in (_NECK, _THORAX, _ABDOMEN)]
    thickness = rng.uniform(1, 4) + (rng.uniform(2, 9) if rng.random() < 0.7 else 0.0)
    return Surroundings(
        organs=np.stack(organs),
        thorax=column.position(T1) + 15,
        abdomen=column.position(L1) - 10,
        fatty_infiltration=rng.uniform(0.6, 2.2),
        beside=Tissue.MUSCLE if rng.random() < 0.7 else Tissue.DARK_ORGAN,
        prevertebral=_PREVERTEBRAL[int(rng.integers(len(_PREVERTEBRAL)))],
        prevertebral_thickness=thickness,
        tubes=_draw_tubes(rng, column),
        seed=int(rng.integers(2**31)),
    )


def _draw_tubes(rng: np.random.Generator, column: Column) -> tuple[Tube, ...]:
    u = rng.uniform
    c5, t1, l1, s1 = (column.position(level) for level in (C5, T1, L1, S1))
    cava = Tissue.VESSEL if rng.random() < 0.6 else Tissue.BRIGHT_ORGAN
    trachea = Tube(c5 - u(0, 40), t1 + u(40, 110), u(12, 26), u(5, 9), rng.normal(0, 2), 9, Tissue.LUNG)
    aorta = Tube(t1 + u(40, 90), s1 - u(20, 60), u(8, 18), u(6, 12), u(-14, 10), 11, Tissue.VESSEL)
    vena_cava = Tube(l1 - u(0, 120), s1 - u(20, 60), u(8, 16), u(6, 12), u(2, 22), 11, cava)
    oesophagus = Tube(c5, l1, u(5, 12), u(2.5, 5), rng.normal(0, 3), 6, Tissue.MUSCLE)
    shown = rng.random(4) < (0.8, 0.7, 0.5, 0.5)
    return tuple(tube for tube, show in zip((trachea, aorta, vena_cava, oesophagus), shown, strict=True) if show)


def paint_surroundings(
    tissues: TissueMap, at: Coordinates, canal: CanalFrame, shape: Surroundings, column: Column, grid: Grid
) -> None:
    """Paint everything but the spine, from the organs in front to the muscles of the back.

    Args:
        tissues: Where to paint; all of it is overwritten.
        at: Coordinates of the grid.
        canal: Walls of the canal.
        shape: From :func:`draw_surroundings`.
        column: The levels.
        grid: The sagittal slices.
    """
    fields = Fields(shape.seed, grid)
    tissues.tissue.copy_(_organs(at, shape, fields))
    _paint_muscles(tissues, at, canal, shape, column, fields)
    front = -(canal.front + shape.prevertebral_thickness)
    tissues.paint((at.d < 0) & (at.d > front), shape.prevertebral)
    for tube in shape.tubes:
        sagittal = ((at.d + canal.front + tube.gap) / tube.radius) ** 2
        inside = sagittal + ((at.x - tube.lateral) / tube.half_width) ** 2 < 1
        tissues.paint(inside & (at.s > tube.start) & (at.s < tube.end), tube.tissue)


def _organs(at: Coordinates, shape: Surroundings, fields: Fields) -> Tensor:
    """Blobs whose tissues depend on the region; (N, H, W), uint8."""
    count = shape.organs.shape[1]
    blobs = fields.common(count, (34, 20))[:, None] + 0.55 * fields.between_slices(count, (12, 18, 12))
    region = (at.s > shape.thorax).long() + (at.s > shape.abdomen).long()
    winner, highest = torch.zeros_like(at.x, dtype=torch.int64), blobs[0]
    for blob in range(1, count):  # much faster than argmax over the first dimension
        winner.masked_fill_(blobs[blob] > highest, blob)
        highest = torch.maximum(highest, blobs[blob])
    return torch.as_tensor(shape.organs, device=at.s.device).flatten()[region * count + winner]


def _paint_muscles(
    tissues: TissueMap, at: Coordinates, canal: CanalFrame, shape: Surroundings, column: Column, fields: Fields
) -> None:
    """Fat-streaked muscle behind and beside the bodies."""
    streaks = fields.between_slices(1, (10, 30, 5))[0] + 0.7 * fields.between_slices(1, (8, 12, 4))[0]
    behind = at.d > canal.front
    tissues.paint(behind, Tissue.MUSCLE)
    tissues.paint(behind & (streaks > shape.fatty_infiltration), Tissue.FAT)
    half_width = per_level(column.half_width, at.territory)
    beside = (at.x.abs() > half_width * 0.9) & (at.d.abs() < canal.front * 1.3)
    tissues.paint(beside, shape.beside)
    tissues.paint(beside & (streaks > shape.fatty_infiltration + 0.3), Tissue.FAT)
