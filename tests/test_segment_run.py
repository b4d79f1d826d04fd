"""A run over one series or a whole study, with the networks of the package on small synthetic scans."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest

from spine_segmentation.anatomy import VERSE_NUMBERS
from spine_segmentation.errors import MissingSlice, NoSpineFound, UsageError
from spine_segmentation.io.nifti import write_nifti
from spine_segmentation.labeling.anchors import Anchor
from spine_segmentation.pipeline import SpinePipeline
from spine_segmentation.segment_run import Job, SeriesResult, require_any_spine, run_job
from spine_segmentation.synth.dicom import write_study
from spine_segmentation.synth.generator import SyntheticScan, generate_volume
from spine_segmentation.volume import Volume
from tests.conftest import SEED
from tests.dicom_factory import write_series

SMALL = ["L2", "L3", "L4"]


def cropped(scan: SyntheticScan, names: Sequence[str]) -> SyntheticScan:
    """The rows that show these vertebrae."""
    shown = np.isin(scan.level.array, [VERSE_NUMBERS[name] for name in names])
    rows = np.flatnonzero(shown.any(axis=(0, 2)))
    window = slice(int(rows[0]) - 4, int(rows[-1]) + 4)
    affine = scan.image.affine.copy()
    affine[:3, 3] += affine[:3, 1] * window.start
    volumes = (Volume(volume.array[:, window], affine) for volume in (scan.image, scan.semantic, scan.level))
    image, semantic, level = volumes
    return replace(scan, image=image, semantic=semantic, level=level)


@pytest.fixture(scope="module")
def small_scan() -> SyntheticScan:
    """The same person, T1w, without an end of the column in view."""
    scan = generate_volume(SEED, region="lumbar", slices=7, slice_spacing=6.0, pixel_size=1.2, weighting="T1w")
    return cropped(scan, SMALL)


@pytest.fixture(scope="module")
def study(lumbar_study: Path, small_scan: SyntheticScan, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two series in one frame of reference: the whole lumbar spine, and a small field of view."""
    folder = tmp_path_factory.mktemp("two")
    shutil.copytree(lumbar_study, folder / "large")
    write_study(small_scan, folder / "small", seed=SEED)
    return folder


def run(job: Job, pipeline: SpinePipeline, folder: Path) -> list[SeriesResult]:
    return run_job(job, lambda: pipeline, folder, lambda _: None)


def document(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / "result.json").read_text())
    return content


def best_vertebrae(folder: Path) -> list[str]:
    return [entry["best_name"] for entry in document(folder)["structures"] if entry["kind"] == "vertebra"]


def test_a_study_has_one_numbering_and_a_folder_for_each_series(
    study: Path, pipeline: SpinePipeline, tmp_path: Path
) -> None:
    found = run(Job(study, study=True), pipeline, tmp_path)
    assert [series.name for series in found] == ["series-002", "series-001"]
    assert {path.name for path in tmp_path.iterdir()} == {"series-001", "series-002"}
    small, large = tmp_path / "series-001", tmp_path / "series-002"
    for folder in (small, large):
        status = json.loads((folder / "status.json").read_text())
        assert status["state"] == "succeeded"
        assert {*status["outputs"], "status.json"} == {path.name for path in folder.iterdir()}
        labels = [s.SegmentLabel for s in pydicom.dcmread(folder / "segmentation.dcm").SegmentSequence]
        assert labels == [entry["title"] for entry in document(folder)["structures"]]
    assert {*SMALL} <= {*best_vertebrae(small)}
    assert document(small)["labelling"]["remarks"] == ["Named together with series-002."]
    assert document(small)["labelling"]["status"] == document(large)["labelling"]["status"] == "determined"


def test_a_localizer_numbers_a_small_field_of_view(study: Path, pipeline: SpinePipeline, tmp_path: Path) -> None:
    job = Job(study / "small", localizer=str(study / "large"))
    (series,) = run(job, pipeline, tmp_path)
    assert [*series.loaded.volume.shape] == document(tmp_path)["input"]["shape"]
    assert {*SMALL} <= {*best_vertebrae(tmp_path)}
    assert document(tmp_path)["labelling"]["status"] == "determined"
    assert document(tmp_path)["labelling"]["remarks"] == ["Named together with the localizer (series-002)."]


def test_a_localizer_by_its_uid(study: Path, pipeline: SpinePipeline, tmp_path: Path) -> None:
    small, large = (pydicom.dcmread(study / name / "IM0001.dcm").SeriesInstanceUID for name in ("small", "large"))
    (series,) = run(Job(study, series=small, localizer=large, formats=frozenset({"json"})), pipeline, tmp_path)
    assert series.result.labeling is not None
    assert series.result.labeling.remarks == ("Named together with the localizer (series-002).",)


@pytest.mark.parametrize("keyword", ["FrameOfReferenceUID", "StudyInstanceUID"])
def test_a_localizer_of_another_space_is_refused(
    keyword: str, study: Path, pipeline: SpinePipeline, tmp_path: Path
) -> None:
    shutil.copytree(study / "large", tmp_path / "other")
    rewrite(tmp_path / "other", keyword)
    with pytest.raises(UsageError, match="frame of reference"):
        run(Job(study / "small", localizer=str(tmp_path / "other")), pipeline, tmp_path)


def rewrite(folder: Path, keyword: str) -> None:
    """Give all files of a folder another UID."""
    for path in folder.iterdir():
        dataset = pydicom.dcmread(path)
        setattr(dataset, keyword, "1.2.3.4")
        dataset.save_as(path)


def test_series_of_other_frames_of_reference_are_named_apart(
    study: Path, pipeline: SpinePipeline, tmp_path: Path
) -> None:
    shutil.copytree(study, tmp_path / "in")
    rewrite(tmp_path / "in" / "small", "FrameOfReferenceUID")
    run(Job(tmp_path / "in", study=True, formats=frozenset({"json"})), pipeline, tmp_path)
    remarks = document(tmp_path / "series-002")["labelling"]["remarks"]
    assert remarks == ["Named apart from series-001: they share no frame of reference."]


def test_nifti_files_share_patient_space_if_the_caller_says_so(
    lumbar_scan: SyntheticScan, small_scan: SyntheticScan, pipeline: SpinePipeline, tmp_path: Path
) -> None:
    for name, scan in (("large", lumbar_scan), ("small", small_scan)):
        write_nifti(scan.image, tmp_path / f"{name}.nii.gz")
    job = Job(tmp_path / "small.nii.gz", localizer=str(tmp_path / "large.nii.gz"), formats=frozenset({"json"}))
    run(job, pipeline, tmp_path)
    assert {*SMALL} <= {*best_vertebrae(tmp_path)}


def test_anchors_are_obeyed_and_reported(study: Path, pipeline: SpinePipeline, tmp_path: Path) -> None:
    job = Job(study / "large", anchors=(Anchor("L5", "lowest"),), formats=frozenset({"json"}))
    run(job, pipeline, tmp_path)
    assert best_vertebrae(tmp_path)[-1] == "L5"
    assert document(tmp_path)["labelling"]["anchors"] == ["L5=lowest"]


def test_a_series_without_a_spine_fails_for_itself(
    study: Path, no_spine: Volume, pipeline: SpinePipeline, tmp_path: Path
) -> None:
    shutil.copytree(study / "large", tmp_path / "in" / "large")
    first = pydicom.dcmread(study / "large" / "IM0001.dcm")
    shared = {key: first[key].value for key in ("StudyInstanceUID", "FrameOfReferenceUID")}
    write_series(no_spine, tmp_path / "in" / "empty", SeriesNumber=77, **shared)
    found = run(Job(tmp_path / "in", study=True, formats=frozenset({"json"})), pipeline, tmp_path)
    require_any_spine(found)
    status = json.loads((tmp_path / "series-077" / "status.json").read_text())
    assert (status["state"], status["exit_code"], status["outputs"]) == ("failed", 5, ["result.json"])
    with pytest.raises(NoSpineFound):
        require_any_spine([series for series in found if series.name == "series-077"])


@pytest.fixture
def gappy_study(study: Path, tmp_path: Path) -> Path:
    """The study without one slice of its small series."""
    shutil.copytree(study, tmp_path / "in")
    (tmp_path / "in" / "small" / "IM0003.dcm").unlink()
    return tmp_path / "in"


def test_a_series_that_cannot_be_read_is_left_out_of_its_study(
    gappy_study: Path, pipeline: SpinePipeline, tmp_path: Path
) -> None:
    found = run(Job(gappy_study, study=True, formats=frozenset({"json"})), pipeline, tmp_path)
    assert [series.name for series in found] == ["series-002"]
    status = json.loads((tmp_path / "series-001" / "status.json").read_text())
    assert (status["state"], status["exit_code"], status["error"]["type"]) == ("failed", 4, "MissingSlice")
    remarks = document(tmp_path / "series-002")["labelling"]["remarks"]
    assert remarks == ["series-001 was left out: it cannot be used."]


def test_anchors_want_a_study_that_can_be_read(gappy_study: Path, pipeline: SpinePipeline, tmp_path: Path) -> None:
    with pytest.raises(MissingSlice):
        run(Job(gappy_study, study=True, anchors=(Anchor("L5", "lowest"),)), pipeline, tmp_path)


def test_anchors_are_about_the_best_suited_series(study: Path, pipeline: SpinePipeline, tmp_path: Path) -> None:
    """Where that cannot be read the next one is processed, but not with what is known about another field of view."""
    shutil.copytree(study, tmp_path / "in")
    for file in ("large/IM0003.dcm", "small/IM0001.dcm", "small/IM0007.dcm"):
        (tmp_path / "in" / file).unlink()
    with pytest.raises(MissingSlice):
        run(Job(tmp_path / "in", anchors=(Anchor("L5", "lowest"),)), pipeline, tmp_path)
    run(Job(tmp_path / "in", formats=frozenset({"json"})), pipeline, tmp_path)
    assert "T1w, 5 slices: the next best of its study" in document(tmp_path)["input"]["choice"]


def test_a_study_of_which_nothing_can_be_read(gappy_study: Path, pipeline: SpinePipeline, tmp_path: Path) -> None:
    (gappy_study / "large" / "IM0003.dcm").unlink()
    with pytest.raises(MissingSlice):
        run(Job(gappy_study, study=True), pipeline, tmp_path)


@pytest.mark.parametrize(
    "wanted",
    [
        {"study": True, "series": "1.2.3"},
        {"study": True, "localizer": "1.2.3"},
        {"study": True, "only_semantic": True},
        {"only_semantic": True, "anchors": (Anchor("L5", "lowest"),)},
        {"only_semantic": True, "localizer": "1.2.3"},
    ],
)
def test_what_excludes_one_another_is_refused(wanted: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="leave one of the options out"):
        Job(tmp_path, **wanted)


def test_formats_that_cannot_be_written_are_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="without a segmentation"):
        Job(tmp_path, formats=frozenset({"sr"}))
    with pytest.raises(UsageError, match="pdf"):
        Job(tmp_path, formats=frozenset({"pdf"}))


def test_a_study_is_a_folder(lumbar_study: Path, pipeline: SpinePipeline, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no folder"):
        run(Job(lumbar_study / "IM0001.dcm", study=True), pipeline, tmp_path)
