"""Runs the application as a child, so that something is left to report when the system kills it."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType

from spine_segmentation.errors import Interrupted


def supervise(command: Sequence[str], output: Path | None) -> int:
    """Run a command to its end, passing on SIGTERM and SIGINT.

    A child that is killed, be it for want of memory, can neither clean up nor say so: then its outputs are removed,
    and the status file says how it ended.

    Args:
        command: Program and arguments.
        output: The output folder of the run; None if it has none.

    Returns:
        The child's exit code.

    Raises:
        SystemExit: With 128 plus the signal's number, if the child was killed.
    """
    early: list[int] = []
    _hand_signals_to(early.append)
    with subprocess.Popen(command) as child:  # noqa: S603 - the command is the package's own
        _hand_signals_to(child.send_signal)
        for number in early:
            child.send_signal(number)
        code = child.wait()
    if code < 0:
        _report_killed(-code, output)
    return code


def _hand_signals_to(receive: Callable[[int], None]) -> None:
    def hand_on(number: int, frame: FrameType | None) -> None:
        receive(number)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, hand_on)


def _report_killed(number: int, output: Path | None) -> None:
    from spine_segmentation.run_status import RunStatus  # it takes memory, which the child needs more

    killed = Interrupted(
        f"the run was killed by signal {number}",
        expected="enough memory, and time to finish",
        remedy="allow the container more memory, unless someone stopped it",
    )
    killed.exit_code = 128 + number
    if output is None or not output.is_dir():
        raise SystemExit(killed.exit_code)
    with RunStatus(output) as status:
        status.withdraw()
        raise killed
