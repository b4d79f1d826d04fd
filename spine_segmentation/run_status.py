"""However a run ends: a status file, a message, and the right exit code."""

from __future__ import annotations

import logging
import signal
from pathlib import Path
from types import TracebackType
from typing import Self

from spine_segmentation.errors import Interrupted, OutputError, SpineError
from spine_segmentation.io.output_folder import clear_outputs
from spine_segmentation.io.outputs import STATUS_FILE
from spine_segmentation.io.status import write_status

logger = logging.getLogger(__name__)

INTERNAL_ERROR = 70
"""Exit code of an error that is not the input's fault (EX_SOFTWARE of sysexits.h)."""


class RunStatus:
    """Writes ``status.json`` when its block ends and turns an error into the process's exit code.

    Args:
        folder: The output folder; created if need be.

    Raises:
        SystemExit: At the end of the block, if an error was raised in it, or if the status of a success cannot be
            written: then the outputs are removed.
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
            self._succeed()
        elif isinstance(error, Exception):
            self._fail(error)
        elif not isinstance(error, SystemExit) or error.code:
            self._write_failure(_interruption(error))

    def _succeed(self) -> None:
        try:
            write_status(self.folder / STATUS_FILE, "succeeded", 0, outputs=self.outputs)
        except OutputError as error:
            self.withdraw()
            self._fail(error)

    def withdraw(self) -> None:
        """Remove what was written, as far as the folder allows it."""
        self.outputs.clear()
        try:
            clear_outputs(self.folder)
        except OutputError as error:
            logger.error("%s", error)

    def _fail(self, error: Exception) -> None:
        if isinstance(error, SpineError):
            logger.error("%s", error)
        else:
            logger.error("internal error: %s", type(error).__name__)
            logger.debug("traceback", exc_info=error)  # an exception may quote a header
        raise SystemExit(self._write_failure(error)) from error

    def _write_failure(self, error: Exception) -> int:
        """Write the status file, if there is a folder for it; returns the exit code."""
        code = error.exit_code if isinstance(error, SpineError) else INTERNAL_ERROR
        if self.folder.is_dir():
            try:
                write_status(self.folder / STATUS_FILE, "failed", code, error=error, outputs=self.outputs)
            except SpineError as unwritable:
                logger.error("%s", unwritable)
        return code


def _interruption(error: BaseException) -> Interrupted:
    interrupted = Interrupted("the run was stopped", expected="time to finish", remedy="run it again")
    if isinstance(error, SystemExit) and isinstance(error.code, int):
        interrupted.exit_code = error.code
    elif isinstance(error, KeyboardInterrupt):
        interrupted.exit_code = 128 + signal.SIGINT
    return interrupted
