"""How a process ends; apart from the other modules, so that a supervisor which needs only this stays small."""

from __future__ import annotations

import logging
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from spine_segmentation.errors import SpineError

logger = logging.getLogger(__name__)


def exit_on_sigterm() -> None:
    """Make SIGTERM end the process in order, so that no temporary file stays behind.

    The first process of a container has no default action for it: until this is called, it ignores the signal.
    """

    def stop(number: int, frame: FrameType | None) -> None:
        sys.exit(128 + number)

    signal.signal(signal.SIGTERM, stop)


@contextmanager
def exit_on_error() -> Iterator[None]:
    """End the process where the block raises one of this package's errors, with its message and its exit code.

    Yields:
        Nothing.

    Raises:
        SystemExit: With the exit code of the error.
    """
    try:
        yield
    except SpineError as error:
        logger.error("%s", error)
        sys.exit(error.exit_code)
