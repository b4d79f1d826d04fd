"""Synthetic spine MRI: a person, a view, a tissue map, an image. The public functions of this package."""

from __future__ import annotations

from dataclasses import dataclass
from typing import get_args

import numpy as np
import torch
from torch import Tensor

from spine_segmentation.errors import UsageError
from spine_segmentation.synth.contrast import Weighting
from spine_segmentation.synth.examination import (
    Examination,
    draw_examination,
    draw_training_examination,
    take_image,
)
from spine_segmentation.synth.field_of_view import whole
from spine_segmentation.synth.grid import Grid
from spine_segmentation.synth.person import draw_person
from spine_segmentation.synth.views import Region, region_grid
from spine_segmentation.synth.voxelize import voxelize
from spine_segmentation.volume import Volume


@dataclass(frozen=True)
class Triplet:
    """A training sample: a slice with its two neighbours, and the truth of the middle one.

    Attributes:
        image: Shape (3, H, W), float32, not negative, not normalised; exact zeros are outside the field of view.
        semantic: Values of :class:`~spine_segmentation.synth.tissues.Semantic`, shape (H, W), uint8.
        level: VerSe numbers, a disc has that of the vertebra above, 0 for none; shape (H, W), uint8.
    """

    image: Tensor
    semantic: Tensor
    level: Tensor


@dataclass(frozen=True)
class SyntheticScan:
    """A whole sagittal scan with its truth, in the canonical orientation.

    Attributes:
        image: float32, not negative.
        semantic: Values of :class:`~spine_segmentation.synth.tissues.Semantic`, uint8, on the image's grid.
        level: VerSe numbers, a disc has that of the vertebra above, 0 for none; uint8, on the image's grid.
        vertebrae: Names of all vertebrae of this person from C2 to S1, whether the scan shows them or not.
        weighting: Sequence family of the image.
    """

    image: Volume
    semantic: Volume
    level: Volume
    vertebrae: tuple[str, ...]
    weighting: Weighting


@torch.no_grad()
def generate_triplet(
    seed: int, shape: tuple[int, int] = (256, 160), pixel_size: float = 1.0, *, device: str | torch.device = "cpu"
) -> Triplet:
    """Generate a training sample: any person, region, sequence and image quality.

    Args:
        seed: Determines everything.
        shape: (H, W), pixels.
        pixel_size: mm.
        device: Where to compute; other devices than the CPU draw other random fields.

    Returns:
        The sample, on the device.
    """
    view, examination = draw_training_examination(seed, shape, pixel_size, torch.device(device))
    sample, crop = _examine(examination), view.field_of_view.crop
    return Triplet(
        image=crop(sample.image[list(view.channels)]), semantic=crop(sample.semantic[1]), level=crop(sample.level[1])
    )


@torch.no_grad()
def generate_volume(
    seed: int,
    *,
    region: Region = "lumbar",
    slices: int = 15,
    slice_spacing: float = 4.0,
    pixel_size: float = 0.7,
    rows: int | None = None,
    columns: int | None = None,
    weighting: Weighting | str = Weighting.T2W,
    device: str | torch.device = "cpu",
) -> SyntheticScan:
    """Generate a sagittal scan of one region, centred on the column.

    Every level of the region is in it, unless severe scoliosis leads a level out of the outer slices or fewer rows than
    the region needs are asked for.

    Args:
        seed: Determines the person and the image quality. The same seed with another region, grid or weighting is
            the same person, in the same patient coordinates.
        region: What to show, see :func:`~spine_segmentation.synth.views.region_levels`.
        slices: Number of slices.
        slice_spacing: mm.
        pixel_size: mm.
        rows: None for as many as the region needs.
        columns: None for as many as the region needs.
        weighting: Sequence family, a value of :class:`~spine_segmentation.synth.contrast.Weighting`.
        device: Where to compute; other devices than the CPU draw other random fields.

    Returns:
        The scan with its truth.

    Raises:
        UsageError: If a size is not positive, or region or weighting is unknown.
    """
    _check(region, weighting, (slices, slice_spacing, pixel_size, rows, columns))
    person_rng, view_rng, image_rng = np.random.default_rng(seed).spawn(3)
    person = draw_person(person_rng)
    grid = region_grid(
        person.column,
        person.curve,
        region,
        slices=slices,
        slice_spacing=slice_spacing,
        pixel_size=pixel_size,
        rows=rows,
        columns=columns,
        device=torch.device(device),
    )
    thickness = slice_spacing * view_rng.uniform(0.75, 1.0)
    scan = _examine(
        draw_examination(
            image_rng,
            person,
            Weighting(weighting),
            grid,
            thickness,
            divided=(True,) * slices,
            field_of_view=whole(grid),
        )
    )
    return SyntheticScan(
        image=_volume(scan.image, grid),
        semantic=_volume(scan.semantic, grid),
        level=_volume(scan.level, grid),
        vertebrae=person.column.vertebrae,
        weighting=Weighting(weighting),
    )


def _volume(tensor: Tensor, grid: Grid) -> Volume:
    return Volume(tensor.cpu().numpy(), grid.affine)


def _examine(examination: Examination) -> Triplet:
    """Take image and truth of all slices of an examination."""
    planes = examination.planes
    tissues, at = voxelize(examination.person, planes.grid)
    middle = list(planes.middle)
    return Triplet(take_image(examination, tissues, at), tissues.semantic[middle], tissues.level[middle])


def _check(region: str, weighting: str, sizes: tuple[float | None, ...]) -> None:
    known = [*get_args(Region)], [str(family) for family in Weighting]
    if region not in known[0] or weighting not in known[1]:
        raise UsageError(
            f"region {region!r}, weighting {weighting!r}",
            expected=f"a region of {known[0]} and a weighting of {known[1]}",
            remedy="choose one of these",
        )
    if not all(size is None or size > 0 for size in sizes):
        raise UsageError(f"sizes {sizes}", expected="positive numbers", remedy="give positive counts and lengths in mm")
