from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.uid import EnhancedSRStorage

from spine_segmentation.errors import OutputError, UsageError
from spine_segmentation.io.dicom_choice import choose_series
from spine_segmentation.io.dicom_reader import DicomSeries, read_series
from spine_segmentation.io.dicom_series import list_series
from spine_segmentation.io.nifti import read_nifti
from spine_segmentation.io.outputs import DICOM_FORMATS, FORMATS, write_outputs
from spine_segmentation.results import SpineResult
from spine_segmentation.volume import Volume
from tests.app.conftest import forget_times
from tests.dicom_factory import encode, write_enhanced, write_series
from tests.io.full_disk import files_of_at_most
from tests.io.test_dicom_seg import expected_labels, labels_in, validator_errors, written

MakeResult = Callable[..., SpineResult]
MakeSeries = Callable[..., DicomSeries]


def test_everything_is_written_under_its_fixed_name(
    volume: Volume, make_result: MakeResult, make_series: MakeSeries, tmp_path: Path
) -> None:
    paths = write_outputs(make_result(volume), tmp_path, series=make_series(volume), formats=FORMATS)
    names = {"labels.nii.gz", "semantic.nii.gz", "overlay.png", "result.json"}
    objects = {"segmentation.dcm", "report.dcm", "overlay.dcm"}
    assert {path.name for path in paths} == names | objects == {path.name for path in tmp_path.iterdir()}
    assert paths[-1].name == "result.json"


def test_reports_and_captures_are_written_on_request_alone(
    volume: Volume, make_result: MakeResult, make_series: MakeSeries, tmp_path: Path
) -> None:
    written_paths = write_outputs(make_result(volume), tmp_path, series=make_series(volume))
    assert {"report.dcm", "overlay.dcm"}.isdisjoint(path.name for path in written_paths)


def test_a_report_refers_to_the_segmentation_beside_it(
    volume: Volume, make_result: MakeResult, make_series: MakeSeries, tmp_path: Path
) -> None:
    result, series = make_result(volume), make_series(volume)
    with pytest.raises(UsageError, match="without a segmentation"):
        write_outputs(result, tmp_path, series=series, formats=frozenset({"sr", "json"}))
    write_outputs(result, tmp_path, series=series, formats=frozenset({"seg", "sr"}), sr_type="enhanced")
    report = pydicom.dcmread(tmp_path / "report.dcm")
    assert report.SOPClassUID == EnhancedSRStorage
    referenced = str(report.CurrentRequestedProcedureEvidenceSequence)
    assert pydicom.dcmread(tmp_path / "segmentation.dcm").SOPInstanceUID in referenced


def test_the_same_run_gives_the_same_objects(
    volume: Volume, make_result: MakeResult, make_series: MakeSeries, tmp_path: Path
) -> None:
    for run in ("first", "again"):
        (tmp_path / run).mkdir()
        write_outputs(make_result(volume), tmp_path / run, series=make_series(volume), formats=DICOM_FORMATS)
    names = {path.name for path in (tmp_path / "first").iterdir()}
    assert names == {"segmentation.dcm", "report.dcm", "overlay.dcm"}
    for name in names:
        first, again = (forget_times(pydicom.dcmread(tmp_path / run / name)) for run in ("first", "again"))
        assert encode(first) == encode(again)


def test_label_maps_lie_on_the_grid_of_the_input(volume: Volume, make_result: MakeResult, tmp_path: Path) -> None:
    result = make_result(volume)
    write_outputs(result, tmp_path, series=None, formats=frozenset({"nifti"}))
    assert result.labeling is not None
    for name, expected in (("labels", result.labeling.labels), ("semantic", result.semantic)):
        found = read_nifti(tmp_path / f"{name}.nii.gz")
        assert (found.array == expected.array).all()
        assert np.allclose(found.affine, volume.affine, atol=1e-4)


def test_no_dicom_without_a_series_or_without_structures(
    volume: Volume, make_result: MakeResult, make_series: MakeSeries, tmp_path: Path
) -> None:
    result, series = make_result(volume), make_series(volume)
    assert result.labeling is not None
    nothing = replace(result, labeling=replace(result.labeling, structures=()))
    for case, source in ((result, None), (nothing, series), (replace(result, labeling=None), series)):
        assert write_outputs(case, tmp_path, series=source, formats=DICOM_FORMATS) == []


def test_unknown_formats_are_refused(volume: Volume, make_result: MakeResult, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="jpeg"):
        write_outputs(make_result(volume), tmp_path, series=None, formats=frozenset({"jpeg"}))


@pytest.mark.parametrize("kind", sorted(FORMATS - {"sr"}))
def test_a_missing_folder_is_an_output_error(
    kind: str, volume: Volume, make_result: MakeResult, make_series: MakeSeries, tmp_path: Path
) -> None:
    with pytest.raises(OutputError):
        write_outputs(make_result(volume), tmp_path / "absent", series=make_series(volume), formats=frozenset({kind}))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", ["seg", "sc", "png"])
def test_a_write_that_stops_half_way_is_explained_and_leaves_nothing(
    kind: str, volume: Volume, make_result: MakeResult, make_series: MakeSeries, tmp_path: Path
) -> None:
    result, series = make_result(volume), make_series(volume)
    with files_of_at_most(4096), pytest.raises(OutputError, match="larger than this system allows"):
        write_outputs(result, tmp_path, series=series, formats=frozenset({kind}))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("enhanced", [False, True])
def test_from_files_to_segmentation(enhanced: bool, volume: Volume, make_result: MakeResult, tmp_path: Path) -> None:
    study = tmp_path / "study"
    write_enhanced(volume, study / "image") if enhanced else write_series(volume, study)
    chosen, _ = choose_series(list_series(study))
    series = read_series(chosen)
    result, output = make_result(series.volume), tmp_path / "output"
    output.mkdir()
    segmentation = written(result, series, output)
    assert (labels_in(segmentation, series.volume) == expected_labels(result)).all()
    assert validator_errors(output / "segmentation.dcm") == []
