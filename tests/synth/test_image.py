from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from spine_segmentation.synth.acquisition import Acquisition, acquire, draw_acquisition
from spine_segmentation.synth.chemical_shift import ChemicalShift
from spine_segmentation.synth.coil import Coil, sensitivity
from spine_segmentation.synth.contrast import Contrast, Weighting, draw_contrast
from spine_segmentation.synth.coordinates import Coordinates, locate
from spine_segmentation.synth.field_of_view import FieldOfView, whole
from spine_segmentation.synth.ghosts import Ghosts
from spine_segmentation.synth.grid import Grid
from spine_segmentation.synth.intensity import IntensityScale
from spine_segmentation.synth.interference import Interference
from spine_segmentation.synth.metal import MetalArtefact
from spine_segmentation.synth.partial_volume import slice_planes
from spine_segmentation.synth.person import draw_person
from spine_segmentation.synth.rendering import render
from spine_segmentation.synth.resolution import Resolution
from spine_segmentation.synth.saturation import SaturationBand, remaining_signal
from spine_segmentation.synth.tissues import Semantic, Tissue, TissueMap
from spine_segmentation.synth.voxelize import voxelize

PERSON = draw_person(np.random.default_rng(4))
COIL = Coil("body", reach=100.0, floor=0.1, end_fall=None, bias=0.0, correction=0.0, seed=0)
RESOLUTION = Resolution((0.3, 0.3), reconstructed=0.3, apodisation=0.05, blur=(0.0, 0.0), noise=0.0, seed=0)
SCALE = IntensityScale(sharpening=0.0, clipping=1.0, gamma=1.0, levels=2**16)
IDEAL = Acquisition(
    phase_axis=-2,
    chemical_shift=ChemicalShift(0.0, -1, 1.0),
    metal=MetalArtefact(reach=4.0, void=0.2, rim=1.0, distortion=4.0, axis=-1),
    coil=COIL,
    bands=(),
    crosstalk=0.0,
    ghosts=None,
    aliasing=0.0,
    interference=None,
    resolution=RESOLUTION,
    scale=SCALE,
)
LEVEL_L3 = 22


@pytest.fixture(scope="module")
def grid() -> Grid:
    y, z = PERSON.curve.point(PERSON.column.position(LEVEL_L3))
    return Grid((-4.0, 0.0, 4.0), 160, 120, 1.0, (z - 80, y - 60), torch.device("cpu"))


@pytest.fixture(scope="module")
def anatomy(grid: Grid) -> tuple[TissueMap, Coordinates]:
    return voxelize(PERSON, grid)


def _contrast(weighting: Weighting = Weighting.T2W, **changes: Any) -> Contrast:
    return replace(draw_contrast(np.random.default_rng(1), weighting, PERSON.column), **changes)


def _acquire(
    image: torch.Tensor,
    anatomy: tuple[TissueMap, Coordinates],
    acquisition: Acquisition,
    grid: Grid,
    field_of_view: FieldOfView | None = None,
) -> torch.Tensor:
    planes = slice_planes(grid, 4.0, (False,) * 3, acquisition.crosstalk)
    return acquire(image, *anatomy, _contrast(), acquisition, planes, field_of_view or whole(grid))


def test_rendering_gives_tissues_their_signal(grid: Grid, anatomy: tuple[TissueMap, Coordinates]) -> None:
    contrast = _contrast(ligament=0.0, texture=np.zeros((2, len(Tissue))), flow_void=0.0)
    image = render(*anatomy, contrast, grid)
    for tissue in (Tissue.CSF, Tissue.MUSCLE, Tissue.SUBCUTANEOUS_FAT):
        shown = image[anatomy[0].tissue == tissue]
        torch.testing.assert_close(shown, torch.full_like(shown, float(contrast.signal[tissue])))


@pytest.mark.parametrize("thickness", [0.5, 1.0, 2.0])
def test_outlines_of_bodies_are_dark_by_their_thickness(
    thickness: float, grid: Grid, anatomy: tuple[TissueMap, Coordinates]
) -> None:
    plain = _contrast(Weighting.T1W, cortex=0.0, endplate=0.0, ligament=0.0, texture=np.zeros((2, len(Tissue))))
    before = render(*anatomy, plain, grid)
    after = render(*anatomy, replace(plain, cortex=thickness), grid)
    body = anatomy[0].semantic == Semantic.BODY
    lost = float((before - after)[body].sum()) / float(before[body].mean())
    rim = body & (-torch.nn.functional.max_pool2d(-body.float(), 3, 1, 1) < 0.5)
    assert lost == pytest.approx(thickness * int(rim.sum()), rel=0.35)


def test_flow_darkens_csf_only(grid: Grid, anatomy: tuple[TissueMap, Coordinates]) -> None:
    still, flowing = (render(*anatomy, _contrast(flow_void=strength), grid) for strength in (0.0, 0.9))
    csf = anatomy[0].tissue == Tissue.CSF
    assert torch.equal(still[~csf], flowing[~csf])
    assert float(flowing[csf].mean()) < float(still[csf].mean())


def test_an_ideal_scanner_only_softens(grid: Grid, anatomy: tuple[TissueMap, Coordinates]) -> None:
    image = render(*anatomy, _contrast(), grid)
    seen = _acquire(image, anatomy, IDEAL, grid)
    assert seen.shape == image.shape
    assert float(np.corrcoef(seen.flatten(), image.flatten())[0, 1]) > 0.97


@pytest.mark.parametrize(
    "artefact",
    [
        {"crosstalk": 0.2},
        {"chemical_shift": ChemicalShift(1.5, -1, 1.0)},
        {"chemical_shift": ChemicalShift(-0.7, -2, 1.0)},
        {"chemical_shift": ChemicalShift(0.0, -1, -1.0)},
        {"ghosts": Ghosts("pulsation", 0.2, -0.5, 20.0, -2)},
        {"ghosts": Ghosts("respiration", 0.2, 0.5, 20.0, -1)},
        {"ghosts": Ghosts("patient", 0.1, 0.5, 20.0, -1)},
        {"bands": (SaturationBand(0.0, -60.0, 0.1, 40.0, 3.0, 0.1),)},
        {"bands": (SaturationBand(0.0, 0.0, 1.6, 5.0, 2.0, 0.3),)},
        {"interference": Interference("zipper", 2.0, 0.5, 6.0, -2)},
        {"interference": Interference("spike", 0.2, 0.8, 9.0, -1)},
        {"coil": replace(COIL, bias=0.3)},
        {"coil": replace(COIL, kind="surface")},
        {"coil": replace(COIL, kind="straight")},
        {"coil": replace(COIL, end_fall=(0.0, 0.5))},
        {"resolution": replace(RESOLUTION, blur=(1.0, 1.0))},
        {"resolution": replace(RESOLUTION, pixel=(1.4, 1.4))},
        {"resolution": replace(RESOLUTION, reconstructed=1.4)},
        {"resolution": replace(RESOLUTION, noise=0.1)},
        {"scale": replace(SCALE, gamma=0.7)},
        {"scale": replace(SCALE, clipping=0.5)},
        {"scale": replace(SCALE, sharpening=1.0)},
        {"scale": replace(SCALE, sharpening=-0.5)},
        {"scale": replace(SCALE, levels=64)},
    ],
    ids=str,
)
def test_every_artefact_changes_the_image(
    artefact: dict[str, Any], grid: Grid, anatomy: tuple[TissueMap, Coordinates]
) -> None:
    image = render(*anatomy, _contrast(), grid)
    clean, spoilt = (_acquire(image, anatomy, a, grid) for a in (IDEAL, replace(IDEAL, **artefact)))
    assert bool(torch.isfinite(spoilt).all())
    assert float(spoilt.min()) >= 0
    assert float((spoilt - clean).abs().mean()) > 1e-3


def test_correction_evens_the_coil_out(grid: Grid, anatomy: tuple[TissueMap, Coordinates]) -> None:
    uniform = torch.ones(grid.shape)
    spread = [
        float(_acquire(uniform, anatomy, replace(IDEAL, coil=replace(COIL, kind="straight", correction=c)), grid).std())
        for c in (0.0, 0.6, 1.0)
    ]
    assert spread[0] > 2 * spread[1] > 4 * spread[2]


def test_stations_cover_a_long_field_of_view_to_its_ends(grid: Grid) -> None:
    coil, depth = replace(COIL, kind="surface", reach=40.0, floor=0.0, end_fall=(0.0, 0.4)), torch.full((1, 1), 120.0)
    short, long = (sensitivity(coil, depth, replace(grid, rows=rows, pixel_size=1.0)) for rows in (300, 600))
    assert float(short.min() / short.max()) < 0.3
    assert float(long.min()) == float(long.max()) == pytest.approx(np.exp(-1.0))


def test_an_anterior_band_darkens_the_front_only(grid: Grid, anatomy: tuple[TissueMap, Coordinates]) -> None:
    band = SaturationBand(0.0, -70.0, 0.0, 50.0, 3.0, 0.05)
    seen = _acquire(torch.ones(grid.shape), anatomy, replace(IDEAL, bands=(band,)), grid)[1, 80]
    spine = int(anatomy[1].d[80].abs().argmin())
    assert float(seen[spine - 40]) < 0.3 * float(seen[spine])
    assert float(seen[spine + 30]) == pytest.approx(float(seen[spine]), rel=0.05)


@pytest.mark.parametrize("angle", [-0.3, 0.0, 0.3])
def test_an_anterior_band_leaves_the_whole_column_in_view_bright(angle: float) -> None:
    """However the column is curved: 30 mm in front of the line of the bodies' centres, nothing of them is reached."""
    at = _whole_column()
    band = SaturationBand(0.0, -80.0, angle, 50.0, 3.0, 0.05)
    left = remaining_signal((band,), at[1], at[0])
    assert float(left[at[1].d.abs() < 15].min()) > 0.95
    assert float(left.min()) < 0.1


def _whole_column() -> tuple[Grid, Coordinates]:
    y, z = PERSON.curve.point(PERSON.column.position(LEVEL_L3))
    whole = Grid((0.0,), 350, 150, 2.0, (z - 520, y - 170), torch.device("cpu"))
    return whole, locate(whole, PERSON.column, PERSON.curve, 0.0, 0)


def test_what_lies_outside_folds_over_to_the_other_side(grid: Grid, anatomy: tuple[TissueMap, Coordinates]) -> None:
    image = torch.full(grid.shape, 0.1)
    image[:, 30:34] = 1.0
    field_of_view = FieldOfView((40, 140), (0, grid.columns))
    seen = _acquire(image, anatomy, replace(IDEAL, aliasing=1.0), grid, field_of_view)[1, :, 60]
    assert int(seen[40:140].argmax()) + 40 in range(130, 134)
    clean = _acquire(image, anatomy, IDEAL, grid, field_of_view)[1, :, 60]
    assert float(clean[40:140].max()) < 0.3 * float(clean.max())


def test_metal_leaves_a_void_larger_than_itself(grid: Grid, anatomy: tuple[TissueMap, Coordinates]) -> None:
    tissues, at = anatomy
    implanted = replace(tissues, tissue=tissues.tissue.clone())
    implanted.tissue[:, 70:80, 50:80] = int(Tissue.METAL)
    uniform = torch.ones(grid.shape)
    seen = _acquire(uniform, (implanted, at), IDEAL, grid)[1]
    assert float(seen[70:80, 52:78].max()) < 0.05
    assert float(seen[67:69, 60:70].max()) < 0.5
    assert float(seen.max()) > 1.3 * float(seen[10, 10])


@pytest.mark.parametrize("weighting", [Weighting.T2W, Weighting.GRE])
def test_drawn_artefacts_stay_in_range(weighting: Weighting) -> None:
    for seed in range(200):
        a = draw_acquisition(np.random.default_rng(seed), weighting, pixel_size=1.0)
        assert 0 <= a.crosstalk <= 0.25
        assert abs(a.chemical_shift.displacement) <= 2
        assert a.chemical_shift.axis + a.phase_axis == -3
        assert a.ghosts is None or a.ghosts.axis == a.phase_axis
        assert all(0.3 <= pixel <= 1.7 for pixel in a.resolution.pixel)
        assert all(0 < band.remaining <= 1 for band in a.bands)
        assert 2**8 <= a.scale.levels <= 2**16
