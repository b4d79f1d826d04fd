"""The service's side of the worker process: it is started, given work, watched, killed and started again."""

from __future__ import annotations

import logging
import selectors
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from typing import IO

from pydantic import ValidationError

from spine_segmentation.pacs.backoff import Backoff
from spine_segmentation.pacs.config import Processing
from spine_segmentation.pacs.protocol import Hello, Reply, Request

logger = logging.getLogger(__name__)

LOAD_TIMEOUT_SECONDS = 300.0
_TERMINATE_SECONDS = 5.0
_MAX_LINE_BYTES = 1024 * 1024
_POLL_SECONDS = 0.5
_FIRST_START_SECONDS, _LONGEST_START_SECONDS = 1.0, 60.0
"""Waits after a process that did not come up: they grow from the one to the other."""
_START = "start"


def worker_command(processing: Processing) -> list[str]:
    """Build the command line of the worker with the real networks.

    Args:
        processing: Device and models.

    Returns:
        Program and arguments.
    """
    models = str(processing.models) if processing.models else ""
    return [sys.executable, "-m", "spine_segmentation.pacs.worker_main", processing.device, models]


class Worker:
    """One worker process, or none at the moment.

    Args:
        command: Its command line.
        timeout_seconds: How long one series may take.
        stop: Ends waiting early.
        clock: Seconds that never run backwards, for the waits between two starts.
    """

    def __init__(
        self,
        command: Sequence[str],
        timeout_seconds: float,
        stop: threading.Event,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._command, self._timeout_seconds, self._stop = list(command), timeout_seconds, stop
        self._process: subprocess.Popen[bytes] | None = None
        self._buffer = b""
        self._backoff = Backoff(_FIRST_START_SECONDS, _LONGEST_START_SECONDS, clock)
        self.model = ""
        self.trouble = ""
        """Why the last process did not come up; empty if it did."""
        self.starts = 0

    @property
    def is_up(self) -> bool:
        """Whether a process with loaded networks is there."""
        return self._process is not None and self._process.poll() is None and bool(self.model)

    @property
    def is_stopping(self) -> bool:
        """Whether the service is being stopped."""
        return self._stop.is_set()

    @property
    def pid(self) -> int | None:
        """Its process id."""
        return self._process.pid if self._process else None

    def start(self) -> bool:
        """Start the process if there is none, and wait until its networks are loaded.

        After one that did not come up the next one is started only after a wait, which grows from one to the next.

        Returns:
            Whether it is up.

        Raises:
            OSError: If the process cannot be started.
        """
        if self.is_up:
            return True
        if not self._backoff.is_due(_START):
            return False
        self.kill()
        self._process = subprocess.Popen(self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # noqa: S603
        self.starts += 1
        hello = self._read_hello()
        self.model, self.trouble = hello.model, hello.trouble
        if self.model:
            self._backoff.succeeded(_START)
            return True
        self.kill()
        wait = self._backoff.failed(_START)
        logger.error("the worker did not start (%s); it is started again in %.0f s", self.trouble, wait)
        return False

    def run(self, request: Request) -> Reply | None:
        """Have series processed.

        Args:
            request: The series; each of them has its time.

        Returns:
            The reply; None if the process crashed, took too long or was stopped, and is gone.
        """
        if self._process is None or self._process.stdin is None:
            return None
        try:
            self._process.stdin.write(request.model_dump_json().encode() + b"\n")
            self._process.stdin.flush()
        except OSError:
            self.kill()
            return None
        line = self._read_line(self._timeout_seconds * len(request.series))
        try:
            return Reply.model_validate_json(line)
        except ValidationError:
            self.kill()
            return None

    def kill(self) -> None:
        """End the process, if there is one."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(_TERMINATE_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            _close(stream)
        self._process, self.model, self._buffer = None, "", b""

    def _read_hello(self) -> Hello:
        try:
            return Hello.model_validate_json(self._read_line(LOAD_TIMEOUT_SECONDS))
        except ValidationError:
            return Hello(trouble="it ended, or loaded for too long")

    def _read_line(self, timeout_seconds: float) -> bytes:
        """Read what the process says next; empty if it says nothing in time, ends or must not be waited for."""
        stdout = self._process.stdout if self._process else None
        if stdout is None:
            return b""
        deadline = time.monotonic() + timeout_seconds
        with selectors.DefaultSelector() as selector:
            selector.register(stdout, selectors.EVENT_READ)
            while b"\n" not in self._buffer and len(self._buffer) < _MAX_LINE_BYTES:
                if time.monotonic() > deadline or self._stop.is_set():
                    return b""
                if selector.select(_POLL_SECONDS):
                    chunk = stdout.read1(65536)  # type: ignore[attr-defined]
                    if not chunk:
                        return b""
                    self._buffer += chunk
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line


def _close(stream: IO[bytes] | None) -> None:
    try:
        if stream is not None:
            stream.close()
    except OSError:
        logger.debug("the worker's pipe was broken")
