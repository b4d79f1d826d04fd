"""However a run ends: a status file, a message, and the right exit code."""

from __future__ import annotations

import logging
import resource
import signal
import sys
from pathlib import Path
from types import FrameType, TracebackType
from typing import Self

from spine_segmentation.errors import SpineError
from spine_segmentation.io.outputs import STATUS_FILE
from spine_segmentation.io.status import write_status

logger = logging.getLogger(__name__)

STACK_BYTES = 32 * 1024 * 1024
"""The stack that Holoscan asks for."""

INTERNAL_ERROR = 70
"""Exit code of an error that is not the input's fault (EX_SOFTWARE of sysexits.h)."""


class RunStatus:
    """Writes ``status.json`` when its block ends and turns an error into the process's exit code.

    Args:
        folder: The output folder; created if need be.

    Raises:
        SystemExit: At the end of the block, if an error was raised in it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.outputs: list[Path] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if error is None:
            write_status(self.folder / STATUS_FILE, "succeeded", 0, outputs=self.outputs)
        elif isinstance(error, Exception):
            self._fail(error)

    def _fail(self, error: Exception) -> None:
        code = error.exit_code if isinstance(error, SpineError) else INTERNAL_ERROR
        if isinstance(error, SpineError):
            logger.error("%s", error)
        else:
            logger.error("internal error", exc_info=error)
        if self.folder.is_dir():
            try:
                write_status(self.folder / STATUS_FILE, "failed", code, error=error, outputs=self.outputs)
            except SpineError as unwritable:
                logger.error("%s", unwritable)
        raise SystemExit(code) from error


def exit_on_sigterm() -> None:
    """Make SIGTERM end the process in order, so that no temporary file stays behind."""

    def stop(number: int, frame: FrameType | None) -> None:
        sys.exit(128 + number)

    signal.signal(signal.SIGTERM, stop)


def raise_stack_limit() -> None:
    """Allow the stack that Holoscan, which the Deploy SDK loads with MONAI, asks for."""
    soft, hard = resource.getrlimit(resource.RLIMIT_STACK)
    unlimited = resource.RLIM_INFINITY
    if soft != unlimited and soft < STACK_BYTES and (hard == unlimited or hard >= STACK_BYTES):
        resource.setrlimit(resource.RLIMIT_STACK, (STACK_BYTES, hard))
