"""Samples are reproducible, well formed, and different every epoch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from spine_segmentation.errors import UnreadableFile, UsageError
from spine_segmentation.evaluation.pairs import annotated_pairs
from spine_segmentation.io.nifti import write_nifti
from spine_segmentation.training.datasets import (
    AnnotatedScans,
    Mixture,
    Sample,
    Task,
    split_patients,
)
from spine_segmentation.training.partial_labels import IGNORE
from spine_segmentation.volume import Volume
from tests.training.test_partial_labels import column

Pairs = list[tuple[Path, Path]]


@pytest.fixture
def pairs(tmp_path: Path) -> Pairs:
    mask = column()
    image = np.random.default_rng(0).random(mask.shape, np.float32) + (mask.array > 0)
    write_nifti(mask.with_array(image.astype(np.float32)), tmp_path / "a_img.nii.gz")
    write_nifti(mask, tmp_path / "a_seg.nii.gz")
    write_nifti(mask.with_array(image.astype(np.float32)), tmp_path / "b_img.nii.gz")
    return annotated_pairs(tmp_path)


def test_images_without_a_mask_are_no_pair(pairs: Pairs) -> None:
    assert [image.name for image, _ in pairs] == ["a_img.nii.gz"]


def test_an_empty_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile):
        annotated_pairs(tmp_path)


@pytest.mark.parametrize("task", ["semantic", "level"])
def test_samples(pairs: Pairs, task: Task) -> None:
    scans = AnnotatedScans(pairs, task, (64, 96), 1.0)
    sample = scans[3]
    assert sample["image"].shape == (3, 64, 96) and sample["image"].dtype == torch.float32
    assert sample["label"].shape == (1, 64, 96) and sample["label"].dtype == torch.int64
    assert torch.isfinite(sample["image"]).all()
    torch.testing.assert_close(sample["image"], scans[3]["image"])
    assert not torch.equal(sample["image"], scans[4]["image"])
    if task == "level":
        assert set(torch.unique(sample["label"]).tolist()) <= {23, 24, IGNORE}


def test_split_is_by_patient_and_complete() -> None:
    pairs = [(Path(f"{k}_img"), Path(f"{k}_seg")) for k in range(31)]
    training, out = (split_patients(pairs, 5, training=flag) for flag in (True, False))
    assert len(training) == 26 and len(out) == 5
    assert sorted(training + out) == sorted(pairs)


class _Constant(torch.utils.data.Dataset[Sample]):
    def __init__(self, value: float) -> None:
        self.value = value

    def __getitem__(self, index: int) -> Sample:
        return {"image": torch.full((1,), self.value), "label": torch.tensor([index])}


def test_mixture_draws_in_the_given_shares_and_never_repeats() -> None:
    mixture = Mixture([_Constant(0.0), _Constant(1.0)], [0.25, 0.75], length=1000)
    first = [mixture[k] for k in range(1000)]
    assert 0.70 < float(torch.stack([s["image"] for s in first]).mean()) < 0.80
    mixture.epoch = 1
    numbers = {int(mixture[k]["label"]) for k in range(1000)}
    assert numbers.isdisjoint({int(s["label"]) for s in first})


def test_shares_must_add_up() -> None:
    with pytest.raises(UsageError):
        Mixture([_Constant(0.0)], [0.5], length=10)


def test_canonical_volume_is_used_whatever_the_files_axes(tmp_path: Path, pairs: Pairs) -> None:
    mask = column()
    image = mask.with_array(np.random.default_rng(0).random(mask.shape, np.float32) + (mask.array > 0))
    turned = Volume.from_axes(np.zeros((1, 1, 1)), "LIP", (1, 1, 1)).reorientation("SRA")
    for name, volume in (("img", image), ("seg", mask)):
        write_nifti(volume.reorient(turned), tmp_path / f"t_{name}.nii.gz")
    straight = AnnotatedScans(pairs, "semantic", (64, 64), 1.0).scans[0]
    other = AnnotatedScans([(tmp_path / "t_img.nii.gz", tmp_path / "t_seg.nii.gz")], "semantic", (64, 64), 1.0).scans[0]
    torch.testing.assert_close(straight.target, other.target)
