"""From tissues to an ideal image: signals, thin structures and texture, before the scanner."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from spine_segmentation.synth.contrast import LEVEL_CODES, Contrast
from spine_segmentation.synth.coordinates import Coordinates
from spine_segmentation.synth.fields import Fields
from spine_segmentation.synth.grid import Grid
from spine_segmentation.synth.outlines import draw_outlines
from spine_segmentation.synth.profiles import per_level
from spine_segmentation.synth.tissues import Semantic, Tissue, TissueMap

_CLEFT = 0.3
"""Half height of the intranuclear cleft relative to the disc's."""

_FLOW_END_MM = 420.0
"""Arc length, about T12, below which CSF pulsates little."""


def render(tissues: TissueMap, at: Coordinates, contrast: Contrast, grid: Grid) -> Tensor:
    """Give every voxel its signal.

    Args:
        tissues: The anatomy.
        at: Coordinates of the grid.
        contrast: The signals.
        grid: The sagittal slices.

    Returns:
        Shape (N, H, W), float32, not negative.
    """
    fields = Fields(contrast.seed, grid)
    signal, fine, coarse = per_level(np.vstack([contrast.signal, contrast.texture]), tissues.tissue.int())
    image = _vary_levels(signal, tissues, contrast)
    image = draw_outlines(image, tissues, contrast, grid.pixel_size)
    fine *= fields.between_slices(1, (3.0, 2.4, 1.5))[0]
    coarse *= fields.between_slices(1, (7.0, 7.0, 7.0))[0]
    image = image * (1 + fine + coarse)
    if contrast.flow_void > 0:
        image = _void_flow(image, tissues.tissue == Tissue.CSF, at, contrast.flow_void, fields)
    return image.clamp_(min=0)


def _vary_levels(image: Tensor, tissues: TissueMap, contrast: Contrast) -> Tensor:
    """Vary the bodies from level to level; let each nucleus fade into the annulus, and split it by a cleft."""
    by_class = np.ones((2, len(Semantic), LEVEL_CODES))
    by_class[0, [Semantic.BODY, Semantic.SACRUM]] = contrast.body
    by_class[1] = contrast.nucleus
    code = (tissues.semantic * LEVEL_CODES + tissues.level).int()
    factor, nucleus = per_level(by_class.reshape(2, -1), code)
    annulus = float(contrast.signal[Tissue.ANNULUS])
    cleft = 1 - (1 - contrast.cleft) * (1 - (tissues.height / _CLEFT) ** 2).clamp_(min=0)
    nucleus = annulus + (nucleus - annulus) * (tissues.core * cleft)
    return torch.where(tissues.tissue == Tissue.NUCLEUS, nucleus, image * factor)


def _void_flow(image: Tensor, csf: Tensor, at: Coordinates, strength: float, fields: Fields) -> Tensor:
    """Darken streaks of pulsating CSF, mostly behind the cord, in neck and thorax."""
    count = csf.sum(-1).clamp_(min=1)
    behind = at.d - ((at.d * csf).sum(-1) / count)[..., None]
    upper = torch.sigmoid((_FLOW_END_MM - at.s) / 30)
    streaks = (fields.between_slices(1, (4, 14, 3))[0] + behind / 4 - 0.4).clamp_(0, 1)
    return torch.where(csf, image * (1 - strength * upper * streaks), image)
