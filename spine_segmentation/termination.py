"""What SIGTERM does; apart from the other modules, so that a supervisor which needs only this stays small."""

from __future__ import annotations

import signal
import sys
from types import FrameType


def exit_on_sigterm() -> None:
    """Make SIGTERM end the process in order, so that no temporary file stays behind.

    The first process of a container has no default action for it: until this is called, it ignores the signal.
    """

    def stop(number: int, frame: FrameType | None) -> None:
        sys.exit(128 + number)

    signal.signal(signal.SIGTERM, stop)
