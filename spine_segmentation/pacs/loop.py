"""A thread that does one thing again and again, and outlives every trouble of the machine."""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Callable

from spine_segmentation.errors import SpineError

logger = logging.getLogger(__name__)

_TROUBLE_SECONDS = 5.0


class Loop(threading.Thread):
    """Calls a step until it is told to stop.

    A full disk, a locked ledger or an unreachable server is logged, and the step called again later. Any other error
    is a defect: the thread ends, and with it the service, for its supervisor to start it anew.

    Args:
        name: For the log.
        step: Does a piece of work and tells whether there may be more at once.
        interval: Seconds to wait where there is not.
        stop: Set to end all threads of the service.
    """

    def __init__(self, name: str, step: Callable[[], bool], interval: float, stop: threading.Event) -> None:
        super().__init__(name=name, daemon=True)
        self._step, self._interval, self._stop_event = step, interval, stop
        self.has_failed = False

    def run(self) -> None:
        """Work until stopped."""
        try:
            wait = 0.0
            while not self._stop_event.wait(wait):
                wait = self._turn()
        finally:
            self.has_failed = not self._stop_event.is_set()
            self._stop_event.set()

    def _turn(self) -> float:
        try:
            return 0.0 if self._step() else self._interval
        except (OSError, sqlite3.Error, SpineError) as error:
            reason = str(error) if isinstance(error, SpineError) else type(error).__name__
            logger.error("%s: %s", self.name, reason)
            return max(self._interval, _TROUBLE_SECONDS)
