from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest

from spine_segmentation.errors import OutputError, UsageError
from spine_segmentation.evaluation.label_mapping import MAPPING_FILE, load_mapping
from spine_segmentation.evaluation.pairs import annotated_pairs
from spine_segmentation.evaluation.truth import read_truth, require_same_grid
from spine_segmentation.io.nifti import read_nifti
from spine_segmentation.synth.cases import TRUTH_FILE, Protocol, generate_case, write_cases
from spine_segmentation.synth.truth import label_map
from tests.io.full_disk import files_of_at_most

TINY = Protocol("cervical", slices=3, slice_spacing=8.0, pixel_size=2.0)
TWO = Protocol("cervical", ("T1w", "STIR"), slices=3, slice_spacing=8.0, pixel_size=2.0)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.mark.parametrize("dicom", [False, True])
def test_the_same_seed_gives_the_same_bytes(dicom: bool, tmp_path: Path) -> None:
    for name in ("one", "again"):
        write_cases(tmp_path / name, 2, 5, TINY, dicom=dicom)
    assert contents(tmp_path / "one") == contents(tmp_path / "again")


def test_a_case_depends_on_its_own_seed_alone(tmp_path: Path) -> None:
    write_cases(tmp_path / "many", 2, 5, TINY)
    write_cases(tmp_path / "one", 1, 6, TINY)
    many, one = contents(tmp_path / "many"), contents(tmp_path / "one")
    assert many["synth_0001_img.nii.gz"] == one["synth_0000_img.nii.gz"] != many["synth_0000_img.nii.gz"]
    assert many["synth_0001_seg.nii.gz"] == one["synth_0000_seg.nii.gz"]


def test_masks_hold_the_truth_in_the_values_of_the_mapping(tmp_path: Path) -> None:
    write_cases(tmp_path, 1, 5, TINY)
    ((image, mask),) = annotated_pairs(tmp_path)
    (scan,) = generate_case(5, TINY)
    mapping = load_mapping(tmp_path / MAPPING_FILE)
    assert mapping.synthetic
    truth = read_truth(read_nifti(mask), mapping)
    np.testing.assert_array_equal(truth.array, label_map(scan).array)
    require_same_grid(read_nifti(image), scan.image)
    brightness = np.corrcoef(read_nifti(image).array.ravel(), scan.image.array.ravel())[0, 1]
    assert brightness > 0.99


def test_each_weighting_shows_the_same_person(tmp_path: Path) -> None:
    write_cases(tmp_path, 1, 5, TWO)
    files = contents(tmp_path)
    assert files["synth_0000_T1w_seg.nii.gz"] == files["synth_0000_STIR_seg.nii.gz"]
    assert files["synth_0000_T1w_img.nii.gz"] != files["synth_0000_STIR_img.nii.gz"]


def test_a_dicom_case_is_one_study_with_a_series_per_weighting(tmp_path: Path) -> None:
    write_cases(tmp_path, 2, 5, TWO, dicom=True)
    headers = [pydicom.dcmread(path) for path in sorted(tmp_path.rglob("*.dcm"))]
    assert len(headers) == 2 * 2 * TWO.slices
    assert len({header.StudyInstanceUID for header in headers}) == 2
    assert len({header.SeriesInstanceUID for header in headers}) == 4
    (scan, _) = generate_case(5, TWO)
    truth = read_nifti(tmp_path / "synth_0000" / TRUTH_FILE)
    np.testing.assert_array_equal(truth.array, label_map(scan).array)


def test_random_regions_differ_from_case_to_case() -> None:
    regions = [Protocol().region_of(seed) for seed in range(40)]
    assert set(regions) == {"cervical", "thoracic", "lumbar", "whole"}
    assert regions == [Protocol().region_of(seed) for seed in range(40)]
    assert {Protocol("thoracic").region_of(seed) for seed in range(40)} == {"thoracic"}


@pytest.mark.parametrize(("region", "weightings"), [("knee", ("T2w",)), ("lumbar", ()), ("lumbar", ("T2w", "T2w"))])
def test_impossible_protocols_are_refused(region: str, weightings: tuple[str, ...]) -> None:
    with pytest.raises(UsageError):
        Protocol(region, weightings)


def test_a_folder_in_use_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    with pytest.raises(UsageError, match="not empty"):
        write_cases(tmp_path, 1, 5, TINY)


def test_progress_is_told_and_finished_cases_stay(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []

    def stop_after_two(done: int, total: int) -> None:
        told.append((done, total))
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_cases(tmp_path, 3, 5, TINY, progress=stop_after_two)
    assert told == [(1, 3), (2, 3)]
    assert len(list(tmp_path.iterdir())) == 2 * 2 + 1
    assert [image.name for image, _ in annotated_pairs(tmp_path)] == ["synth_0000_img.nii.gz", "synth_0001_img.nii.gz"]


@pytest.mark.parametrize("dicom", [False, True])
def test_nothing_of_a_case_that_cannot_be_written_stays(dicom: bool, tmp_path: Path) -> None:
    with files_of_at_most(2000), pytest.raises(OutputError):
        write_cases(tmp_path, 1, 5, TINY, dicom=dicom)
    assert list(tmp_path.iterdir()) == []


def test_a_single_slice_has_the_spacing_asked_for(tmp_path: Path) -> None:
    write_cases(tmp_path, 1, 5, Protocol("cervical", slices=1, slice_spacing=8.0, pixel_size=2.0))
    ((image, _),) = annotated_pairs(tmp_path)
    assert sorted(read_nifti(image).spacing) == pytest.approx([2.0, 2.0, 8.0], abs=1e-4)
