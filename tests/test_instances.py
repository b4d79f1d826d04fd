"""The instance splitter on analytic spines, whole, broken and odd."""

from __future__ import annotations

import itertools
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from spine_segmentation.anatomy import IVD, VERTEBRA, Kind
from spine_segmentation.errors import InvalidVolume, UnsupportedOrientation
from spine_segmentation.instances import split_instances
from spine_segmentation.io.nifti import read_nifti
from spine_segmentation.results import Instances
from spine_segmentation.volume import Volume
from tests.phantoms import COURSES, Phantom, build, kinds, structures

SPIDER = Path(__file__).parents[2] / "shared" / "data" / "train" / "spider"


def agreement(instances: Instances, phantom: Phantom) -> float:
    """Share of the true structures' voxels that carry their structure's number."""
    inside = phantom.truth > 0
    return float((instances.labels.array == phantom.truth)[inside].mean())


def check_complete(instances: Instances, phantom: Phantom) -> None:
    assert [item.kind for item in instances.items] == kinds(phantom.names)
    assert agreement(instances, phantom) > 0.99


def rows_of(mask: np.ndarray) -> np.ndarray:
    return np.flatnonzero(mask.any(axis=(0, 2)))


@pytest.fixture(scope="module")
def lumbar() -> Phantom:
    return build(structures("T11", "S1"), "lordosis", sacrum=True)


@pytest.mark.parametrize("course", COURSES)
@pytest.mark.parametrize(("first", "last"), [("C2", "S1"), ("T10", "S1"), ("T5", "T9"), ("T12-L1", "L5-S1")])
def test_separates_every_structure(course: str, first: str, last: str) -> None:
    phantom = build(structures(first, last), course, sacrum=last == "S1")
    instances = split_instances(phantom.semantic)
    check_complete(instances, phantom)
    assert [item.label for item in instances.items] == list(range(1, len(phantom.names) + 1))
    assert all(item.fully_visible for item in instances.items)
    positions = [item.position for item in instances.items]
    assert positions == sorted(positions)


@pytest.mark.parametrize(
    "spacing", [(0.9, 0.6, 0.6), (5.0, 0.3, 0.3), (5.0, 1.4, 1.4), (3.3, 0.9, 0.5), (1.0, 1.0, 1.0)]
)
def test_measures_in_millimetres(spacing: tuple[float, float, float]) -> None:
    phantom = build(structures("L2", "L4"), "lordosis", spacing)
    instances = split_instances(phantom.semantic)
    check_complete(instances, phantom)
    body = instances.items[2]
    assert body.kind is Kind.VERTEBRA
    true_indices = np.argwhere(phantom.mask("L3"))
    assert body.centroid == pytest.approx(phantom.semantic.to_patient(true_indices).mean(axis=0), abs=1.0)
    assert body.volume == pytest.approx(len(true_indices) * phantom.semantic.voxel_volume, rel=0.01)
    assert instances.items[4].position - instances.items[0].position == pytest.approx(72, abs=4)


@pytest.mark.parametrize("slices", [1, 2, 3])
@pytest.mark.parametrize("thickness", [0.9, 4.0])
def test_few_slices(slices: int, thickness: float) -> None:
    phantom = build(structures("C2", "S1"), "natural", (thickness, 0.8, 0.8), slices=slices)
    check_complete(split_instances(phantom.semantic), phantom)


@pytest.mark.parametrize("names", [["L3"], ["C5"], ["L3-L4"], ["C5-C6"], ["L3", "L3-L4"], ["L3-L4", "L4"], []])
def test_very_few_structures(names: list[str]) -> None:
    phantom = build(names or ["L3"], "kyphosis")
    semantic = phantom.semantic if names else phantom.changed((phantom.truth > 0, 0))
    instances = split_instances(semantic)
    assert [item.kind for item in instances.items] == kinds(names)
    assert instances.labels.array.dtype == np.uint16
    assert bool(instances.labels.array.any()) == bool(names)


@pytest.mark.parametrize("course", COURSES)
@pytest.mark.parametrize("kept", [VERTEBRA, IVD])
@pytest.mark.parametrize(("first", "last"), [("C2", "T12"), ("T8", "S1")])
def test_only_bodies_or_only_discs(course: str, kept: int, first: str, last: str) -> None:
    phantom = build(structures(first, last), course)
    gone = phantom.semantic.array != kept
    instances = split_instances(phantom.changed((gone, 0)))
    found = [phantom.truth[instances.labels.array == item.label] for item in instances.items]
    expected = [number for number in range(1, len(phantom.names) + 1) if (phantom.truth[~gone] == number).any()]
    assert [int(np.median(numbers)) for numbers in found] == expected


def test_all_48_orientations() -> None:
    phantom = build(structures("T12", "L4"), "natural", (2.0, 1.1, 0.9))
    expected = split_instances(phantom.semantic)
    axes = [("L", "R"), ("I", "S"), ("P", "A")]
    for order in itertools.permutations(range(3)):
        for letters in itertools.product(*(axes[k] for k in order)):
            turning = phantom.semantic.reorientation("".join(letters))
            instances = split_instances(phantom.semantic.reorient(turning))
            assert np.array_equal(turning.undo(instances.labels.array), expected.labels.array)
            np.testing.assert_allclose(
                [item.centroid for item in instances.items], [item.centroid for item in expected.items], atol=1e-3
            )
            assert [item.fully_visible for item in instances.items] == [item.fully_visible for item in expected.items]


def test_missed_disc_leaves_two_bodies(lumbar: Phantom) -> None:
    instances = split_instances(lumbar.changed((lumbar.mask("L2-L3"), 0)))
    names = [name for name in lumbar.names if name != "L2-L3"]
    assert [item.kind for item in instances.items] == kinds(names)


def test_missed_disc_with_a_bridge_of_bone_is_cut_at_the_waist(lumbar: Phantom) -> None:
    disc = lumbar.mask("L2-L3")
    columns = np.flatnonzero(disc.any(axis=(0, 1)))
    bridge = disc.copy()
    bridge[:, :, : int(np.mean(columns))] = False
    instances = split_instances(lumbar.changed((disc, 0), (bridge, VERTEBRA)))
    assert [item.kind for item in instances.items] == kinds([name for name in lumbar.names if name != "L2-L3"])
    for name, label in (("L2", lumbar.number("L2")), ("L3", lumbar.number("L3") - 1)):
        assert (instances.labels.array == label)[lumbar.mask(name)].mean() > 0.95


def test_fused_bodies_without_a_waist_stay_one(lumbar: Phantom) -> None:
    instances = split_instances(lumbar.changed((lumbar.mask("L2-L3"), VERTEBRA)))
    assert len(instances.items) == len(lumbar.names) - 2


def test_bodies_bridged_by_bone_are_cut_by_the_discs() -> None:
    phantom = build(structures("T8", "S1"), "natural")
    front = phantom.semantic.array > 0
    front &= np.cumsum(front, axis=2) <= 3
    instances = split_instances(phantom.changed((front, VERTEBRA)))
    assert [item.kind for item in instances.items] == kinds(phantom.names)
    kept = np.where(front, 0, phantom.truth)
    assert (instances.labels.array == kept)[kept > 0].mean() > 0.995


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_body_broken_by_a_cleft_stays_one(lumbar: Phantom, axis: int) -> None:
    body = lumbar.mask("L3")
    others = tuple(k for k in range(3) if k != axis)
    middle = int(np.median(np.flatnonzero(body.any(axis=others))))
    cleft = np.zeros_like(body)
    cleft[(slice(None),) * axis + (slice(middle - (axis > 0), middle + 1),)] = True
    instances = split_instances(lumbar.changed((cleft & body, 0)))
    assert [item.kind for item in instances.items] == kinds(lumbar.names)
    assert len(set(np.unique(instances.labels.array[body])) - {0}) == 1


def test_dens_broken_off_stays_with_c2() -> None:
    phantom = build(structures("C2", "C5"), "straight", (1.5, 0.7, 0.7), margin=30)
    body = np.argwhere(phantom.mask("C2"))
    top, middle = body[:, 1].min() - 5, body.mean(axis=0).astype(int)
    dens = np.zeros(phantom.semantic.shape, dtype=bool)
    dens[middle[0] - 2 : middle[0] + 3, top - 20 : top, middle[2] - 6 : middle[2] + 6] = True
    instances = split_instances(phantom.changed((dens, VERTEBRA)))
    assert [item.kind for item in instances.items] == kinds(phantom.names)
    assert (instances.labels.array[dens] == 1).all()


@pytest.mark.parametrize("side", [slice(0, 2), slice(-2, None)])
def test_a_joint_beside_the_dens_is_no_disc(side: slice) -> None:
    phantom = build(structures("C2", "C5"), "straight", (1.5, 0.7, 0.7), margin=30)
    body = phantom.mask("C2")
    middle = int(np.median(rows_of(body)))
    joint = np.zeros_like(body)
    joint[np.flatnonzero(body.any(axis=(1, 2)))[side], middle - 3 : middle + 3] = True
    instances = split_instances(phantom.changed((joint & body, IVD)))
    assert [item.kind for item in instances.items] == kinds(phantom.names)
    assert (instances.labels.array[body & ~joint] == 1).all()


def test_lateral_masses_beside_the_dens_are_not_part_of_c2() -> None:
    phantom = build(structures("C2", "C5"), "straight", (1.5, 0.7, 0.7), margin=30)
    body = phantom.mask("C2")
    slices, middle = np.flatnonzero(body.any(axis=(1, 2))), np.argwhere(body).mean(axis=0).astype(int)
    masses = np.zeros_like(body)
    for first in (slices[0] - 6, slices[-1] + 1):
        masses[first : first + 6, middle[1] - 15 : middle[1] + 4, middle[2] - 8 : middle[2] + 8] = True
    instances = split_instances(phantom.changed((masses, VERTEBRA)))
    assert [item.kind for item in instances.items] == kinds(phantom.names)
    assert (instances.labels.array[body] == 1).mean() > 0.99
    assert (instances.labels.array[masses] > 0).mean() < 0.4


@pytest.mark.parametrize(("height", "depth", "kept"), [(8, 18, True), (8, 7, False), (3, 18, False)])
def test_what_lies_loose_above_c2_is_no_body(height: int, depth: int, kept: bool) -> None:
    """A body that the field of view cuts keeps its cross-section; an arch of C1 is thin, a rim of skull is small."""
    array = np.zeros((8, 90, 40), dtype=np.uint8)
    for top, width in ((30, 15 if depth < 10 else 20), (51, 20), (72, 20)):
        array[:, top : top + 16, 10 : 10 + width] = VERTEBRA
        array[:, top + 17 : top + 20, 10:30] = IVD
    piece = (slice(None), slice(24 - height, 24), slice(10, 10 + depth))
    array[piece] = VERTEBRA
    instances = split_instances(Volume.from_axes(array, "LIP", (2.0, 1.0, 1.0)))
    assert [item.kind for item in instances.items] == [*[Kind.VERTEBRA] * kept, *[Kind.VERTEBRA, Kind.IVD] * 3]
    assert (instances.labels.array[piece] > 0).all() == kept


def test_a_topmost_body_wholly_beside_the_next_one_stays() -> None:
    array = np.zeros((20, 60, 40), dtype=np.uint8)
    array[2:5, 5:20, 5:35] = VERTEBRA
    array[12:18, 20:40, 5:35] = VERTEBRA
    array[2:18, 19:21, 5:35] = IVD
    instances = split_instances(Volume.from_axes(array, "LIP", (3.0, 1.0, 1.0)))
    assert [item.kind for item in instances.items] == [Kind.VERTEBRA, Kind.IVD, Kind.VERTEBRA]


def test_broken_disc_stays_one(lumbar: Phantom) -> None:
    disc = lumbar.mask("L4-L5")
    columns = np.flatnonzero(disc.any(axis=(0, 1)))
    gaps = disc.copy()
    keep = np.isin(np.arange(disc.shape[2]) - columns[0], [*range(3, 12), *range(16, 30)])
    gaps[:, :, keep] = False
    instances = split_instances(lumbar.changed((gaps, 0)))
    assert [item.kind for item in instances.items] == kinds(lumbar.names)
    assert len(set(np.unique(instances.labels.array[disc])) - {0}) == 1


@pytest.mark.parametrize(("first", "last"), [("C2", "T3"), ("C2", "S1"), ("T10", "L4")])
@pytest.mark.parametrize("size", [0.5, 0.35])
def test_discs_of_an_infant_stay_apart(first: str, last: str, size: float) -> None:
    phantom = build(structures(first, last))
    affine = phantom.semantic.affine @ np.diag([size, size, size, 1.0])
    infant = Phantom(Volume(phantom.semantic.array, affine), phantom.truth, phantom.names)
    check_complete(split_instances(infant.semantic), infant)


def test_specks_of_disc_are_noise(lumbar: Phantom) -> None:
    speck = np.zeros(lumbar.semantic.shape, dtype=bool)
    middle = np.argwhere(lumbar.mask("L3")).mean(axis=0).astype(int)
    speck[tuple(slice(k - 1, k + 2) for k in middle)] = True
    instances = split_instances(lumbar.changed((speck, IVD)))
    assert [item.kind for item in instances.items] == kinds(lumbar.names)
    assert not instances.labels.array[speck].any()


@pytest.mark.parametrize("value", [VERTEBRA, IVD])
def test_a_speck_alone_is_nothing(value: int) -> None:
    array = np.zeros((5, 20, 20), dtype=np.uint8)
    array[2, 9:11, 8:11] = value
    assert not split_instances(Volume.from_axes(array, "LIP", (3.0, 1.0, 1.0))).items


def test_spur_across_the_disc_stays_with_its_body() -> None:
    phantom = build(structures("L2", "L4"), "straight", margin=10)
    body, disc = np.argwhere(phantom.mask("L3")), np.argwhere(phantom.mask("L3-L4"))
    spur = np.zeros(phantom.semantic.shape, dtype=bool)
    front = disc[:, 2].min()
    middle = int(body[:, 0].mean())
    spur[middle - 2 : middle + 3, disc[:, 1].min() - 4 : disc[:, 1].max() - 1, front - 4 : front] = True
    instances = split_instances(phantom.changed((spur, VERTEBRA)))
    assert [item.kind for item in instances.items] == kinds(phantom.names)
    assert set(np.unique(instances.labels.array[spur])) == {phantom.number("L3")}


def test_missed_body(lumbar: Phantom) -> None:
    instances = split_instances(lumbar.changed((lumbar.mask("L3"), 0)))
    assert [item.kind for item in instances.items] == kinds([name for name in lumbar.names if name != "L3"])


@pytest.mark.parametrize("away", [(0, 0, 42), (0, 0, -40), (9, 0, 30)])
def test_fragments_off_the_column_are_dropped(away: tuple[int, int, int]) -> None:
    phantom = build(structures("T11", "S1"), "straight", margin=30)
    centre = np.argwhere(phantom.mask("L3")).mean(axis=0).astype(int) + away
    island = np.zeros(phantom.semantic.shape, dtype=bool)
    island[centre[0] - 2 : centre[0] + 2, centre[1] - 6 : centre[1] + 6, centre[2] - 4 : centre[2] + 4] = True
    island &= phantom.truth == 0
    assert island.sum() > 100
    instances = split_instances(phantom.changed((island, VERTEBRA)))
    check_complete(instances, phantom)
    assert not instances.labels.array[island].any()


@pytest.mark.parametrize("rows_above", [12, 25])
def test_small_island_in_the_course_of_the_column_is_dropped(rows_above: int) -> None:
    phantom = build(structures("T11", "S1"), "straight", (3.3, 0.8, 0.8), margin=40)
    top = np.argwhere(phantom.mask("T11"))
    middle, row = top.mean(axis=0).astype(int), top[:, 1].min() - rows_above
    island = np.zeros(phantom.semantic.shape, dtype=bool)
    island[middle[0] : middle[0] + 4, row : row + 5, middle[2] : middle[2] + 5] = True
    assert island.sum() == 100
    instances = split_instances(phantom.changed((island, VERTEBRA)))
    check_complete(instances, phantom)
    assert not instances.labels.array[island].any()


def test_sacrum_is_no_instance_and_not_part_of_s1(lumbar: Phantom) -> None:
    instances = split_instances(lumbar.semantic)
    assert (lumbar.semantic.array == 60).any()
    assert not instances.labels.array[lumbar.semantic.array == 60].any()
    assert instances.items[-1].kind is Kind.VERTEBRA
    assert agreement(instances, lumbar) > 0.999


def test_structures_at_the_border_are_not_fully_visible(lumbar: Phantom) -> None:
    first, last = rows_of(lumbar.mask("L1")), rows_of(lumbar.mask("L4"))
    rows = slice(int(first.mean()), int(last.mean()))
    cropped = lumbar.cropped((slice(4, -4), rows, slice(None)))
    instances = split_instances(cropped.semantic)
    visible = [item.fully_visible for item in instances.items if item.kind is Kind.VERTEBRA]
    assert (visible[0], visible[-1]) == (False, False)
    assert all(visible[1:-1])


@pytest.mark.parametrize("axes", ["LIP", "PRS"])
def test_structures_that_reach_an_outer_slice_may_go_on_beside_it(lumbar: Phantom, axes: str) -> None:
    middle = len(lumbar.semantic.array) // 2
    for slices, reaches in ((slice(None), False), (slice(0, middle), True), (slice(middle, None), True)):
        semantic = lumbar.cropped((slices,)).semantic
        items = split_instances(semantic.reorient(semantic.reorientation(axes))).items
        assert [item.reaches_outer_slice for item in items] == [reaches] * len(lumbar.names)
        assert all(item.fully_visible for item in items)


def test_structures_at_blank_margins_are_not_fully_visible(lumbar: Phantom) -> None:
    first, last = rows_of(lumbar.mask("L1")), rows_of(lumbar.mask("L4"))
    rows = slice(int(first.mean()), int(last.mean()))
    shape = lumbar.semantic.shape
    image, semantic = np.zeros(shape, np.float32), np.zeros(shape, np.uint8)
    image[:, rows] = np.random.default_rng(0).uniform(1, 100, image[:, rows].shape)
    semantic[:, rows] = lumbar.semantic.array[:, rows]
    instances = split_instances(lumbar.semantic.with_array(semantic), lumbar.semantic.with_array(image))
    visible = [item.fully_visible for item in instances.items if item.kind is Kind.VERTEBRA]
    assert (visible[0], visible[-1]) == (False, False)
    assert all(visible[1:-1])


def test_cut_end_without_border_is_not_fully_visible(lumbar: Phantom) -> None:
    rows = rows_of(lumbar.mask("T11"))
    black = np.zeros(lumbar.semantic.shape, dtype=bool)
    black[:, : int(rows[0] + 0.6 * len(rows))] = True
    instances = split_instances(lumbar.changed((black, 0)))
    assert [item.fully_visible for item in instances.items] == [False] + [True] * (len(lumbar.names) - 1)


def test_height_1100_and_odd_width() -> None:
    phantom = build(structures("C2", "S1"), "natural", (4.0, 0.55, 0.55))
    rows, columns = phantom.semantic.shape[1:]
    array = np.pad(phantom.semantic.array, ((0, 0), (0, max(0, 1100 - rows)), (0, 1 - columns % 2)))
    instances = split_instances(Volume(array, phantom.semantic.affine))
    assert instances.labels.array.shape == array.shape
    assert [item.kind for item in instances.items] == kinds(phantom.names)


def test_fast() -> None:
    phantom = build(structures("T8", "S1"), "lordosis", (4.0, 0.7, 0.7), slices=20)
    array = np.zeros((20, 512, 512), dtype=np.uint8)
    part = phantom.semantic.array[:, :512, :512]
    array[:, : part.shape[1], : part.shape[2]] = part
    started = time.process_time()
    split_instances(Volume(array, phantom.semantic.affine))
    assert time.process_time() - started < 0.5


@pytest.mark.parametrize("array", [np.full((2, 3, 4), 7, dtype=np.uint8), np.zeros((2, 3, 4), dtype=np.int16)])
def test_refuses_what_is_no_semantic_map(array: np.ndarray) -> None:
    with pytest.raises(InvalidVolume, match="semantic map"):
        split_instances(Volume.from_axes(array, "LIP", (3.0, 1.0, 1.0)))


def test_refuses_thick_axial_slices() -> None:
    with pytest.raises(UnsupportedOrientation):
        split_instances(Volume.from_axes(np.zeros((5, 20, 20), dtype=np.uint8), "SPL", (5.0, 1.0, 1.0)))


SHAPES = hnp.array_shapes(min_dims=3, max_dims=3, max_side=12)
SPACINGS = st.tuples(st.floats(0.9, 5.0), st.floats(0.3, 2.0), st.floats(0.3, 2.0))


@settings(max_examples=60, deadline=None)
@given(hnp.arrays(np.uint8, SHAPES, elements=st.sampled_from([0, 0, 1, 2, 60])), SPACINGS)
def test_never_fails_on_noise(array: np.ndarray, spacing: tuple[float, float, float]) -> None:
    instances = split_instances(Volume.from_axes(array, "LIP", spacing))
    labels = instances.labels.array
    assert set(np.unique(labels)) - {0} == {item.label for item in instances.items}
    for item in instances.items:
        expected = VERTEBRA if item.kind is Kind.VERTEBRA else IVD
        assert (array[labels == item.label] == expected).all()


@pytest.mark.skipif(not SPIDER.is_dir(), reason="the SPIDER masks are not there")
@pytest.mark.parametrize("case", ["005", "035", "177"])
def test_real_masks(case: str) -> None:
    mask = read_nifti(SPIDER / f"spider_{case}_seg.nii.gz")
    bodies, discs = (mask.array >= 8) & (mask.array <= 26), (mask.array >= 101) & (mask.array <= 126)
    instances = split_instances(mask.with_array(np.where(bodies, VERTEBRA, np.where(discs, IVD, 0)).astype(np.uint8)))
    names = sorted({int(v) for v in np.unique(mask.array[bodies | discs])}, key=lambda v: v if v < 100 else v - 99.5)
    table = np.zeros(256, dtype=int)
    table[names] = np.arange(1, len(names) + 1)
    assert [item.kind for item in instances.items] == [Kind.VERTEBRA if v < 100 else Kind.IVD for v in names]
    assert (instances.labels.array == table[mask.array.astype(int)])[bodies | discs].mean() > 0.9999
