"""Everything that is drawn before a scan is computed, and the image that follows from it and the tissues."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from spine_segmentation.synth.acquisition import Acquisition, acquire, draw_acquisition
from spine_segmentation.synth.contrast import Contrast, Weighting, draw_contrast, draw_weighting
from spine_segmentation.synth.coordinates import Coordinates
from spine_segmentation.synth.field_of_view import FieldOfView
from spine_segmentation.synth.grid import Grid
from spine_segmentation.synth.partial_volume import SlicePlanes, slice_planes
from spine_segmentation.synth.person import Person, draw_person
from spine_segmentation.synth.rendering import render
from spine_segmentation.synth.tissues import TissueMap
from spine_segmentation.synth.training_views import TrainingView, draw_training_view


@dataclass(frozen=True)
class Examination:
    """A person in the scanner.

    Attributes:
        person: The anatomy.
        planes: Where it is sampled.
        field_of_view: What the scan covers.
        contrast: The signals.
        acquisition: The artefacts.
    """

    person: Person
    planes: SlicePlanes
    field_of_view: FieldOfView
    contrast: Contrast
    acquisition: Acquisition


def draw_examination(
    rng: np.random.Generator,
    person: Person,
    weighting: Weighting,
    grid: Grid,
    thickness: float,
    divided: tuple[bool, ...],
    field_of_view: FieldOfView,
) -> Examination:
    """Draw signals and artefacts.

    Args:
        rng: Source of all chance.
        person: The anatomy.
        weighting: Sequence family.
        grid: The sagittal slices.
        thickness: Of a slice, mm.
        divided: For every slice, whether it averages several planes.
        field_of_view: What the scan covers.

    Returns:
        An examination of the person.
    """
    contrast_rng, acquisition_rng = rng.spawn(2)
    acquisition = draw_acquisition(acquisition_rng, weighting, grid.pixel_size)
    return Examination(
        person=person,
        planes=slice_planes(grid, thickness, divided, acquisition.crosstalk),
        field_of_view=field_of_view,
        contrast=draw_contrast(contrast_rng, weighting, person.column),
        acquisition=acquisition,
    )


def draw_training_examination(
    seed: int, shape: tuple[int, int], pixel_size: float, device: torch.device
) -> tuple[TrainingView, Examination]:
    """Draw a training sample: any person, region, sequence and image quality.

    Args:
        seed: Determines everything.
        shape: (H, W), pixels.
        pixel_size: mm.
        device: Where to compute.

    Returns:
        What the sample shows, and its examination.
    """
    person_rng, view_rng, image_rng = np.random.default_rng(seed).spawn(3)
    person, weighting = draw_person(person_rng), draw_weighting(image_rng)
    thin = weighting is Weighting.SPACE
    view = draw_training_view(view_rng, person.column, person.curve, shape, pixel_size, thin=thin, device=device)
    examination = draw_examination(
        image_rng, person, weighting, view.grid, view.thickness, view.divided, view.field_of_view
    )
    return view, examination


def take_image(examination: Examination, tissues: TissueMap, at: Coordinates) -> Tensor:
    """Take the image of a person whose tissues are known.

    Args:
        examination: The signals and artefacts.
        tissues: The anatomy on the planes.
        at: Coordinates of the planes.

    Returns:
        Shape (slices, H, W), float32, not negative; outside the field of view it is without meaning.
    """
    e = examination
    ideal = render(tissues, at, e.contrast, e.planes.grid)
    return acquire(ideal, tissues, at, e.contrast, e.acquisition, e.planes, e.field_of_view)
