"""However a run ends: the exit code, the status file, and no segmentation that should not be there."""

from __future__ import annotations

import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.app.conftest import ROOT, Main, clean_environment, needs_sdk, needs_weights, read_status, run_module

pytestmark = [needs_sdk, needs_weights]


def _names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def _expect_failure(folder: Path, code: int, error: str) -> None:
    status = read_status(folder)
    assert (status["state"], status["exit_code"], status["error"]["type"]) == ("failed", code, error)


def test_no_dicom(main: Main, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "notes.txt").write_text("nothing to see")
    assert main("-i", tmp_path / "in", "-o", tmp_path / "out") == 3
    _expect_failure(tmp_path / "out", 3, "NoDicomFound")
    assert _names(tmp_path / "out") == {"status.json"}


def test_a_report_without_a_segmentation_is_refused_before_anything_is_read(main: Main, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    assert main("-i", tmp_path / "in", "-o", tmp_path / "out", "--format", "sr") == 2
    _expect_failure(tmp_path / "out", 2, "UsageError")


def test_truncated_file(main: Main, study: Path, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for path in study.iterdir():
        (tmp_path / "in" / path.name).write_bytes(path.read_bytes())
    spoilt = sorted((tmp_path / "in").iterdir())[2]
    spoilt.write_bytes(spoilt.read_bytes()[: spoilt.stat().st_size // 2])
    assert main("-i", tmp_path / "in", "-o", tmp_path / "out") == 4
    _expect_failure(tmp_path / "out", 4, "TruncatedFile")
    assert _names(tmp_path / "out") == {"status.json"}


def test_no_spine_has_a_result_document_and_no_segmentation(
    main: Main, study: Path, blind_models: Path, tmp_path: Path
) -> None:
    assert main("-i", study, "-o", tmp_path, "-m", blind_models) == 5
    _expect_failure(tmp_path, 5, "NoSpineFound")
    assert _names(tmp_path) == {"status.json", "result.json"}
    assert read_status(tmp_path)["outputs"] == ["result.json"]


def test_an_earlier_segmentation_does_not_survive_a_failure(main: Main, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "segmentation.dcm").write_bytes(b"of another patient")
    (tmp_path / "kept.txt").write_text("not ours")
    assert main("-i", tmp_path / "in", "-o", tmp_path) == 3
    assert _names(tmp_path) == {"in", "kept.txt", "status.json"}


def test_models_without_weights(main: Main, study: Path, tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    assert main("-i", study, "-o", tmp_path / "out", "-m", tmp_path / "models") == 70
    _expect_failure(tmp_path / "out", 70, "ModelError")


def test_output_that_cannot_be_created(main: Main, study: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    assert main("-i", study, "-o", tmp_path / "file" / "out") == 70


def test_output_that_cannot_be_replaced(main: Main, study: Path, tmp_path: Path) -> None:
    (tmp_path / "segmentation.dcm" / "in the way").mkdir(parents=True)
    assert main("-i", study, "-o", tmp_path) == 70
    _expect_failure(tmp_path, 70, "OutputError")


def test_disk_full_leaves_no_segmentation(by_app: Path, study: Path, tmp_path: Path) -> None:
    """The overlay, which comes after the segmentation, does not fit."""
    sizes = {path.name: path.stat().st_size for path in by_app.iterdir()}
    assert sizes["overlay.png"] > sizes["segmentation.dcm"] + 4096, "the test needs another limit"
    limit = sizes["segmentation.dcm"] + 2048
    ended = subprocess.run(
        [sys.executable, "-m", "app", "-i", study, "-o", tmp_path],
        cwd=ROOT,
        env=clean_environment(),
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
        capture_output=True,
        check=False,
        timeout=120,
    )
    assert ended.returncode == 70
    _expect_failure(tmp_path, 70, "OutputError")
    assert _names(tmp_path) == {"status.json"}


def test_sigterm_leaves_a_status_and_no_output(study: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "app", "-i", study, "-o", tmp_path]
    with subprocess.Popen(command, cwd=ROOT, env=clean_environment(), stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr
        while "segment:" not in process.stderr.readline():
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 128 + signal.SIGTERM
    assert _names(tmp_path) == {"status.json"}


@pytest.mark.parametrize("start", [("app",), ("spine_segmentation.deploy", "exec", "app")], ids=["app", "monai-deploy"])
def test_variables_stand_in_for_arguments(
    start: tuple[str, ...], study: Path, blind_models: Path, tmp_path: Path
) -> None:
    """Only the models of the variable see no spine in this study."""
    ended = run_module(
        *start,
        HOLOSCAN_WORKDIR=tmp_path,
        HOLOSCAN_INPUT_PATH=study,
        HOLOSCAN_OUTPUT_PATH="output",
        HOLOSCAN_MODEL_PATH=blind_models,
    )
    assert ended.returncode == 5, ended.stderr
    _expect_failure(tmp_path / "output", 5, "NoSpineFound")
