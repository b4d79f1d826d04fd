"""The three stages in a row, with the networks of the package, on a small synthetic scan."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from itertools import permutations, product
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from spine_segmentation.anatomy import BY_NAME, IVD, SACRUM_BELOW_S1, VERTEBRA, Kind
from spine_segmentation.bundles import bundle_folder
from spine_segmentation.errors import DeviceUnavailable, InvalidVolume, ModelError, NoSpineFound, UnsupportedOrientation
from spine_segmentation.pipeline import SpinePipeline, require_spine, shows_spine
from spine_segmentation.results import Labeling, SpineResult
from spine_segmentation.stages import SplitInstancesd
from spine_segmentation.synth.generator import SyntheticScan
from spine_segmentation.synth.truth import label_map
from spine_segmentation.volume import Array, Reorientation, Volume

WHOLE = ("T12", "T12-L1", "L1", "L1-L2", "L2", "L2-L3", "L3", "L3-L4", "L4", "L4-L5", "L5", "L5-S1", "S1")
"""What the lumbar scan shows from end to end; T11 and the disc above it are cut by the border."""

SHOWN = ["T10-T11", "T11", "T11-T12", *WHOLE]
"""All that it shows."""

ORIENTATIONS = [
    Reorientation(order, flips) for order in permutations(range(3)) for flips in product((False, True), repeat=3)
]


def labeling_of(result: SpineResult) -> Labeling:
    assert result.labeling is not None
    return result.labeling


def names(result: SpineResult) -> list[str | None]:
    return [structure.name for structure in labeling_of(result).structures]


def dice(found: Array, truth: Array, name: str) -> float:
    mine, wanted = found == BY_NAME[name].id, truth == BY_NAME[name].id
    return float(2 * (mine & wanted).sum() / (mine.sum() + wanted.sum()))


def bodies_are_right(result: SpineResult, truth: Array, expected: Sequence[str]) -> bool:
    """Whether each of these bodies was found under its most likely name, determined or not."""
    labeling = labeling_of(result)
    best = {structure.best_name: structure.id for structure in labeling.structures}
    return all(
        np.bincount(truth[labeling.labels.array == best[name]]).argmax() == BY_NAME[name].id for name in expected
    )


def test_names_and_outlines_are_those_of_the_truth(lumbar_scan: SyntheticScan, lumbar_result: SpineResult) -> None:
    found, truth = labeling_of(lumbar_result).labels.array, label_map(lumbar_scan).array
    assert names(lumbar_result) == SHOWN
    assert {name: dice(found, truth, name) for name in WHOLE if dice(found, truth, name) < 0.7} == {}


def test_structures_and_label_map_agree(lumbar_result: SpineResult) -> None:
    labeling = labeling_of(lumbar_result)
    assert labeling.status == "determined" and labeling.variant == "normal"
    present = set(np.unique(labeling.labels.array).tolist()) - {0}
    assert present == {structure.id for structure in labeling.structures}
    voxel = lumbar_result.image.voxel_volume
    for structure in labeling.structures:
        voxels = int((labeling.labels.array == structure.id).sum())
        assert structure.instance.volume == pytest.approx(voxels * voxel)


def test_semantic_map_and_label_map_agree(lumbar_result: SpineResult) -> None:
    semantic, labeling = lumbar_result.semantic.array, labeling_of(lumbar_result)
    assert set(np.unique(semantic).tolist()) == {0, VERTEBRA, IVD, SACRUM_BELOW_S1}
    for structure in labeling.structures:
        inside = semantic[labeling.labels.array == structure.id]
        assert (inside == (VERTEBRA if structure.kind is Kind.VERTEBRA else IVD)).all()


def test_the_field_of_view_cuts_only_the_topmost_body_and_disc(lumbar_result: SpineResult) -> None:
    cut = [s.name for s in labeling_of(lumbar_result).structures if not s.instance.fully_visible]
    assert cut == ["T10-T11", "T11"]


def test_results_lie_on_the_grid_of_the_input(lumbar_result: SpineResult) -> None:
    for volume in (lumbar_result.semantic, labeling_of(lumbar_result).labels):
        assert volume.array.dtype == np.uint8
        assert volume.shape == lumbar_result.image.shape
        assert (volume.affine == lumbar_result.image.affine).all()


def test_the_input_stays_as_it_was(pipeline: SpinePipeline, lumbar_scan: SyntheticScan) -> None:
    before = lumbar_scan.image.array.copy()
    pipeline(lumbar_scan.image)
    assert (lumbar_scan.image.array == before).all()


def test_every_stage_is_timed_and_both_networks_are_named(lumbar_result: SpineResult) -> None:
    assert list(lumbar_result.timings) == ["segment", "split", "label"]
    assert all(seconds > 0 for seconds in lumbar_result.timings.values())
    assert [model.name for model in lumbar_result.models] == ["segmentation", "labeling"]


def test_only_semantic_needs_no_labeling_bundle(
    lumbar_scan: SyntheticScan, lumbar_result: SpineResult, tmp_path: Path
) -> None:
    shutil.copytree(bundle_folder("segmentation"), tmp_path / "segmentation")
    pipeline = SpinePipeline(models=tmp_path)
    result = pipeline(lumbar_scan.image, only_semantic=True)
    assert result.labeling is None
    assert (result.semantic.array == lumbar_result.semantic.array).all()
    assert list(result.timings) == ["segment"]
    assert [model.name for model in result.models] == ["segmentation"]
    require_spine(result)
    with pytest.raises(ModelError, match="no bundle 'labeling'"):
        pipeline(lumbar_scan.image)


def test_networks_are_loaded_once(lumbar_scan: SyntheticScan, lumbar_result: SpineResult, tmp_path: Path) -> None:
    for name in ("segmentation", "labeling"):
        shutil.copytree(bundle_folder(name), tmp_path / "models" / name)
    pipeline = SpinePipeline(models=tmp_path / "models")
    pipeline(lumbar_scan.image)
    shutil.rmtree(tmp_path / "models")
    again = labeling_of(pipeline(lumbar_scan.image))
    assert (again.labels.array == labeling_of(lumbar_result).labels.array).all()


def test_an_absent_device_is_noticed_before_a_network_is_loaded() -> None:
    with pytest.raises(DeviceUnavailable):
        SpinePipeline("cuda:99")
    with pytest.raises(DeviceUnavailable):
        SpinePipeline(labeling_device="cuda:99")


@pytest.mark.parametrize("only_semantic", [False, True])
def test_no_spine_is_an_empty_result(pipeline: SpinePipeline, no_spine: Volume, only_semantic: bool) -> None:
    result = pipeline(no_spine, only_semantic=only_semantic)
    assert not shows_spine(result)
    assert not result.semantic.array.any()
    if not only_semantic:
        labeling = labeling_of(result)
        assert labeling.structures == () and labeling.status == "undetermined" and labeling.confidence == 0
        assert not labeling.labels.array.any()
    with pytest.raises(NoSpineFound):
        require_spine(result)


def test_noise_is_hardly_ever_a_spine(pipeline: SpinePipeline) -> None:
    """One image in twelve holds a fragment: see the limits in the README."""
    noise = [np.random.default_rng(seed).random((5, 160, 128), np.float32) for seed in range(6)]
    images = [Volume.from_axes(array, "LIP", (5.0, pixel, pixel)) for array in noise for pixel in (0.8, 1.2)]
    assert sum(shows_spine(pipeline(image)) for image in images) <= 1


@pytest.mark.parametrize("slices", [1, 2])
def test_few_slices(slices: int, pipeline: SpinePipeline, lumbar_scan: SyntheticScan) -> None:
    image, truth = lumbar_scan.image, label_map(lumbar_scan).array
    middle = slice(3, 3 + slices)
    result = pipeline(Volume(image.array[middle], image.affine))
    assert labeling_of(result).labels.shape == (slices, *image.shape[1:])
    assert bodies_are_right(result, truth[middle], ("T12", "L1", "L2", "L3", "L4"))


@pytest.mark.parametrize("turn", ORIENTATIONS, ids=lambda turn: f"{turn.order}-{turn.flips}")
def test_orientation_changes_nothing(
    turn: Reorientation, pipeline: SpinePipeline, lumbar_scan: SyntheticScan, lumbar_result: SpineResult
) -> None:
    result = pipeline(lumbar_scan.image.reorient(turn))
    found, straight = labeling_of(result), labeling_of(lumbar_result)
    assert (turn.undo(found.labels.array) == straight.labels.array).all()
    assert (turn.undo(result.semantic.array) == lumbar_result.semantic.array).all()
    assert names(result) == names(lumbar_result)
    centroids = [[s.instance.centroid for s in labeling.structures] for labeling in (found, straight)]
    np.testing.assert_allclose(*centroids, atol=1e-2)


@pytest.mark.parametrize("angles", [(0, 0, 15), (10, -8, 12), (20, 20, 20)])
def test_oblique_slices(
    angles: tuple[int, int, int], pipeline: SpinePipeline, lumbar_scan: SyntheticScan, lumbar_result: SpineResult
) -> None:
    rotation = np.eye(4)
    rotation[:3, :3] = Rotation.from_euler("xyz", angles, degrees=True).as_matrix()
    result = pipeline(Volume(lumbar_scan.image.array, rotation @ lumbar_scan.image.affine))
    assert names(result) == names(lumbar_result)
    same = labeling_of(result).labels.array == labeling_of(lumbar_result).labels.array
    assert same.mean() > 0.999
    assert (labeling_of(result).labels.affine == rotation @ lumbar_scan.image.affine).all()


@pytest.mark.parametrize("axis", [1, 2], ids=["rows", "columns"])
def test_anisotropic_pixels(axis: int, pipeline: SpinePipeline, lumbar_scan: SyntheticScan) -> None:
    every_second = tuple(slice(None, None, 2 if k == axis else 1) for k in range(3))
    affine = lumbar_scan.image.affine.copy()
    affine[:, axis] *= 2
    result = pipeline(Volume(lumbar_scan.image.array[every_second], affine))
    found, truth = labeling_of(result).labels.array, label_map(lumbar_scan).array[every_second]
    assert names(result) == SHOWN
    assert min(dice(found, truth, name) for name in WHOLE) > 0.6


@pytest.mark.parametrize("factor", [0.001, 37.0])
def test_the_scale_of_intensities_does_not_matter(
    factor: float, pipeline: SpinePipeline, lumbar_scan: SyntheticScan, lumbar_result: SpineResult
) -> None:
    image = lumbar_scan.image
    result = pipeline(image.with_array(image.array * np.float32(factor)))
    assert (labeling_of(result).labels.array == labeling_of(lumbar_result).labels.array).mean() > 0.999


def test_thick_axial_slices_are_refused(pipeline: SpinePipeline, lumbar_scan: SyntheticScan) -> None:
    axial = Volume.from_axes(lumbar_scan.image.array, "SPL", (6.0, 1.2, 1.2))
    with pytest.raises(UnsupportedOrientation):
        pipeline(axial)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_intensities_must_be_finite(value: float, pipeline: SpinePipeline, no_spine: Volume) -> None:
    array = no_spine.array.astype(np.float32)
    array[2, 80, 64] = value
    with pytest.raises(InvalidVolume, match="finite"):
        pipeline(no_spine.with_array(array))


def test_blank_margins_change_nothing_about_what_is_whole(
    pipeline: SpinePipeline, lumbar_scan: SyntheticScan, lumbar_result: SpineResult
) -> None:
    canonical, _ = lumbar_scan.image.canonical()
    padded = pipeline(Volume(np.pad(canonical.array, ((0, 0), (60, 60), (0, 0))), canonical.affine))
    before, after = (
        {structure.best_name: structure.instance.fully_visible for structure in labeling_of(result).structures}
        for result in (lumbar_result, padded)
    )
    assert not before["T10-T11"]
    assert before == after


def test_the_labeling_bundle_knows_what_the_image_shows(lumbar_scan: SyntheticScan, lumbar_result: SpineResult) -> None:
    image = lumbar_scan.image.with_array(lumbar_scan.image.array.copy())
    image.canonical()[0].array[:, :60] = 0
    shown = SplitInstancesd("semantic")({"semantic": lumbar_result.semantic, "image": image})["instances"].shown
    assert not shown.visible[:59].any()
    assert shown.visible[61:].all()
