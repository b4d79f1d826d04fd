"""Changes of the marrow next to the endplates: Modic types 1 to 3, spondylodiscitis, fresh fractures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spine_segmentation.arrays import Floats
from spine_segmentation.synth.body_frame import BodyFrame
from spine_segmentation.synth.column import Column
from spine_segmentation.synth.morphometry import by_region, is_presacral
from spine_segmentation.synth.noise import Noise
from spine_segmentation.synth.profiles import per_level
from spine_segmentation.synth.tissues import Tissue, TissueMap

_MODIC = (Tissue.EDEMA, Tissue.FATTY_MARROW, Tissue.SCLEROSIS)
_MODIC_SHARES = (0.33, 0.57, 0.10)
"""Type II is the most common, type III the least (Li et al. 2014, PLoS ONE 9:e114993, 3167 patients)."""

_FRACTURE_MM = 1.5
"""From this loss of height on, a body counts as fractured."""

_RAGGEDNESS = 0.35
"""Standard deviation of the extent from place to place, relative to its mean."""


@dataclass(frozen=True)
class EndplateChanges:
    """Changed marrow; upper and lower endplate of each level in turn, shape (2n,).

    Attributes:
        tissue: What the marrow has become, a :class:`Tissue`, uint8.
        extent: How far from the endplate, mm; 0 for none.
        lean: How much farther it reaches in front, relative; negative for behind.
        seed: Seed of its irregular border.
    """

    tissue: npt.NDArray[np.uint8]
    extent: Floats
    lean: Floats
    seed: int


def draw_endplate_changes(rng: np.random.Generator, column: Column, infected: Floats) -> EndplateChanges:
    """Draw the changes of a person's endplates.

    Modic changes are seen in 21 % of patients with back pain and in 9 % of those with neck pain (Li et al. 2014); about
    half of the fractures are fresh.

    Args:
        rng: Source of all chance.
        column: The levels, their fractures and the degree of degeneration.
        infected: 1 for discs with spondylodiscitis, else 0, shape (n,).

    Returns:
        Two endplates per level.
    """
    n = len(column)
    tissue, extent = np.zeros(2 * n, dtype=np.uint8), np.zeros(2 * n)
    for disc in np.flatnonzero(_degenerated(rng, column)):
        tissue[2 * disc + 1 : 2 * disc + 3] = rng.choice(_MODIC, p=_MODIC_SHARES)
        extent[2 * disc + 1 : 2 * disc + 3] = rng.uniform(2, 12) * rng.uniform(0.5, 1, 2)
    for disc in np.flatnonzero(infected):
        tissue[2 * disc + 1 : 2 * disc + 3] = Tissue.EDEMA
        extent[2 * disc + 1 : 2 * disc + 3] = rng.uniform(8, 25, 2)
    for level in np.flatnonzero(column.wedge + column.biconcavity + column.retropulsion > _FRACTURE_MM):
        tissue[2 * level] = Tissue.EDEMA
        extent[2 * level] = rng.uniform(4, 24) * (rng.random() < 0.5)
    return EndplateChanges(tissue, extent, rng.uniform(-0.3, 0.9, 2 * n), int(rng.integers(2**31)))


def _degenerated(rng: np.random.Generator, column: Column) -> npt.NDArray[np.bool_]:
    """Which discs have Modic changes at their endplates."""
    chance = by_region(column.levels, 0.35, 0.15, 1.0, 0.0) * (0.01 + 0.11 * column.degeneration)
    return (rng.random(len(column)) < chance) & is_presacral(column.levels) & ~column.fused_below


def paint_endplate_changes(
    tissues: TissueMap, frame: BodyFrame, shapes: EndplateChanges, column: Column, noise: Noise
) -> None:
    """Paint the changed marrow of the bodies.

    Args:
        tissues: Where to paint.
        frame: From :func:`~spine_segmentation.synth.body_frame.body_frame`.
        shapes: From :func:`draw_endplate_changes`.
        column: The levels.
        noise: Source of the irregular border.
    """
    half_height = np.repeat(column.height / 2, 2)
    extent, lean, tissue, half_height_here = per_level(
        np.stack([shapes.extent, shapes.lean, shapes.tissue, half_height]), frame.endplate
    )
    ragged = noise.field(shapes.seed, 9)
    limit = extent * (1 - lean * (frame.behind / frame.half_depth).clamp(-1, 1))
    far = (1 - tissues.height.abs()) * half_height_here
    changed = far < limit * (1 + _RAGGEDNESS * ragged)
    marrow = frame.inside & (tissues.tissue == Tissue.MARROW)
    tissues.paint(marrow & changed & (extent > 0), tissue.byte())
