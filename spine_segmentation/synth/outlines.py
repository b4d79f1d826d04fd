"""Thin dark lines: cortical bone, endplates and ligaments, with a thickness in mm at any pixel size."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from spine_segmentation.synth.contrast import Contrast
from spine_segmentation.synth.tissues import Semantic, Tissue, TissueMap


def draw_outlines(image: Tensor, tissues: TissueMap, contrast: Contrast, pixel_size: float) -> Tensor:
    """Draw cortical bone along the outlines and endplates, and ligament just outside.

    Args:
        image: Shape (N, H, W), float32.
        tissues: The anatomy.
        contrast: Thicknesses of the lines and the signal of cortical bone.
        pixel_size: mm.

    Returns:
        The image with its lines; a line that fills part of a pixel darkens it in part.
    """
    cortex = image.new_tensor(float(contrast.signal[Tissue.CORTEX]))
    disc, body, bone = tissues.semantic == Semantic.DISC, tissues.semantic == Semantic.BODY, tissues.is_bone()
    outside = ~((bone if contrast.ligament_everywhere else body) | disc)
    lines = [
        (bone, contrast.cortex, (-2, -1)),
        (body, contrast.endplate, (-2,)),
        (outside, contrast.ligament, (-2, -1)),
    ]
    for region, thickness, axes in lines:
        for layer, share in _layers(region, thickness / pixel_size, axes):
            image = torch.where(layer, torch.lerp(image, cortex, share), image)
    return image


def _layers(region: Tensor, thickness: float, axes: tuple[int, ...]) -> Iterator[tuple[Tensor, float]]:
    """Outermost pixels of a region, layer after layer, and how much of each the line covers.

    Args:
        region: bool, (N, H, W).
        thickness: Of the line, pixels.
        axes: Along which the outline is looked for.
    """
    while thickness > 0:
        interior = _erode(region, axes)
        yield region & ~interior, min(1.0, thickness)
        region, thickness = interior, thickness - 1


def _erode(region: Tensor, axes: tuple[int, ...]) -> Tensor:
    """Remove the pixels with a neighbour outside the region; beyond the image it goes on."""
    interior = region.clone()
    for axis in axes:
        length = region.shape[axis] - 1
        interior.narrow(axis, 1, length).logical_and_(region.narrow(axis, 0, length))
        interior.narrow(axis, 0, length).logical_and_(region.narrow(axis, 1, length))
    return interior
