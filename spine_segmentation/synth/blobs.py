"""Random organs in front of the column, which resemble nothing: some persons get them instead of anatomy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from spine_segmentation.synth.fields import Fields
from spine_segmentation.synth.scene import Scene
from spine_segmentation.synth.tissues import Tissue

_TISSUES = (
    Tissue.FAT, Tissue.MUSCLE, Tissue.BOWEL, Tissue.DARK_ORGAN, Tissue.BRIGHT_ORGAN, Tissue.SOFT_ORGAN, Tissue.VESSEL,
    Tissue.LUNG, Tissue.PELVIC_MARROW, Tissue.FLUID,
)  # fmt: skip
_COUNT = 8


@dataclass(frozen=True)
class Blobs:
    """Random organs of one person.

    Attributes:
        tissues: What they are made of, shape (8,), uint8.
        behind: Distance behind the bodies' anterior walls up to which they lie beside the bodies, mm.
        seed: Seed of their shapes.
    """

    tissues: npt.NDArray[np.uint8]
    behind: float
    seed: int


def draw_blobs(rng: np.random.Generator) -> Blobs:
    """Draw random organs.

    Args:
        rng: Source of all chance.

    Returns:
        Eight organs of different tissues.
    """
    tissues = rng.choice(np.array(_TISSUES, dtype=np.uint8), _COUNT, replace=False)
    return Blobs(tissues, behind=rng.uniform(-5, 30), seed=int(rng.integers(2**31)))


def paint_blobs(scene: Scene, shape: Blobs) -> None:
    """Paint random organs before and beside the bodies.

    Args:
        scene: Where to paint.
        shape: From :func:`draw_blobs`.
    """
    fields = Fields(shape.seed, scene.grid)
    high = fields.common(3, (34, 20))[:, None] + 0.7 * fields.between_slices(3, (12, 18, 12)) > 0
    organ = high[0] + 2 * high[1] + 4 * high[2]
    tissues = torch.as_tensor(shape.tissues, device=scene.s.device)
    scene.tissues.paint(scene.d + scene.canal.front < shape.behind, tissues[organ])
