"""However a run ends: the status file and the exit code."""

from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path

import pytest

from spine_segmentation.errors import MissingSlice, NoDicomFound, NoSpineFound, SpineError, UsageError
from spine_segmentation.run_status import RunStatus
from tests.app.conftest import read_status


def failed(error: Exception, folder: Path) -> int:
    """The exit code of a run that ends with this error."""
    with pytest.raises(SystemExit) as end, RunStatus(folder):
        raise error
    assert end.value.__cause__ is error
    return int(end.value.code or 0)


def test_success_names_the_outputs(tmp_path: Path) -> None:
    with RunStatus(tmp_path) as status:
        status.outputs.append(tmp_path / "result.json")
    written = read_status(tmp_path)
    assert (written["state"], written["exit_code"], written["error"]) == ("succeeded", 0, None)
    assert written["outputs"] == ["result.json"]


@pytest.mark.parametrize(
    ("kind", "code"), [(UsageError, 2), (NoDicomFound, 3), (MissingSlice, 4), (NoSpineFound, 5), (SpineError, 70)]
)
def test_own_errors_have_their_exit_codes(
    kind: type[SpineError], code: int, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    error = kind("this", expected="that", remedy="something else")
    assert failed(error, tmp_path) == code
    written = read_status(tmp_path)
    assert (written["state"], written["exit_code"]) == ("failed", code)
    assert written["error"]["type"] == kind.__name__
    assert all(part in written["error"]["message"] for part in ("that", "something else"))
    assert [(r.levelno, r.getMessage(), r.exc_info) for r in caplog.records] == [(logging.ERROR, str(error), None)]


@pytest.mark.parametrize("error", [ValueError("Doe^Jane"), MemoryError(), KeyError("Doe^Jane")])
def test_other_errors_are_internal_and_not_quoted(
    error: Exception, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert failed(error, tmp_path) == 70
    assert read_status(tmp_path)["error"]["type"] == type(error).__name__
    assert "Doe" not in (tmp_path / "status.json").read_text()
    assert "Doe" not in caplog.text and type(error).__name__ in caplog.records[0].getMessage()


def test_what_was_written_before_the_error_is_named(tmp_path: Path) -> None:
    with pytest.raises(SystemExit), RunStatus(tmp_path) as status:
        status.outputs.append(tmp_path / "result.json")
        raise NoSpineFound("nothing", expected="a spine", remedy="look again")
    assert read_status(tmp_path)["outputs"] == ["result.json"]


def test_without_a_folder_there_is_only_the_exit_code(tmp_path: Path) -> None:
    assert failed(ValueError(), tmp_path / "absent") == 70
    assert list(tmp_path.iterdir()) == []


def test_a_status_that_cannot_be_written_does_not_hide_the_error(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "status.json" / "in the way").mkdir(parents=True)
    assert failed(UsageError("this", expected="that", remedy="both"), tmp_path) == 2
    assert "this. Expected: that" in caplog.records[0].getMessage()
    assert "status.json cannot be written" in caplog.records[1].getMessage()


def test_outputs_are_withdrawn_if_the_status_of_success_cannot_be_written(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "status.json" / "in the way").mkdir(parents=True)
    with pytest.raises(SystemExit) as end, RunStatus(tmp_path) as status:
        for name in ("segmentation.dcm", "result.json"):
            (tmp_path / name).touch()
            status.outputs.append(tmp_path / name)
    assert end.value.code == 70
    assert [path.name for path in tmp_path.iterdir()] == ["status.json"]
    assert "status.json cannot be written" in caplog.text


def test_outputs_are_withdrawn_if_only_the_status_is_too_large_for_the_disk(tmp_path: Path) -> None:
    """A file size limit, reached in a process of its own; then there is not even a status."""
    code = (
        "import resource, sys\nfrom pathlib import Path\nfrom spine_segmentation.run_status import RunStatus\n"
        "folder = Path(sys.argv[1])\nwith RunStatus(folder):\n    (folder / 'segmentation.dcm').write_text('ours')\n"
        "    resource.setrlimit(resource.RLIMIT_FSIZE, (16, 16))\n"
    )
    ended = subprocess.run([sys.executable, "-c", code, tmp_path], stderr=subprocess.PIPE, text=True, check=False)
    assert (ended.returncode, "Traceback" in ended.stderr) == (70, False)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("end", [SystemExit(), SystemExit(0)])
def test_an_exit_without_an_error_is_no_failure(end: SystemExit, tmp_path: Path) -> None:
    with pytest.raises(SystemExit), RunStatus(tmp_path):
        raise end
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("end", "code"), [(KeyboardInterrupt(), 130), (SystemExit(143), 143)])
def test_a_run_that_is_stopped_says_so(end: BaseException, code: int, tmp_path: Path) -> None:
    with pytest.raises(type(end)) as stopped, RunStatus(tmp_path):
        raise end
    assert stopped.value is end
    written = read_status(tmp_path)
    assert (written["state"], written["exit_code"], written["error"]["type"]) == ("failed", code, "Interrupted")
