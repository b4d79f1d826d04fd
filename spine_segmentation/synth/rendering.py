"""From tissues to an ideal image: signals, thin structures and texture, before the scanner."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from spine_segmentation.synth.contrast import Contrast
from spine_segmentation.synth.fields import Fields
from spine_segmentation.synth.grid import Grid
from spine_segmentation.synth.morphometry import Floats
from spine_segmentation.synth.tissues import Semantic, Tissue, TissueMap

_CLEFT = 0.27
"""Half height of the intranuclear cleft relative to the disc's."""


def render(tissues: TissueMap, contrast: Contrast, grid: Grid) -> Tensor:
    """Give every voxel its signal.

    Args:
        tissues: The anatomy.
        contrast: The signals.
        grid: The sagittal slices.

    Returns:
        Shape (N, H, W), float32, not negative.
    """
    fields = Fields(contrast.seed, grid)
    image = _table(contrast.signal, tissues.tissue)
    image = _vary_marrow(image, tissues, contrast, fields.between_slices(1, (9, 9, 9))[0])
    image = _vary_discs(image, tissues, contrast)
    image = _draw_outlines(image, tissues, contrast)
    fine, coarse = contrast.texture
    pixel = 2.2 * grid.pixel_size
    image = image * (1 + fine * fields.between_slices(1, (4, pixel, pixel))[0])
    image = image * (1 + coarse * fields.between_slices(1, (7, 7, 7))[0])
    flow = (fields.between_slices(1, (4, 14, 3))[0] - 0.4).clamp(0, 1) * contrast.flow_void
    return torch.where(tissues.tissue == Tissue.CSF, image * (1 - flow), image).clamp(min=0)


def _table(values: Floats, codes: Tensor) -> Tensor:
    return torch.as_tensor(values, dtype=torch.float32, device=codes.device)[codes.long()]


def _vary_marrow(image: Tensor, tissues: TissueMap, contrast: Contrast, blobs: Tensor) -> Tensor:
    """Vary the bodies from level to level, near the endplates (Modic) and in lesions."""
    factor = _table(contrast.body, tissues.level)
    band = (1 + _table(contrast.endplate_band, tissues.level)).clamp(0.3, 2.2)
    factor = torch.where(tissues.height.abs() > contrast.endplate_band_start, factor * band, factor)
    factor = torch.where(blobs > contrast.lesion_threshold, factor * contrast.lesion, factor)
    body = (tissues.semantic == Semantic.BODY) | (tissues.tissue == Tissue.SACRAL_MARROW)
    return torch.where(body, image * factor, image)


def _vary_discs(image: Tensor, tissues: TissueMap, contrast: Contrast) -> Tensor:
    """Let the nucleus fade into the annulus, and split it by a cleft."""
    annulus = float(contrast.signal[Tissue.ANNULUS])
    nucleus = annulus + (_table(contrast.nucleus, tissues.level) - annulus) * tissues.core
    nucleus = torch.where(tissues.height.abs() < _CLEFT, nucleus * contrast.cleft, nucleus)
    return torch.where(tissues.tissue == Tissue.NUCLEUS, nucleus, image)


def _draw_outlines(image: Tensor, tissues: TissueMap, contrast: Contrast) -> Tensor:
    """Cortical bone along the outline and endplates, ligament just outside."""
    cortex = float(contrast.signal[Tissue.CORTEX])
    bone, disc, body = tissues.is_bone(), tissues.semantic == Semantic.DISC, tissues.semantic == Semantic.BODY
    interior = _erode(bone.float(), (3, 3))
    outline = bone & (interior < 0.5)
    image = torch.where(outline, torch.lerp(image, image.new_tensor(cortex), contrast.cortex), image)
    endplate = body & ~outline & (_erode(interior, (3, 1)) < 0.5)
    image = torch.where(endplate, torch.lerp(image, image.new_tensor(cortex), contrast.endplate), image)
    bounded = (bone if contrast.ligament_everywhere else body) | disc
    outside = (_erode(1 - bounded.float(), (3, 3)) < 0.5) & ~bone & ~disc
    return torch.where(outside, torch.lerp(image, image.new_tensor(cortex), contrast.ligament), image)


def _erode(mask: Tensor, window: tuple[int, int]) -> Tensor:
    """Minimum over a window of (rows, columns) in the plane, (N, H, W)."""
    padding = (window[0] // 2, window[1] // 2)
    return -F.max_pool2d(-mask[:, None], window, 1, padding)[:, 0]
