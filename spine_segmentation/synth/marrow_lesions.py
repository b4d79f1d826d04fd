"""Lesions in the marrow: haemangiomas and metastases."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from spine_segmentation.arrays import Floats
from spine_segmentation.synth.body_frame import BodyFrame
from spine_segmentation.synth.column import Column
from spine_segmentation.synth.coordinates import Coordinates
from spine_segmentation.synth.morphometry import is_cervical
from spine_segmentation.synth.noise import Noise
from spine_segmentation.synth.profiles import per_level
from spine_segmentation.synth.tissues import Tissue, TissueMap

_WITH_HAEMANGIOMA = 0.35
"""Share of persons: 26 % in whole-spine CT (Slon et al. 2015, Eur Spine J 24:2189), 41 % in MRI (1000 patients,
Neuroradiol J 2023, 36:23)."""

_WITH_METASTASES = 0.05
"""Share of persons, far above that among all who are examined, so that they are learned."""

_STRIAE_MM = 3.2
"""Distance of the thick vertical trabeculae in a haemangioma."""

_STRIA = 0.55
"""A stria is where a sine wave exceeds this: a third of the lesion."""

_BEHIND_WALL_MM = 8.0
"""How far beyond the posterior wall a lesion may reach into the pedicles."""


@dataclass(frozen=True)
class MarrowLesions:
    """At most one lesion per level, shape (n,), mm where not said otherwise.

    Attributes:
        tissue: What it consists of, a :class:`Tissue`, uint8.
        radius: Half its horizontal diameter; 0 for none.
        half_height: Half its height.
        behind: Its centre's place behind the body's.
        aside: Its centre's place to the left of the body's.
        below: Its centre's place below the body's.
        raggedness: Irregularity of its outline, relative.
        seed: Seed of its outline.
    """

    tissue: npt.NDArray[np.uint8]
    radius: Floats
    half_height: Floats
    behind: Floats
    aside: Floats
    below: Floats
    raggedness: Floats
    seed: int


def draw_marrow_lesions(rng: np.random.Generator, column: Column) -> MarrowLesions:
    """Draw the lesions of a person.

    Args:
        rng: Source of all chance.
        column: The levels and their sizes.

    Returns:
        One entry per level.
    """
    n, u = len(column), rng.uniform
    tissue, radius, raggedness = np.zeros(n, dtype=np.uint8), np.zeros(n), np.zeros(n)
    if rng.random() < _WITH_HAEMANGIOMA:
        chosen = _choose(rng, column, most=3)
        tissue[chosen], radius[chosen], raggedness[chosen] = Tissue.HAEMANGIOMA, u(3, 12, chosen.size), 0.15
    if rng.random() < _WITH_METASTASES:
        chosen = _choose(rng, column, most=9)
        tissue[chosen] = Tissue.SCLEROSIS if rng.random() < 0.3 else Tissue.METASTASIS
        filling = rng.random(chosen.size) < 0.3
        radius[chosen], raggedness[chosen] = np.where(filling, 40.0, u(4, 16, chosen.size)), 0.5
    return MarrowLesions(
        tissue=tissue,
        radius=radius,
        half_height=radius * u(0.8, 1.1, n),
        behind=u(-0.7, 0.7, n) * column.half_depth,
        aside=u(-0.7, 0.7, n) * column.half_width * 0.8,
        below=u(-0.35, 0.3, n) * column.height,
        raggedness=raggedness,
        seed=int(rng.integers(2**31)),
    )


def _choose(rng: np.random.Generator, column: Column, most: int) -> npt.NDArray[np.int64]:
    """Levels with a lesion, the neck less often."""
    weights = np.where(is_cervical(column.levels), 0.25, 1.0)
    count = int(rng.integers(1, most + 1))
    return rng.choice(len(column), count, replace=False, p=weights / weights.sum())


def paint_marrow_lesions(
    tissues: TissueMap, at: Coordinates, frame: BodyFrame, shapes: MarrowLesions, noise: Noise
) -> None:
    """Paint the lesions into the marrow; large ones reach the pedicles.

    Args:
        tissues: Where to paint.
        at: Coordinates of the grid.
        frame: From :func:`~spine_segmentation.synth.body_frame.body_frame`.
        shapes: From :func:`draw_marrow_lesions`.
        noise: Source of the irregular border.
    """
    rows = (shapes.radius, shapes.half_height, shapes.behind, shapes.aside, shapes.below, shapes.raggedness)
    radius, half_height, behind, aside, below, raggedness, tissue = per_level(
        np.stack([*rows, shapes.tissue]), at.territory
    )
    size, rise = radius.clamp(min=1), at.axial - frame.centre - below
    plane = ((frame.behind - behind) / size) ** 2 + (rise / half_height.clamp(min=1)) ** 2
    ragged = raggedness * noise.field(shapes.seed, 7)
    inside = plane + ((at.x - aside) / size) ** 2 + ragged < 1
    marrow = (tissues.tissue == Tissue.MARROW) | (tissues.tissue == Tissue.POSTERIOR_MARROW)
    marrow &= frame.behind < frame.half_depth + _BEHIND_WALL_MM
    wave = torch.sin((frame.behind + 0.4 * at.x) * (2 * math.pi / _STRIAE_MM))
    solid = (tissue != float(Tissue.HAEMANGIOMA)) | (wave < _STRIA)
    tissues.paint(marrow & inside & solid & (radius > 0), tissue.byte())
