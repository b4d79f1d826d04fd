"""Ribs: one pair per thoracic level, which lateral slices show as a chain of ovals beside the column."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from spine_segmentation.arrays import Floats
from spine_segmentation.synth.column import Column
from spine_segmentation.synth.morphometry import T1, T12, T13, is_thoracic
from spine_segmentation.synth.profiles import per_level
from spine_segmentation.synth.scene import Patch, Reach, Scene, tabulate
from spine_segmentation.synth.tissues import Tissue

_ASIDE = (13.0, 22.0, 32.0, 42.0, 55.0, 75.0, 100.0, 125.0)
_BEHIND = (4.0, 10.0, 19.0, 26.0, 33.0, 34.0, 20.0, -10.0)
_DROP = (1.0, 0.0, 1.0, 4.0, 12.0, 27.0, 46.0, 64.0)
_HALF_HEIGHT = (4.5, 5.0, 6.0, 6.5, 7.5, 8.0, 8.0, 8.0)
_HALF_DEPTH = (4.5, 4.0, 5.0, 4.5, 4.5, 4.5, 4.0, 4.0)
"""Course and size of a mean rib by distance from the midline, mm: behind the bodies' centres, below the head."""

_PEDICLE_MM = 7.0
"""The heads of the last ribs lie this much farther back, at the pedicles."""


@dataclass(frozen=True)
class RibCage:
    """Ribs of one person.

    Attributes:
        head: Arc length of the heads, mm, shape (n,), ascending.
        size: Relative size of each rib, shape (n,).
        end: Distance from the midline at which each rib ends, mm, shape (n,).
        back: How much farther back than ``course`` each head lies, mm, shape (n,).
        course: Distance behind the bodies' centres and below the head, half height and half depth at the
            distances ``_ASIDE``, mm, shape (4, k).
        aside: ``_ASIDE`` of this person, mm, shape (k,).
    """

    head: Floats
    size: Floats
    end: Floats
    back: Floats
    course: Floats
    aside: Floats


def draw_ribs(rng: np.random.Generator, column: Column) -> RibCage:
    """Draw the ribs of a person.

    Args:
        rng: Source of all chance.
        column: The levels; a thirteenth thoracic one has small ribs.

    Returns:
        As many pairs as there are thoracic levels.
    """
    g, thoracic = column.scale, is_thoracic(column.levels)
    levels, n = column.levels[thoracic], int(thoracic.sum())
    place = np.where((levels == T1) | (levels >= T12 - 1), 0.3, 0.02)
    course = np.array([_BEHIND, _DROP, _HALF_HEIGHT, _HALF_DEPTH]) * g
    course[0] += rng.normal(0, 2)
    course[1] *= rng.uniform(0.7, 1.3)
    course[2:] *= rng.uniform(0.85, 1.15)
    end = np.select([levels == T13, levels == T12, levels == T12 - 1], [40.0, 75.0, 110.0], 140.0)
    return RibCage(
        head=column.top[thoracic] + place * column.height[thoracic] + rng.normal(0, 0.8, n),
        size=rng.normal(1, 0.07, n) * np.where(levels == T13, 0.7, 1.0),
        end=end * g * rng.uniform(0.85, 1.15),
        back=np.where(levels >= T12 - 1, _PEDICLE_MM * g, 0.0),
        course=course,
        aside=np.array(_ASIDE) * g,
    )


def chest_wall(patch: Patch, cage: RibCage) -> Tensor:
    """Give the distance of the ribs behind the bodies' centre line.

    Args:
        patch: Where to compute.
        cage: From :func:`draw_ribs`.

    Returns:
        mm, shape (n, h, w).
    """
    return tabulate(patch.aside.clamp(cage.aside[0], cage.aside[-1]), cage.aside, cage.course[:1])[0]


def paint_ribs(scene: Scene, cage: RibCage) -> None:
    """Paint ribs and the muscle between them.

    Args:
        scene: Where to paint.
        cage: From :func:`draw_ribs`.
    """
    extent = float(cage.head[0]) - 15, float(cage.head[-1]) + 80
    patch = scene.patch(Reach(extent, (-30.0, 62.0), (float(cage.aside[0]), float(cage.aside[-1])), paired=True))
    if patch is None:
        return
    behind, drop, half_height, half_depth = tabulate(patch.aside, cage.aside, cage.course)
    along = patch.s - drop
    head, size, end, back = _nearest(cage, along)
    across = (patch.d - behind - back * _nearness(patch.aside, cage)).abs()
    row = (along > cage.head[0]) & (along < cage.head[-1]) & (patch.aside > cage.aside[2])
    patch.paint((across < 0.6 * half_depth) & row, Tissue.MUSCLE)
    square = ((along - head) / half_height) ** 2 + (across / half_depth) ** 2
    square = torch.where(patch.aside < end, square / (size * size), 9.0)
    patch.paint(square < 1.0, Tissue.CORTEX)
    patch.paint(square < 0.52, Tissue.PELVIC_MARROW)


def _nearness(aside: Tensor, cage: RibCage) -> Tensor:
    """1 at the head, 0 from the angle on."""
    head, angle = float(cage.aside[0]), float(cage.aside[4])
    nearness: Tensor = ((angle - aside) / (angle - head)).clamp(0, 1)
    return nearness


def _nearest(cage: RibCage, along: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Head, size, end and setback of the nearest rib."""
    between = torch.as_tensor((cage.head[1:] + cage.head[:-1]) / 2, dtype=torch.float32, device=along.device)
    index = torch.bucketize(along, between, out_int32=True)
    head, size, end, back = per_level(np.stack([cage.head, cage.size, cage.end, cage.back]), index)
    return head, size, end, back
