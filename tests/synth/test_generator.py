from __future__ import annotations

from itertools import pairwise
from typing import Any

import cc3d
import numpy as np
import pytest
import torch

from spine_segmentation.anatomy import VERSE_NUMBERS
from spine_segmentation.errors import UsageError
from spine_segmentation.networks import CHANNELS
from spine_segmentation.synth import SyntheticScan, Triplet, Weighting, generate_triplet, generate_volume
from spine_segmentation.synth.grid import Grid
from spine_segmentation.synth.morphometry import LEVEL_SIZES
from spine_segmentation.synth.person import draw_person
from spine_segmentation.synth.tissues import Semantic, TissueMap
from spine_segmentation.synth.views import Region
from spine_segmentation.synth.voxelize import voxelize
from spine_segmentation.volume import CANONICAL_AXES

SHAPE = (160, 96)


def _arrays(sample: Triplet) -> tuple[torch.Tensor, ...]:
    return sample.image, sample.semantic, sample.level


def _centre_rows(scan: SyntheticScan, semantic: Semantic, name: str) -> float:
    """Mean row of a structure."""
    mask = (scan.semantic.array == semantic) & (scan.level.array == VERSE_NUMBERS[name])
    return float(np.nonzero(mask)[1].mean())


def test_codes_are_the_networks_channels() -> None:
    ours = ("background", "vertebra", "ivd", "posterior elements", "spinal canal", "sacrum below S1")
    assert ours == CHANNELS
    assert [code.name for code in Semantic] == ["BACKGROUND", "BODY", "DISC", "POSTERIOR", "CANAL", "SACRUM"]


@pytest.mark.parametrize("seed", range(3))
def test_the_same_seed_gives_the_same_triplet(seed: int) -> None:
    first = generate_triplet(seed, SHAPE)
    torch.manual_seed(999)
    np.random.seed(999)
    again = generate_triplet(seed, SHAPE)
    assert all(torch.equal(a, b) for a, b in zip(_arrays(first), _arrays(again), strict=True))


def test_generating_leaves_the_global_random_state_alone() -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    generate_triplet(0, SHAPE)
    assert torch.equal(torch.rand(3), expected)


def test_another_seed_gives_another_triplet() -> None:
    assert not torch.equal(generate_triplet(0, SHAPE).image, generate_triplet(1, SHAPE).image)


@pytest.mark.parametrize("seed", range(12))
def test_triplets_are_well_formed(seed: int) -> None:
    sample = generate_triplet(seed, SHAPE, pixel_size=1.0 + seed % 2)
    assert (sample.image.shape, sample.image.dtype) == ((3, *SHAPE), torch.float32)
    assert (sample.semantic.shape, sample.semantic.dtype) == (SHAPE, torch.uint8)
    assert (sample.level.shape, sample.level.dtype) == (SHAPE, torch.uint8)
    assert bool(torch.isfinite(sample.image).all())
    assert float(sample.image.min()) >= 0
    assert float(sample.image.max()) > 0


def test_nothing_is_shown_or_annotated_outside_the_field_of_view() -> None:
    cropped = 0
    for seed in range(12):
        sample = generate_triplet(seed, SHAPE)
        dark = (sample.image == 0).all(dim=0)
        for outside in (dark.all(dim=0), dark.all(dim=1)[:, None]):
            mask = outside.expand(SHAPE)
            cropped += bool(mask.any())
            assert not bool(sample.semantic[mask].any())
            assert not bool(sample.level[mask].any())
    assert cropped > 0


def _assert_consistent(semantic: np.ndarray[Any, Any], level: np.ndarray[Any, Any]) -> None:
    sacrum = VERSE_NUMBERS["S2 and below"]
    vertebral = np.isin(semantic, [Semantic.BODY, Semantic.DISC, Semantic.POSTERIOR])
    assert np.array_equal(level == sacrum, semantic == Semantic.SACRUM)
    assert np.all(level[vertebral] > 0)
    assert np.array_equal(level > 0, vertebral | (semantic == Semantic.SACRUM))
    assert not np.any((level == VERSE_NUMBERS["S1"]) & (semantic == Semantic.DISC))
    assert not np.any((level == VERSE_NUMBERS["C1"]) & (semantic != Semantic.POSTERIOR))


def test_thick_slices_show_what_lies_beside_their_middle_plane() -> None:
    thin, thick = (
        generate_volume(2, slices=1, slice_spacing=spacing, rows=120, columns=90, pixel_size=1.5)
        for spacing in (1.0, 6.0)
    )
    np.testing.assert_array_equal(thin.semantic.array, thick.semantic.array)
    assert not np.array_equal(thin.image.array, thick.image.array)


@pytest.mark.parametrize("weighting", list(Weighting))
def test_every_weighting_gives_an_image(weighting: Weighting) -> None:
    image = generate_volume(0, slices=2, rows=64, columns=48, pixel_size=2.0, weighting=weighting).image.array
    assert np.isfinite(image).all()
    assert image.min() >= 0
    assert image.std() > 0.1 * image.mean()


@pytest.mark.parametrize("seed", range(12))
def test_semantic_and_level_of_triplets_agree(seed: int) -> None:
    sample = generate_triplet(seed, SHAPE, pixel_size=1.0 + seed % 2)
    _assert_consistent(sample.semantic.numpy(), sample.level.numpy())


def test_semantic_and_level_of_volumes_agree(region_scan: tuple[Region, SyntheticScan]) -> None:
    _, scan = region_scan
    _assert_consistent(scan.semantic.array, scan.level.array)


EXPECTED = {
    "cervical": ("C2", "T1"),
    "thoracic": ("C7", "L1"),
    "lumbar": ("T12", "S1"),
    "whole": ("C2", "S1"),
}


def _visible(region: Region, scan: SyntheticScan) -> tuple[str, ...]:
    first, last = EXPECTED[region]
    names = scan.vertebrae
    return names[names.index(first) : names.index(last) + 1]


def test_every_level_of_the_region_is_there_from_top_to_bottom(region_scan: tuple[Region, SyntheticScan]) -> None:
    region, scan = region_scan
    names = _visible(region, scan)
    places = []
    for upper, lower in pairwise(names):
        places += [_centre_rows(scan, Semantic.BODY, upper), _centre_rows(scan, Semantic.DISC, upper)]
        assert _centre_rows(scan, Semantic.DISC, upper) < _centre_rows(scan, Semantic.BODY, lower)
    assert np.all(np.diff(places) > 0)


def test_every_body_and_disc_is_one_component(region_scan: tuple[Region, SyntheticScan]) -> None:
    region, scan = region_scan
    names = _visible(region, scan)
    for semantic, levels in ((Semantic.BODY, names), (Semantic.DISC, names[:-1])):
        for name in levels:
            mask = (scan.semantic.array == semantic) & (scan.level.array == VERSE_NUMBERS[name])
            sizes = np.bincount(cc3d.connected_components(mask, connectivity=26).ravel())[1:]
            assert sizes.max() > 0.98 * sizes.sum(), (semantic, name)


def test_bodies_do_not_touch_one_another(region_scan: tuple[Region, SyntheticScan]) -> None:
    region, scan = region_scan
    components = cc3d.connected_components(scan.semantic.array == Semantic.BODY, connectivity=6)
    owners = [
        set(np.unique(components[(scan.semantic.array == Semantic.BODY) & (scan.level.array == VERSE_NUMBERS[name])]))
        for name in _visible(region, scan)
    ]
    for upper, lower in pairwise(owners):
        assert not upper & lower


def test_sizes_in_the_volume_are_within_morphometric_ranges(region_scan: tuple[Region, SyntheticScan]) -> None:
    region, scan = region_scan
    for name in _visible(region, scan):
        if name in ("C2", "S1"):  # their bodies' outlines have other definitions: dens, taper
            continue
        mask = (scan.semantic.array == Semantic.BODY) & (scan.level.array == VERSE_NUMBERS[name])
        area = mask.sum(axis=(1, 2)).max() * scan.image.spacing[1] * scan.image.spacing[2]
        expected = LEVEL_SIZES[name].height * LEVEL_SIZES[name].depth
        assert 0.35 * expected < area < 1.7 * expected, name


def _sample(seed: int, lateral: tuple[float, ...]) -> TissueMap:
    person = draw_person(np.random.default_rng(seed))
    _, z = person.curve.point(person.column.position(VERSE_NUMBERS["L3"]))
    y, _ = person.curve.point(person.column.position(VERSE_NUMBERS["L3"]))
    grid = Grid(lateral, 150, 120, 1.0, (z - 75, y - 60), torch.device("cpu"))
    return voxelize(person, grid)[0]


@pytest.mark.parametrize("seed", [0, 1])
def test_a_slice_does_not_depend_on_the_other_slices(seed: int) -> None:
    volume, triplet = _sample(seed, (-8.0, -4.0, 0.0, 4.0, 8.0)), _sample(seed, (-4.0, 0.0, 4.0))
    assert torch.equal(volume.semantic[1:4], triplet.semantic)
    assert torch.equal(volume.level[1:4], triplet.level)
    assert float((volume.tissue[1:4] == triplet.tissue).float().mean()) > 0.9999


def test_neighbouring_slices_are_alike() -> None:
    tissues = _sample(2, tuple(np.arange(-10.0, 11.0)))
    same = (tissues.tissue[1:] == tissues.tissue[:-1]).float().mean(dim=(1, 2))
    assert float(same.min()) > 0.75
    assert float((tissues.semantic[1:] == tissues.semantic[:-1]).float().mean()) > 0.95


def test_volumes_are_reproducible_and_canonical(scan: SyntheticScan) -> None:
    again = generate_volume(1, slices=5, pixel_size=1.2)
    np.testing.assert_array_equal(scan.image.array, again.image.array)
    np.testing.assert_array_equal(scan.level.array, again.level.array)
    _, reorientation = scan.image.canonical()
    assert (reorientation.order, reorientation.flips) == ((0, 1, 2), (False, False, False))
    assert CANONICAL_AXES == "LIP"
    assert scan.image.spacing == pytest.approx((4.0, 1.2, 1.2))
    for volume in (scan.semantic, scan.level):
        np.testing.assert_array_equal(volume.affine, scan.image.affine)


def test_another_weighting_shows_the_same_person(scan: SyntheticScan) -> None:
    other = generate_volume(1, slices=5, pixel_size=1.2, weighting=Weighting.T1W)
    np.testing.assert_array_equal(other.semantic.array, scan.semantic.array)
    assert not np.array_equal(other.image.array, scan.image.array)


def test_rows_and_columns_can_be_chosen() -> None:
    scan = generate_volume(0, slices=3, rows=64, columns=48, pixel_size=2.0)
    assert scan.image.shape == (3, 64, 48)


def test_a_single_slice_is_a_volume() -> None:
    assert generate_volume(0, slices=1, rows=64, columns=48, pixel_size=2.0).image.shape == (1, 64, 48)


@pytest.mark.parametrize(
    "wrong",
    [
        {"region": "pelvis"}, {"weighting": "T9w"}, {"slices": 0}, {"pixel_size": -1.0}, {"rows": 0},
        {"slice_spacing": 0.0},
    ],
)  # fmt: skip
def test_wrong_arguments_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        generate_volume(0, **wrong)
