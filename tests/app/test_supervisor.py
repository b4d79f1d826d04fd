"""What is left when the application is killed, and that it is otherwise left alone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from app.supervisor import supervise
from tests.app.conftest import ROOT, clean_environment, read_status

pytestmark = pytest.mark.usefixtures("_restore_handlers")


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


@pytest.mark.parametrize("code", [0, 3, 70])
def test_exit_code_comes_through(code: int, tmp_path: Path) -> None:
    assert supervise(python(f"raise SystemExit({code})"), tmp_path) == code
    assert list(tmp_path.iterdir()) == []


def test_killed_application_leaves_a_status_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / ".incomplete-1").mkdir()
    (tmp_path / "segmentation.dcm").touch()
    (tmp_path / "of someone else").touch()
    with pytest.raises(SystemExit) as end:
        supervise(python("import os; os.kill(os.getpid(), 9)"), tmp_path)
    assert end.value.code == 128 + signal.SIGKILL
    assert {path.name for path in tmp_path.iterdir()} == {"status.json", "of someone else"}
    status = read_status(tmp_path)
    assert (status["state"], status["exit_code"], status["error"]["type"]) == ("failed", 137, "Interrupted")
    assert "memory" in status["error"]["message"]


@pytest.mark.parametrize("folder", [None, "absent"])
def test_killed_application_without_output(folder: str | None, tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as end:
        supervise(python("import os; os.kill(os.getpid(), 9)"), folder and tmp_path / folder)
    assert end.value.code == 137
    assert list(tmp_path.iterdir()) == []


def test_killed_application_in_a_folder_that_cannot_be_cleared(tmp_path: Path) -> None:
    (tmp_path / "segmentation.dcm").touch()
    (tmp_path / "status.json" / "in the way").mkdir(parents=True)
    with pytest.raises(SystemExit) as end:
        supervise(python("import os; os.kill(os.getpid(), 9)"), tmp_path)
    assert end.value.code == 137
    assert [path.name for path in tmp_path.iterdir()] == ["status.json"]


def test_sigterm_before_the_child_runs_is_passed_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Late(subprocess.Popen[bytes]):
        """Starts after the signal has come."""

        def __init__(self, command: list[str]) -> None:
            signal.raise_signal(signal.SIGTERM)
            super().__init__(command)

    monkeypatch.setattr(subprocess, "Popen", Late)
    with pytest.raises(SystemExit) as end:
        supervise(python("import time; time.sleep(60)"), tmp_path)
    assert end.value.code == 143
    assert read_status(tmp_path)["exit_code"] == 143


def test_sigterm_is_passed_on(tmp_path: Path) -> None:
    """The supervisor waits for what the child still has to do."""
    child = (
        "import pathlib, signal, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))\n"
        "try:\n    pathlib.Path('started').touch(); time.sleep(60)\nfinally:\n    pathlib.Path('in order').touch()\n"
    )
    code = f"import sys; from app.supervisor import supervise; sys.exit(supervise({python(child)!r}, None))"
    environment = {**clean_environment(), "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    with subprocess.Popen(python(code), cwd=tmp_path, env=environment) as process:
        while not (tmp_path / "started").exists():
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 143
    assert (tmp_path / "in order").exists()
