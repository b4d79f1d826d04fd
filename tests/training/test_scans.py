"""Annotated scans give reproducible, well formed samples of slices as thick as clinical ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from spine_segmentation.errors import InconsistentGeometry, InvalidVolume, UsageError
from spine_segmentation.evaluation.pairs import annotated_pairs
from spine_segmentation.io.nifti import write_nifti
from spine_segmentation.training.annotations import read_scans, split_scans
from spine_segmentation.training.samples import IGNORE, Task
from spine_segmentation.training.scans import AnnotatedScan, AnnotatedScans
from spine_segmentation.volume import Volume
from tests.training.test_partial_labels import column

Pairs = list[tuple[Path, Path]]


@pytest.fixture
def pairs(tmp_path: Path) -> Pairs:
    mask = column()
    image = np.random.default_rng(0).random(mask.shape, np.float32) + (mask.array > 0)
    write_nifti(mask.with_array(image.astype(np.float32)), tmp_path / "a_img.nii.gz")
    write_nifti(mask, tmp_path / "a_seg.nii.gz")
    return annotated_pairs(tmp_path)


def ramp(slices: int, spacing: float) -> AnnotatedScan:
    """Every slice has the intensity and the target of its number."""
    numbers = torch.arange(slices)[:, None, None].expand(-1, 4, 4)
    return AnnotatedScan(numbers.half(), numbers.to(torch.uint8), numbers.to(torch.uint8), (spacing, 1.0, 1.0))


@pytest.mark.parametrize("task", ["semantic", "level"])
def test_samples(pairs: Pairs, task: Task) -> None:
    scans = AnnotatedScans(read_scans(pairs, task), task, (64, 96), 1.0)
    sample = scans[3]
    assert sample["image"].shape == (3, 64, 96) and sample["image"].dtype == torch.float32
    assert sample["label"].shape == (1, 64, 96) and sample["label"].dtype == torch.int64
    assert torch.isfinite(sample["image"]).all()
    torch.testing.assert_close(sample["image"], scans[3]["image"])
    assert not torch.equal(sample["image"], scans[4]["image"])
    if task == "level":
        assert set(torch.unique(sample["label"]).tolist()) <= {23, 24, IGNORE}


def test_thick_and_thin_slices_lie_about_as_far_apart_as_in_inference() -> None:
    scan, distances = ramp(60, 0.9), []
    for seed in range(300):
        image, tissues, target = scan.triplet(np.random.default_rng(seed))
        middle = int(target[0, 0])
        assert tissues[:, 0, 0].tolist()[1] == middle
        if 8 < middle < 52:
            torch.testing.assert_close(image[1], torch.full((4, 4), float(middle)), atol=0.05, rtol=0)
            distances.append(abs(float(image[2, 0, 0]) - middle) * 0.9)
    assert 2.5 < min(distances) < 3.2 and 4.6 < max(distances) < 5.6


def test_a_slab_is_the_mean_over_its_thickness() -> None:
    noise = torch.randn(41, 40, 40, generator=torch.Generator().manual_seed(0)).half()
    scan = AnnotatedScan(noise, torch.zeros(41, 40, 40).byte(), torch.zeros(41, 40, 40).byte(), (1.0, 1.0, 1.0))
    spreads = [float(scan.triplet(np.random.default_rng(seed))[0][1].std()) for seed in range(60)]
    assert max(spreads) == pytest.approx(1.0, abs=0.05)  # one slice
    assert min(spreads) == pytest.approx(5**-0.5, abs=0.04)  # five


def test_the_target_of_a_slab_is_what_most_of_it_is() -> None:
    target = torch.zeros(9, 1, 1).byte()
    target[4] = 1  # a thin structure in the middle of a slab of 4.5 mm
    scan = AnnotatedScan(torch.ones(9, 1, 1).half(), target, target, (0.9, 1.0, 1.0))
    found = {
        (float(image[1]), int(label))
        for image, _, label in (scan.triplet(np.random.default_rng(seed)) for seed in range(200))
    }
    assert {label for _, label in found} == {0, 1}
    assert scan._slab_target(4, 4.5).item() == 0 and scan._slab_target(4, 0.9).item() == 1


def test_a_missing_neighbour_is_replaced_by_the_middle_slice() -> None:
    image, tissues, _ = ramp(1, 0.9).triplet(np.random.default_rng(0))
    assert tissues.shape == (3, 4, 4) and torch.equal(image[0], image[2])


def test_named_scans_are_kept_out_whatever_else_there_is() -> None:
    pairs = [(Path(f"{k}_img.nii.gz"), Path(f"{k}_seg.nii.gz")) for k in "abcd"]
    assert split_scans(pairs, ["b", "d"], training=True) == [pairs[0], pairs[2]]
    assert split_scans(pairs, ["b", "d"], training=False) == [pairs[1], pairs[3]]
    with pytest.raises(UsageError, match="no scans e"):
        split_scans(pairs, ["b", "e"], training=True)


def test_canonical_volume_is_used_whatever_the_files_axes(tmp_path: Path, pairs: Pairs) -> None:
    mask = column()
    image = mask.with_array(np.random.default_rng(0).random(mask.shape, np.float32) + (mask.array > 0))
    turned = Volume.from_axes(np.zeros((1, 1, 1)), "LIP", (1, 1, 1)).reorientation("SRA")
    for name, volume in (("img", image), ("seg", mask)):
        write_nifti(volume.reorient(turned), tmp_path / f"t_{name}.nii.gz")
    (straight,) = read_scans(pairs, "semantic")
    (other,) = read_scans([(tmp_path / "t_img.nii.gz", tmp_path / "t_seg.nii.gz")], "semantic")
    torch.testing.assert_close(straight.target, other.target)


@pytest.mark.parametrize(("lowest", "expected"), [(3.0, 0.6), (0.0, 0.0), (-2.0, 0.0)])
def test_intensities_begin_where_they_do_for_inference(
    lowest: float, expected: float, tmp_path: Path, pairs: Pairs
) -> None:
    mask = column()
    image = np.full(mask.shape, lowest, np.float32)
    image[0, 0, 0] = lowest + 2
    write_nifti(mask.with_array(image), tmp_path / "a_img.nii.gz")
    (scan,) = read_scans(pairs, "semantic")
    assert (float(scan.image.min()), float(scan.image.max())) == pytest.approx((expected, 1.0), abs=1e-3)


def test_a_mask_on_another_grid_is_refused(tmp_path: Path, pairs: Pairs) -> None:
    mask = column()
    moved = Volume(mask.array, mask.affine + np.pad([[50.0]], ((0, 3), (3, 0))))
    write_nifti(moved, tmp_path / "a_seg.nii.gz")
    with pytest.raises(InconsistentGeometry):
        read_scans(pairs, "semantic")


@pytest.mark.parametrize("value", [257, 62, 24.5, -1])
def test_a_mask_of_unknown_values_is_refused(tmp_path: Path, pairs: Pairs, value: float) -> None:
    mask = column()
    values = np.where(mask.array == 24, value, mask.array.astype(np.float32))
    write_nifti(mask.with_array(values.astype(np.float32)), tmp_path / "a_seg.nii.gz")
    with pytest.raises(InvalidVolume, match=f"{value:g}"):
        read_scans(pairs, "semantic")
