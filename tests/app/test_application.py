"""The application gives what the command line gives."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pydicom
import pytest
import yaml
from typer.testing import CliRunner

from app.arguments import FORMATS_VARIABLE
from spine_segmentation import cli
from tests.app.conftest import APP, Main, forget_times, needs_sdk, needs_weights, read_status

pytestmark = [needs_sdk, needs_weights]

FILES = {"segmentation.dcm", "labels.nii.gz", "semantic.nii.gz", "overlay.png", "result.json", "status.json"}


@pytest.fixture(scope="module")
def by_cli(study: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the command line wrote."""
    folder = tmp_path_factory.mktemp("cli")
    ended = CliRunner().invoke(cli.app, ["segment", str(study), "-o", str(folder)])
    assert ended.exit_code == 0, ended.output
    return folder


def test_writes_all_files_and_leaves_nothing_else(by_app: Path) -> None:
    assert {path.name for path in by_app.iterdir()} == FILES | {"log"}


def test_status_names_what_was_written(by_app: Path) -> None:
    status = read_status(by_app)
    assert (status["state"], status["exit_code"], status["error"]) == ("succeeded", 0, None)
    assert set(status["outputs"]) == FILES - {"status.json"}


@pytest.mark.parametrize("name", ["labels.nii.gz", "semantic.nii.gz", "overlay.png"])
def test_same_bytes_as_the_command_line(name: str, by_app: Path, by_cli: Path) -> None:
    assert (by_app / name).read_bytes() == (by_cli / name).read_bytes()


def test_same_segmentation_as_the_command_line(by_app: Path, by_cli: Path) -> None:
    first, second = (forget_times(pydicom.dcmread(folder / "segmentation.dcm")) for folder in (by_app, by_cli))
    assert first.SOPInstanceUID == second.SOPInstanceUID
    assert first == second


def test_same_result_document_as_the_command_line(by_app: Path, by_cli: Path) -> None:
    first, second = (_document(folder) for folder in (by_app, by_cli))
    assert set(first.pop("timings_s")) == set(second.pop("timings_s")) == {"segment", "split", "label"}
    assert first == second


def test_report_and_capture_by_a_variable_alone(
    main: Main, study: Path, by_cli: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(FORMATS_VARIABLE, "seg,sr,sc")
    assert main("-i", study, "-o", tmp_path) == 0
    assert {path.name for path in tmp_path.iterdir()} == {
        "segmentation.dcm",
        "report.dcm",
        "overlay.dcm",
        "status.json",
    }
    segmentation, report = (pydicom.dcmread(tmp_path / name) for name in ("segmentation.dcm", "report.dcm"))
    assert segmentation.SOPInstanceUID == pydicom.dcmread(by_cli / "segmentation.dcm").SOPInstanceUID
    assert segmentation.SOPInstanceUID in str(report)


def test_formats_of_the_configuration(main: Main, study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    configuration = yaml.safe_load((APP / "app.yaml").read_text())
    configuration["outputs"] |= {"formats": ["seg"], "seg_type": "labelmap"}
    (tmp_path / "app.yaml").write_text(yaml.safe_dump(configuration))
    monkeypatch.setenv("HOLOSCAN_CONFIG_PATH", str(tmp_path / "app.yaml"))
    assert main("-i", study, "-o", tmp_path / "out") == 0
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"segmentation.dcm", "status.json"}
    assert pydicom.dcmread(tmp_path / "out" / "segmentation.dcm").SegmentationType == "LABELMAP"


def test_log_holds_no_identifiers(study: Path, by_app: Path) -> None:
    header = pydicom.dcmread(next(study.iterdir()), stop_before_pixels=True)
    log = (by_app / "log").read_text()
    assert "segment" in log
    for keyword in ("PatientName", "PatientID", "StudyInstanceUID", "SeriesInstanceUID", "SeriesDescription"):
        assert str(header[keyword].value) not in log, keyword


def test_holoscan_does_not_complain_of_the_stack(by_app: Path) -> None:
    assert "stack size" not in (by_app / "log").read_text()


def _document(folder: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((folder / "result.json").read_text())
    return document
