"""How a process ends."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from spine_segmentation.errors import UsageError
from spine_segmentation.termination import exit_on_error


def test_sigterm_ends_the_process_in_order() -> None:
    """Blocks are left as after an error, and the exit code is that of the signal."""
    code = (
        "import time\nfrom spine_segmentation.termination import exit_on_sigterm\nexit_on_sigterm()\n"
        "try:\n    print('ready', flush=True)\n    time.sleep(60)\nfinally:\n    print('in order')\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGTERM)
        assert process.stdout.read() == "in order\n"
        assert process.wait(timeout=30) == 128 + signal.SIGTERM


def test_an_error_of_the_package_ends_the_process_with_its_message_and_its_exit_code(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with pytest.raises(SystemExit) as ended, exit_on_error():
        raise UsageError("nothing", expected="something", remedy="give it")
    assert ended.value.code == UsageError.exit_code
    assert "nothing" in caplog.text


def test_other_errors_pass() -> None:
    with pytest.raises(ZeroDivisionError), exit_on_error():
        raise ZeroDivisionError
