from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest
from PIL import Image

from spine_segmentation.errors import OutputError, UsageError
from spine_segmentation.io.dicom_reader import DicomSeries
from spine_segmentation.io.dicom_series import list_series
from spine_segmentation.io.montage import write_montage
from spine_segmentation.io.secondary_capture import SERIES_DESCRIPTION, write_capture
from spine_segmentation.results import SpineResult
from spine_segmentation.volume import Volume
from tests.io.test_dicom_seg import MISSING, validator_errors

MakeResult = Callable[..., SpineResult]
MakeSeries = Callable[..., DicomSeries]


def written(result: SpineResult, series: DicomSeries, folder: Path) -> pydicom.Dataset:
    write_capture(result, series, folder / "overlay.dcm")
    assert [path.name for path in folder.iterdir()] == ["overlay.dcm"]
    return pydicom.dcmread(folder / "overlay.dcm")


@pytest.mark.parametrize("frames", [(), (9, 7, 5, 3, 1)], ids=["classic", "enhanced"])
@pytest.mark.parametrize("determined", [True, False])
def test_the_picture_is_the_overlay(
    frames: tuple[int, ...],
    determined: bool,
    volume: Volume,
    make_result: MakeResult,
    make_series: MakeSeries,
    tmp_path: Path,
) -> None:
    result = make_result(volume, determined=determined)
    capture = written(result, make_series(volume, frame_numbers=frames), tmp_path)
    assert validator_errors(tmp_path / "overlay.dcm") == []
    write_montage(result, tmp_path / "overlay.png")
    with Image.open(tmp_path / "overlay.png") as picture:
        assert (capture.pixel_array == np.asarray(picture)).all()


def test_it_carries_identity_marking_and_references(
    volume: Volume, make_result: MakeResult, make_series: MakeSeries, tmp_path: Path
) -> None:
    series = make_series(volume)
    capture = written(make_result(volume), series, tmp_path)
    for keyword in ("PatientName", "PatientID", "StudyInstanceUID", "StudyDate"):
        assert capture[keyword].value == series.sources[0][keyword].value
    assert (capture.SeriesDescription, capture.SeriesNumber) == (SERIES_DESCRIPTION, 11003)
    assert "research use" in SERIES_DESCRIPTION
    assert (capture.BurnedInAnnotation, capture.Modality) == ("NO", "OT")
    assert capture.Manufacturer == "spine-segmentation"
    references = [item.ReferencedSOPInstanceUID for item in capture.SourceImageSequence]
    assert references == [source.SOPInstanceUID for source in series.sources]


@pytest.mark.parametrize("keyword", [*MISSING, "everything"])
def test_missing_attributes_do_no_harm(
    keyword: str, volume: Volume, make_result: MakeResult, make_series: MakeSeries, tmp_path: Path
) -> None:
    header = dict.fromkeys(MISSING if keyword == "everything" else [keyword])
    written(make_result(volume), make_series(volume, **header), tmp_path)
    assert validator_errors(tmp_path / "overlay.dcm") == []


def test_a_picture_of_lossy_images_says_so(
    volume: Volume, make_result: MakeResult, make_series: MakeSeries, tmp_path: Path
) -> None:
    lossy = {"LossyImageCompressionRatio": 12, "LossyImageCompressionMethod": "ISO_10918_1"}
    capture = written(make_result(volume), make_series(volume, LossyImageCompression="01", **lossy), tmp_path)
    assert capture.LossyImageCompression == "01"
    assert {keyword: capture[keyword].value for keyword in lossy} == lossy
    assert validator_errors(tmp_path / "overlay.dcm") == []


def test_names_become_utf8(volume: Volume, make_result: MakeResult, make_series: MakeSeries, tmp_path: Path) -> None:
    series = make_series(volume, SpecificCharacterSet="ISO_IR 100", PatientName="Müller^Jörg")
    capture = written(make_result(volume), series, tmp_path)
    assert (capture.SpecificCharacterSet, str(capture.PatientName)) == ("ISO_IR 192", "Müller^Jörg")


def test_uids_depend_on_the_content_alone(
    volume: Volume, make_result: MakeResult, make_series: MakeSeries, tmp_path: Path
) -> None:
    series = make_series(volume)
    results = [make_result(volume), make_result(volume), make_result(volume, determined=False)]
    first, again, other = [written(result, series, tmp_path).SOPInstanceUID for result in results]
    assert first == again != other


def test_a_capture_is_never_taken_for_a_source(
    volume: Volume, make_result: MakeResult, make_series: MakeSeries, tmp_path: Path
) -> None:
    written(make_result(volume), make_series(volume), tmp_path)
    assert all(summary.unsuitable for summary in list_series(tmp_path))


def test_what_cannot_be_written_is_an_error(
    volume: Volume, make_result: MakeResult, make_series: MakeSeries, tmp_path: Path
) -> None:
    result, series = make_result(volume), make_series(volume)
    with pytest.raises(UsageError, match="without named structures"):
        write_capture(replace(result, labeling=None), series, tmp_path / "overlay.dcm")
    with pytest.raises(OutputError):
        write_capture(result, series, tmp_path / "absent" / "overlay.dcm")
    assert list(tmp_path.iterdir()) == []
