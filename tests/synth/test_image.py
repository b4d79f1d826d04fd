from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from spine_segmentation.synth.acquisition import Acquisition, acquire, draw_acquisition
from spine_segmentation.synth.contrast import FAMILY_SHARES, Weighting, draw_contrast, draw_weighting
from spine_segmentation.synth.coordinates import Coordinates
from spine_segmentation.synth.grid import Grid
from spine_segmentation.synth.person import draw_person
from spine_segmentation.synth.rendering import render
from spine_segmentation.synth.tissues import Semantic, Tissue, TissueMap
from spine_segmentation.synth.voxelize import voxelize

PERSON = draw_person(np.random.default_rng(4))
IDEAL = Acquisition(
    slice_overlap=0.0, chemical_shift=(0, 0), blur=(0.05, 0.05), ghost=0.0, ghost_shift=10, ghost_axis=-1, bias=0.0,
    coil=None, coil_range=100.0, coil_floor=0.0, end_fall=None, saturation=1.0, saturation_gap=30.0,
    saturation_slope=0.0, saturation_edge=3.0, noise=0.0, native_pixel=1.0, gamma=1.0, seed=0,
)  # fmt: skip


@pytest.fixture(scope="module")
def grid() -> Grid:
    y, z = PERSON.curve.point(PERSON.column.position(22))
    return Grid((-4.0, 0.0, 4.0), 160, 120, 1.0, (z - 80, y - 60), torch.device("cpu"))


@pytest.fixture(scope="module")
def anatomy(grid: Grid) -> tuple[TissueMap, Coordinates]:
    return voxelize(PERSON, grid)


def _mean_signal(weighting: Weighting, tissue: Tissue) -> float:
    seeds = range(40)
    return float(
        np.mean([draw_contrast(np.random.default_rng(s), weighting, coarse=False).signal[tissue] for s in seeds])
    )


def test_families_are_drawn_as_often_as_stated() -> None:
    rng = np.random.default_rng(0)
    drawn = [draw_weighting(rng) for _ in range(4000)]
    for weighting, share in FAMILY_SHARES.items():
        assert drawn.count(weighting) / 4000 == pytest.approx(share, abs=0.03)
    assert sum(FAMILY_SHARES.values()) == pytest.approx(1.0)


def test_contrasts_are_those_of_the_sequences() -> None:
    assert _mean_signal(Weighting.T2W, Tissue.CSF) > 1.5 * _mean_signal(Weighting.T2W, Tissue.CORD)
    assert _mean_signal(Weighting.T2W, Tissue.NUCLEUS) > 2 * _mean_signal(Weighting.T2W, Tissue.ANNULUS)
    assert _mean_signal(Weighting.T1W, Tissue.CSF) < 0.5 * _mean_signal(Weighting.T1W, Tissue.MARROW)
    assert _mean_signal(Weighting.STIR, Tissue.FAT) < 0.2 * _mean_signal(Weighting.STIR, Tissue.CSF)
    assert _mean_signal(Weighting.GRE, Tissue.MARROW) < _mean_signal(Weighting.GRE, Tissue.NUCLEUS)


def test_rendering_gives_tissues_their_signal(grid: Grid, anatomy: tuple[TissueMap, Coordinates]) -> None:
    tissues, _ = anatomy
    contrast = replace(
        draw_contrast(np.random.default_rng(1), Weighting.T2W, coarse=False),
        ligament=0.0,
        texture=(0.0, 0.0),
        flow_void=0.0,
    )
    image = render(tissues, contrast, grid)
    for tissue in (Tissue.CSF, Tissue.MUSCLE, Tissue.SUBCUTANEOUS_FAT):
        shown = image[tissues.tissue == tissue]
        torch.testing.assert_close(shown, torch.full_like(shown, float(contrast.signal[tissue])))


def test_outlines_of_bodies_are_dark(grid: Grid, anatomy: tuple[TissueMap, Coordinates]) -> None:
    tissues, _ = anatomy
    contrast = replace(draw_contrast(np.random.default_rng(1), Weighting.T1W, coarse=False), cortex=1.0)
    image = render(tissues, contrast, grid)
    body = tissues.semantic[1] == Semantic.BODY
    inner = -torch.nn.functional.max_pool2d(-body.float()[None], 5, 1, 2)[0] > 0.5
    rim = body & (-torch.nn.functional.max_pool2d(-body.float()[None], 3, 1, 1)[0] < 0.5)
    assert float(image[1][rim].median()) < 0.5 * float(image[1][inner].median())


def test_an_ideal_scanner_only_scales(grid: Grid, anatomy: tuple[TissueMap, Coordinates]) -> None:
    tissues, at = anatomy
    image = torch.rand(grid.shape) + 0.5
    seen = acquire(image, tissues, at, IDEAL, grid)
    ratio = seen / image
    torch.testing.assert_close(ratio, ratio.mean().expand_as(ratio), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "artefact",
    [
        {"slice_overlap": 0.2}, {"chemical_shift": (0, 2)}, {"blur": (1.0, 1.0)}, {"ghost": 0.1}, {"bias": 0.3},
        {"coil": "surface"}, {"coil": "straight"}, {"end_fall": (0.0, 0.5)}, {"saturation": 0.1}, {"noise": 0.1},
        {"noise": 0.1, "native_pixel": 1.3}, {"gamma": 0.7},
    ],
    ids=str,
)  # fmt: skip
def test_every_artefact_changes_the_image(
    artefact: dict[str, object], grid: Grid, anatomy: tuple[TissueMap, Coordinates]
) -> None:
    tissues, at = anatomy
    image = render(tissues, draw_contrast(np.random.default_rng(1), Weighting.T2W, coarse=False), grid)
    clean = acquire(image, tissues, at, IDEAL, grid)
    spoilt = acquire(image, tissues, at, replace(IDEAL, **artefact), grid)  # type: ignore[arg-type]
    assert bool(torch.isfinite(spoilt).all())
    assert float(spoilt.min()) >= 0
    assert float((spoilt - clean).abs().mean()) > 1e-3


def test_saturation_darkens_the_front_only(grid: Grid, anatomy: tuple[TissueMap, Coordinates]) -> None:
    tissues, at = anatomy
    uniform = torch.ones(grid.shape)
    seen = acquire(uniform, tissues, at, replace(IDEAL, saturation=0.05, saturation_gap=20.0), grid)[1, 80]
    spine = int(at.d[80].abs().argmin())
    assert float(seen[spine - 40]) < 0.3 * float(seen[spine])
    assert float(seen[spine + 30]) == pytest.approx(float(seen[spine]), rel=0.05)


def test_drawn_artefacts_stay_in_range() -> None:
    for seed in range(200):
        acquisition = draw_acquisition(np.random.default_rng(seed), coarse=bool(seed % 2))
        assert 0 <= acquisition.slice_overlap <= 0.25
        assert max(map(abs, acquisition.chemical_shift)) <= 2
        assert min(acquisition.blur) > 0
        assert 0 < acquisition.saturation <= 1
