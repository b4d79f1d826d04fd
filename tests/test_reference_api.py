"""The reference package's interface: its signature, its ids, and none of its traps."""

from __future__ import annotations

import inspect
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
import torch

import spine_segmentation
from spine_segmentation import SegmentationInference, SegmentationResult
from spine_segmentation.anatomy import BY_ID, BY_NAME, SACRUM_BELOW_S1, VERTEBRA
from spine_segmentation.errors import DeviceUnavailable, InvalidVolume, ModelError, UsageError
from spine_segmentation.pipeline import SpinePipeline
from spine_segmentation.results import SpineResult
from spine_segmentation.synth.generator import SyntheticScan, generate_volume
from spine_segmentation.volume import Array, Volume

SEED = 6
WIDTH = 251
S1 = BY_NAME["S1"].id


@pytest.fixture(scope="module")
def scan() -> SyntheticScan:
    """The lumbar scan with the voxel size of the reference's own images."""
    return generate_volume(SEED, region="lumbar", slices=7, slice_spacing=3.3, pixel_size=0.8, columns=WIDTH)


@pytest.fixture(scope="module")
def image(scan: SyntheticScan) -> Array:
    """Its array by the reference's convention: sagittal slices, posterior to anterior, inferior to superior."""
    return reference_array(scan.image)


@pytest.fixture(scope="module")
def inference() -> SegmentationInference:
    return SegmentationInference("CPU", "CPU")


@pytest.fixture(scope="module")
def result(inference: SegmentationInference, image: Array) -> SegmentationResult:
    return inference.segment(image)


@pytest.fixture(scope="module")
def own_result(pipeline: SpinePipeline, scan: SyntheticScan) -> SpineResult:
    """What the library's own interface finds in the scan."""
    return pipeline(scan.image)


def reference_array(volume: Volume) -> Array:
    return np.ascontiguousarray(volume.reorientation("LAS").apply(volume.array))


def instances_of(result: SegmentationResult) -> Array:
    assert result.instance_segmentation is not None
    return result.instance_segmentation


def overlap(one: Array, other: Array) -> float:
    """Dice of all structures of the same name."""
    return float(2 * ((one == other) & (one > 0)).sum() / ((one > 0).sum() + (other > 0).sum()))


def test_exported_names() -> None:
    documented = {"SegmentationInference", "SegmentationResult", "SpinePipeline", "Volume"}
    assert set(spine_segmentation.__all__) == documented
    for name in documented:
        assert getattr(spine_segmentation, name).__name__ == name
    with pytest.raises(AttributeError, match="Segmenter"):
        _ = spine_segmentation.Segmenter  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (
            SegmentationInference.__init__,
            [
                ("segmentation_device", "POSITIONAL_OR_KEYWORD", "CPU"),
                ("instance_segmentation_device", "POSITIONAL_OR_KEYWORD", "CPU"),
                ("output_same_shape_as_input", "KEYWORD_ONLY", False),
            ],
        ),
        (
            SegmentationInference.segment,
            [
                ("mri_3d_numpy_image", "POSITIONAL_OR_KEYWORD", inspect.Parameter.empty),
                ("only_2class_segmentation", "KEYWORD_ONLY", False),
                ("cache_dir", "KEYWORD_ONLY", "auto"),
            ],
        ),
    ],
    ids=["constructor", "segment"],
)
def test_signature_is_the_references(function: object, expected: list[tuple[str, str, object]]) -> None:
    """What comes on top of it can be left out."""
    assert callable(function)
    parameters = list(inspect.signature(function).parameters.values())[1:]
    assert [(p.name, p.kind.name, p.default) for p in parameters[: len(expected)]] == expected
    for added in parameters[len(expected) :]:
        assert added.kind is inspect.Parameter.KEYWORD_ONLY and added.default is not inspect.Parameter.empty


def test_result_has_the_references_fields(result: SegmentationResult, image: Array) -> None:
    names = [field.name for field in fields(SegmentationResult)]
    assert names == ["semantic_segmentation", "instance_segmentation", "id_to_label"]
    for array in (result.semantic_segmentation, instances_of(result)):
        assert array.shape == image.shape and array.dtype == np.uint8
    assert set(np.unique(result.semantic_segmentation).tolist()) == {0, 1, 2}


def test_every_id_has_a_label(result: SegmentationResult) -> None:
    assert result.id_to_label[0] == "unexpected_0"
    assert {k: result.id_to_label[k] for k in range(1, 50)} == {k: BY_ID[k].name for k in range(1, 50)}
    assert (result.id_to_label[1], result.id_to_label[46], result.id_to_label[49]) == ("C2", "L5-L6", "S1")
    assert set(np.unique(instances_of(result)).tolist()) <= set(result.id_to_label)


def test_same_as_the_librarys_own_interface(
    result: SegmentationResult, scan: SyntheticScan, own_result: SpineResult
) -> None:
    """But for the sacrum."""
    assert own_result.labeling is not None
    labels = reference_array(own_result.labeling.labels)
    above = reference_array(own_result.semantic) != SACRUM_BELOW_S1
    assert (instances_of(result) == labels)[above].all()
    assert {"L3", "L4"} <= {result.id_to_label[k] for k in np.unique(labels).tolist()}


def test_the_whole_sacrum_is_s1(result: SegmentationResult, own_result: SpineResult) -> None:
    below = reference_array(own_result.semantic) == SACRUM_BELOW_S1
    assert below.any()
    assert (result.semantic_segmentation[below] == VERTEBRA).all()
    assert (instances_of(result)[below] == S1).all()
    assert (instances_of(result)[~below] == S1).any()


@pytest.mark.parametrize("axes", ["LIP", "RAS", "SPL"])
def test_axis_codes_and_spacing_replace_the_convention(
    axes: str, inference: SegmentationInference, scan: SyntheticScan, result: SegmentationResult
) -> None:
    turned = scan.image.reorient(scan.image.reorientation(axes))
    found = inference.segment(turned.array, axis_codes=axes, spacing=turned.spacing)
    back = turned.reorientation("LAS")
    assert (back.apply(instances_of(found)) == instances_of(result)).all()
    assert (back.apply(found.semantic_segmentation) == result.semantic_segmentation).all()


@pytest.mark.parametrize("cache_dir", [None, "somewhere"])
@pytest.mark.parametrize("same_shape", [False, True])
def test_arguments_without_effect(
    cache_dir: str | None, same_shape: bool, image: Array, result: SegmentationResult, tmp_path: Path
) -> None:
    inference = SegmentationInference(output_same_shape_as_input=same_shape)
    place = cache_dir and tmp_path / cache_dir
    found = inference.segment(image, cache_dir=place, only_2class_segmentation=True)
    assert (found.semantic_segmentation == result.semantic_segmentation).all()
    assert list(tmp_path.iterdir()) == []


def test_only_2class_needs_no_second_network(
    image: Array, result: SegmentationResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    inference = SegmentationInference()
    monkeypatch.setattr("spine_segmentation.bundles.torch.load", _refuse)
    found = inference.segment(image, only_2class_segmentation=True)
    assert found.instance_segmentation is None
    assert (found.semantic_segmentation == result.semantic_segmentation).all()
    assert len(found.id_to_label) == 50
    with pytest.raises(ModelError):
        inference.segment(image)


def test_odd_width_keeps_its_shape(inference: SegmentationInference, image: Array, result: SegmentationResult) -> None:
    """Nor is the result shifted by a pixel against that of an even width."""
    assert image.shape[1] == WIDTH
    found = inference.segment(image[:, 1:])
    assert instances_of(found).shape == (len(image), WIDTH - 1, image.shape[2])
    assert overlap(instances_of(found), instances_of(result)[:, 1:]) > 0.95


def test_a_tall_image_is_not_cut(inference: SegmentationInference, image: Array, result: SegmentationResult) -> None:
    """The spine lies where the reference no longer looks."""
    below = 1100 - image.shape[2]
    air = np.random.default_rng(0).rayleigh(0.01 * image.mean(), (*image.shape[:2], below))
    found = instances_of(inference.segment(np.concatenate([air, image], axis=2)))
    assert found.shape[2] == 1100
    assert overlap(found[:, :, below:], instances_of(result)) > 0.95


def test_one_slice(inference: SegmentationInference, image: Array) -> None:
    found = inference.segment(image[3:4])
    assert instances_of(found).shape == (1, *image.shape[1:])
    assert set(np.unique(found.semantic_segmentation).tolist()) == {0, 1, 2}


def test_two_dimensions_are_refused_with_advice(inference: SegmentationInference, image: Array) -> None:
    with pytest.raises(InvalidVolume, match=r"image\[np.newaxis\]"):
        inference.segment(image[3])


@pytest.mark.parametrize("shape", [(7, 3, 64, 64), (64,), (0, 64, 64)])
def test_other_shapes_are_refused(shape: tuple[int, ...], inference: SegmentationInference) -> None:
    with pytest.raises(InvalidVolume):
        inference.segment(np.ones(shape, np.float32))


@pytest.mark.parametrize(
    ("axes", "spacing"), [("LLS", None), ("sagittal", None), ("LAS", (3.3, 0.8, 0.0)), ("LAS", (3.3, 0.8, -0.8))]
)
def test_geometry_that_makes_no_sense_is_refused(
    axes: str, spacing: tuple[float, float, float] | None, inference: SegmentationInference, image: Array
) -> None:
    with pytest.raises(UsageError):
        inference.segment(image, axis_codes=axes, spacing=spacing)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
@pytest.mark.parametrize("device", ["GPU", 0])
def test_absent_gpu(device: str | int) -> None:
    for devices in ((device, "CPU"), ("CPU", device)):
        with pytest.raises(DeviceUnavailable, match="0 GPUs"):
            SegmentationInference(*devices)  # type: ignore[arg-type]


def test_unknown_device() -> None:
    with pytest.raises(DeviceUnavailable, match="'TPU'"):
        SegmentationInference("TPU")  # type: ignore[arg-type]


def _refuse(*arguments: object, **options: object) -> None:
    raise OSError("no more weights")
