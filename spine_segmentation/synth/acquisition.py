"""What the scanner adds to the ideal image, in the order in which it happens."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from torch import Tensor

from spine_segmentation.synth.aliasing import fold_over
from spine_segmentation.synth.chemical_shift import ChemicalShift, draw_chemical_shift, misregister_fat
from spine_segmentation.synth.coil import Coil, correct, draw_coil, sensitivity
from spine_segmentation.synth.contrast import Contrast, Weighting
from spine_segmentation.synth.coordinates import Coordinates
from spine_segmentation.synth.field_of_view import FieldOfView
from spine_segmentation.synth.ghosts import Ghosts, add_ghosts, draw_ghosts
from spine_segmentation.synth.grid import Grid
from spine_segmentation.synth.intensity import IntensityScale, draw_intensity_scale, rescale
from spine_segmentation.synth.interference import Interference, add_interference, draw_interference
from spine_segmentation.synth.metal import MetalArtefact, disturb, draw_metal_artefact
from spine_segmentation.synth.partial_volume import SlicePlanes
from spine_segmentation.synth.profiles import per_level
from spine_segmentation.synth.resolution import Resolution, draw_resolution, reconstruct
from spine_segmentation.synth.saturation import SaturationBand, draw_saturation_bands, remaining_signal
from spine_segmentation.synth.tissues import Semantic, Tissue, TissueMap


@dataclass(frozen=True)
class Acquisition:
    """How one examination was acquired.

    Attributes:
        phase_axis: Direction of phase encoding, -2 for rows, -1 for columns; the other one is that of frequency.
        chemical_shift: Misregistration of fat.
        metal: Disturbance by implants.
        coil: Sensitivity.
        bands: Saturation bands.
        crosstalk: Share of each neighbouring slice's signal.
        ghosts: Of motion; None for none.
        aliasing: Share of the signal outside the field of view that folds over.
        interference: Faults of the scanner; None for none.
        resolution: Sampling and noise.
        scale: Processing of the magnitudes.
    """

    phase_axis: int
    chemical_shift: ChemicalShift
    metal: MetalArtefact
    coil: Coil
    bands: tuple[SaturationBand, ...]
    crosstalk: float
    ghosts: Ghosts | None
    aliasing: float
    interference: Interference | None
    resolution: Resolution
    scale: IntensityScale


def draw_acquisition(rng: np.random.Generator, weighting: Weighting, pixel_size: float) -> Acquisition:
    """Draw how an examination was acquired.

    Args:
        rng: Source of all chance.
        weighting: Sequence family.
        pixel_size: Of the grid, mm.

    Returns:
        Artefacts from hardly visible to severe.
    """
    streams = iter(rng.spawn(8))
    phase_axis = -2 if rng.random() < 0.6 else -1
    frequency_axis = -3 - phase_axis
    return Acquisition(
        phase_axis=phase_axis,
        chemical_shift=draw_chemical_shift(next(streams), weighting, frequency_axis),
        metal=draw_metal_artefact(next(streams), frequency_axis),
        coil=draw_coil(next(streams)),
        bands=draw_saturation_bands(next(streams)),
        crosstalk=rng.uniform(0, 0.15),
        ghosts=draw_ghosts(next(streams), phase_axis),
        aliasing=rng.uniform(0.15, 1.0) if rng.random() < 0.2 else 0.0,
        interference=draw_interference(next(streams), phase_axis),
        resolution=draw_resolution(next(streams), phase_axis, pixel_size),
        scale=draw_intensity_scale(next(streams)),
    )


def acquire(
    image: Tensor,
    tissues: TissueMap,
    at: Coordinates,
    contrast: Contrast,
    acquisition: Acquisition,
    planes: SlicePlanes,
    field_of_view: FieldOfView,
) -> Tensor:
    """Turn an ideal image of the planes into a magnitude image of the slices.

    Args:
        image: Shape (planes, H, W), float32.
        tissues: The anatomy it shows.
        at: Coordinates of the planes.
        contrast: Which tissues are fat.
        acquisition: The artefacts.
        planes: Which planes make up a slice.
        field_of_view: What the scan covers.

    Returns:
        Shape (slices, H, W), not negative; outside the field of view it is without meaning.
    """
    a, grid = acquisition, planes.grid
    fat = per_level(contrast.fat, tissues.tissue.int())
    image = misregister_fat(image, fat, a.chemical_shift, grid.pixel_size)
    image = disturb(image, tissues.tissue == Tissue.METAL, a.metal, grid.pixel_size)
    image = planes.average(image)
    gain = sensitivity(a.coil, tissues.depth, grid)
    image = image * (gain * remaining_signal(a.bands, at, grid))
    middle = list(planes.middle)
    image = _spoil(image, tissues.tissue[middle], at, a, grid, field_of_view)
    image = reconstruct(image, a.resolution, grid, tissues.semantic[middle] == Semantic.BODY)
    return rescale(correct(image, gain, a.coil), a.scale)


def _spoil(
    image: Tensor, tissue: Tensor, at: Coordinates, acquisition: Acquisition, grid: Grid, field_of_view: FieldOfView
) -> Tensor:
    """Add what most examinations are free of."""
    if acquisition.ghosts is not None:
        image = add_ghosts(image, tissue, at, acquisition.ghosts, grid.pixel_size)
    if acquisition.aliasing > 0:
        image = fold_over(image, field_of_view, acquisition.phase_axis, acquisition.aliasing)
    if acquisition.interference is not None:
        image = add_interference(image, acquisition.interference)
    return image
