"""Transverse processes: foraminated in the neck, knobs for the ribs in the thorax, flat plates in the lumbar spine."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from spine_segmentation.arrays import Floats
from spine_segmentation.synth.canal import CanalFrame
from spine_segmentation.synth.column import Column
from spine_segmentation.synth.coordinates import Coordinates
from spine_segmentation.synth.implicit import intersect
from spine_segmentation.synth.level_tables import along, gather, ranks
from spine_segmentation.synth.morphometry import C7, is_presacral
from spine_segmentation.synth.tissues import Semantic, Tissue, TissueMap

_ALA_MM = 46.0
"""How far to the side a transverse process reaches that has grown into the sacral ala."""

_ALA_DROP_MM = 8.0
"""How far the upper edge of the ala lies there below the endplate."""


@dataclass(frozen=True)
class TransverseShapes:
    """The transverse processes, one entry per level, shape (n,), mm.

    Attributes:
        centre: Arc length of the root.
        root: Lateral distance of the root.
        length: From root to tip, sideways; 0 where there is none.
        behind: Place of the root behind the canal's posterior wall.
        backward: How it points toward posterior, mm per mm sideways.
        downward: How it points downwards, mm per mm sideways.
        half_depth: Half its thickness from front to back.
        half_height: Half its height.
        span: From the root down to the level of the ala below.
        knob: Relative gain in thickness toward the tip.
        right: How far the right one has grown into the sacral ala, 0 to 1.
        left: The same of the left one.
        artery: Lateral distance of the vertebral artery, negative where it does not run.
        level: VerSe number.
    """

    centre: Floats
    root: Floats
    length: Floats
    behind: Floats
    backward: Floats
    downward: Floats
    half_depth: Floats
    half_height: Floats
    span: Floats
    knob: Floats
    right: Floats
    left: Floats
    artery: Floats
    level: Floats


def draw_transverse(rng: np.random.Generator, column: Column, pedicles: Floats, places: Floats) -> TransverseShapes:
    """Draw the transverse processes of a person.

    Args:
        rng: Source of all chance.
        column: The levels, their sizes and their growth into the sacral ala.
        pedicles: Arc lengths of the pedicles, mm, shape (n,).
        places: Lateral distances of the pedicles, mm, shape (n,).

    Returns:
        The transverse processes of C2 to the lowest lumbar vertebra.
    """
    n, rank, scale = len(column), ranks(column), column.scale
    tip = along(rank, {"C2": 23, "C3": 25, "C6": 28, "C7": 33, "T1": 37, "T2": 34, "T5": 31, "T9": 28, "T11": 24,
                       "T12": 21, "L1": 36, "L2": 41, "L3": 45, "L4": 42, "L5": 45})  # fmt: skip
    drop = along(rank, {"C2": 4, "C3": 2, "T1": 1, "T12": 1, "L1": 3, "L5": 2.5})
    centre = pedicles + scale * drop + rng.normal(0, 0.7, n)
    return TransverseShapes(
        centre=centre,
        root=places - 2 * scale,
        length=np.where(is_presacral(column.levels), tip * scale * rng.normal(1, 0.06, n) - places + 2 * scale, 0.0),
        behind=scale * along(rank, {"C6": -18, "C7": -9, "T1": -1, "T11": 1, "T12": -1, "L1": -5, "L5": -11}),
        backward=along(rank, {"C3": 0, "C7": 0.2, "T1": 0.3, "T2": 0.5, "T5": 0.8, "T11": 1.0, "T12": 0.8,
                              "L1": 0.3, "L3": 0.15, "L5": 0.15}),
        downward=along(rank, {"C3": 0.35, "C7": 0.1, "T1": -0.2, "T11": -0.2, "L1": -0.05, "L4": -0.2, "L5": -0.1}),
        half_depth=scale * along(rank, {"C3": 6, "C7": 5, "T1": 4.2, "T12": 4, "L1": 3, "L4": 3.2, "L5": 5.5}),
        half_height=scale * along(rank, {"C3": 3.2, "T1": 4.5, "T9": 5, "T12": 5, "L1": 6, "L3": 6.5, "L5": 7.5}),
        span=np.append(column.top[1:], column.bottom[-1]) + _ALA_DROP_MM * scale - centre,
        knob=along(rank, {"C7": 0, "T1": 0.25, "T10": 0.25, "T12": 0, "L1": -0.15, "L5": -0.2}),
        right=column.sacral_wing[:, 0],
        left=column.sacral_wing[:, 1],
        artery=np.where((column.levels < C7), column.half_width + 6.5 * scale, -9.0),
        level=column.levels.astype(np.float64),
    )  # fmt: skip


def paint_transverse(
    tissues: TissueMap, at: Coordinates, canal: CanalFrame, shapes: TransverseShapes, level: Tensor
) -> None:
    """Paint the transverse processes, and the vertebral arteries in those of the neck.

    Args:
        tissues: Where to paint, shape (N, M).
        at: Coordinates, shapes (M,) and (N, M).
        canal: Walls of the canal, shape (M,).
        shapes: From :func:`draw_transverse`.
        level: Which level's pedicle is nearest, int64, shape (M,).
    """
    here = gather(shapes, level)
    distance = at.x.abs()
    wing = torch.lerp(here["right"], here["left"], (at.x > 0).float())
    out = distance - here["root"]
    length = here["length"] + wing * (_ALA_MM - here["root"] - here["length"]).clamp(min=0)
    share = (out / (length + 1e-3)).clamp(0, 2)
    size = 1 + (here["knob"] + 0.3 * wing) * share
    depth = (canal.behind - here["behind"] - here["backward"] * out) / ((here["half_depth"] + 6 * wing) * size)
    height = at.axial - here["centre"] - here["downward"] * out - 0.5 * wing * here["span"]
    height = height / torch.lerp(here["half_height"] * size, 0.5 * here["span"] + 3, wing)
    process = intersect(depth * depth + height * height + _power_8(share) - 1, -out)
    tissues.paint_level(process, Tissue.POSTERIOR_MARROW, Semantic.POSTERIOR, here["level"].to(tissues.level.dtype))
    artery = torch.maximum((distance - here["artery"]).square() + (at.d - 3).square() - 5, -at.s)
    tissues.paint_level(artery < 0, Tissue.VESSEL, Semantic.BACKGROUND, 0)


def _power_8(value: Tensor) -> Tensor:
    square = value * value
    fourth = square * square
    return fourth * fourth
