"""What SIGTERM does."""

from __future__ import annotations

import signal
import subprocess
import sys


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
