"""The bundles' transforms."""

from __future__ import annotations

import weakref
from pathlib import Path

import numpy as np
import pytest
import torch

from spine_segmentation.anatomy import IVD, SACRUM_BELOW_S1, VERTEBRA
from spine_segmentation.errors import UsageError
from spine_segmentation.grid import CHUNK, to_network_grid
from spine_segmentation.inferers import Bfloat16Inferer, SliceBatchInferer
from spine_segmentation.networks import CHANNELS
from spine_segmentation.normalization import normalize
from spine_segmentation.transforms import (
    NormalizeTripletsd,
    StackNeighboursd,
    ToNetworkGridd,
    ToSemanticMapd,
    list_cases,
)
from spine_segmentation.volume import Volume


def volume(axes: str = "LIP") -> Volume:
    array = np.random.default_rng(0).random((4, 50, 70), np.float32)
    canonical = Volume.from_axes(array, "LIP", (4.0, 0.7, 0.8))
    return canonical.reorient(canonical.reorientation(axes))


@pytest.mark.parametrize("axes", ["LIP", "PSR", "SAL"])
def test_the_way_to_the_network_ends_in_normalised_triplets(axes: str) -> None:
    data = {"image": volume(axes)}
    for transform in (ToNetworkGridd("image", 1.0), StackNeighboursd("image"), NormalizeTripletsd("image")):
        data = transform(data)
    assert data["image"].shape == (4, 3, 64, 64) and torch.isfinite(data["image"]).all()


@pytest.mark.parametrize(
    ("channel", "value"),
    [("background", 0), ("vertebra", VERTEBRA), ("ivd", IVD), ("posterior elements", 0), ("spinal canal", 0),
     ("sacrum below S1", SACRUM_BELOW_S1)],
)  # fmt: skip
def test_auxiliary_classes_are_dropped(channel: str, value: int) -> None:
    image, grid = to_network_grid(volume("PSR"), 1.0)
    logits = torch.zeros(4, len(CHANNELS), *image.shape[1:])
    logits[:, CHANNELS.index(channel)] = 5
    semantic = ToSemanticMapd("pred")({"pred": logits, "image_grid": grid})["pred"]
    assert semantic.array.dtype == np.uint8 and (semantic.array == value).all()
    np.testing.assert_array_equal(semantic.affine, volume("PSR").affine)


def test_an_object_comes_back_to_its_place() -> None:
    """A body drawn at the networks' pixels lies at the same millimetres on the input's grid, whatever its axes."""
    source = volume("SAL")
    image, grid = to_network_grid(source, 1.0)
    logits = torch.zeros(4, len(CHANNELS), *image.shape[1:])
    grid.crop(logits)[1, 1, 10:20, 30:40] = 9
    semantic = ToSemanticMapd("pred")({"pred": logits, "image_grid": grid})["pred"]
    centre = semantic.to_patient(np.argwhere(semantic.array == VERTEBRA)).mean(0)
    expected = Volume.from_axes(np.zeros((4, 50, 70)), "LIP", (4.0, 0.7, 0.8)).to_patient(
        [1, 15 / 35 * 50 - 0.5, 35 / 56 * 70 - 0.5]
    )
    np.testing.assert_allclose(centre, expected, atol=0.25)


def test_masks_are_no_cases(tmp_path: Path) -> None:
    for name in ("b.nii.gz", "a.nii", "a_seg.nii.gz", "a_label.nii", "notes.txt"):
        (tmp_path / name).touch()
    assert [case["case"] for case in list_cases(tmp_path)] == ["a", "b"]


def test_two_files_of_one_name_are_refused(tmp_path: Path) -> None:
    for name in ("a.nii.gz", "a.nii", "b.nii"):
        (tmp_path / name).touch()
    with pytest.raises(UsageError, match="a.nii"):
        list_cases(tmp_path)


def test_batches_of_slices_give_what_one_batch_gives() -> None:
    network = torch.nn.Conv2d(3, 2, 3, padding=1)
    image = torch.randn(7, 3, 32, 32)
    with torch.inference_mode():
        torch.testing.assert_close(SliceBatchInferer(3)(image, network), network(image), atol=1e-5, rtol=1e-4)


def test_predictions_of_batches_are_not_kept() -> None:
    predictions: list[weakref.ref[torch.Tensor]] = []
    alive = []

    def network(image: torch.Tensor) -> torch.Tensor:
        alive.append(sum(prediction() is not None for prediction in predictions))
        predicted = image + 1
        predictions.append(weakref.ref(predicted))
        return predicted

    SliceBatchInferer(1)(torch.zeros(9, 3, 4, 4), network)
    assert len(alive) == 9 and max(alive) <= 2


def test_slices_are_normalised_as_if_alone() -> None:
    image = 100 * torch.rand(2 * CHUNK + 1, 3, 64, 64)
    normalised = NormalizeTripletsd("image")({"image": image})["image"]
    torch.testing.assert_close(normalised[-1:], normalize(image[-1:]))
    assert normalised.shape == image.shape


def test_training_runs_in_bfloat16_and_returns_single_precision() -> None:
    seen = []

    def network(image: torch.Tensor) -> torch.Tensor:
        product = image.flatten(1) @ torch.ones(image[0].numel(), 2)
        seen.append(product.dtype)
        return product

    assert Bfloat16Inferer()(torch.ones(1, 3, 4, 4), network).dtype == torch.float32
    assert seen == [torch.bfloat16]
