"""Waiting longer after each failure, by a clock that nobody can set."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Set


class Backoff:
    """Bounded exponential back-off with jitter. It is not stored: a restart tries at once.

    Args:
        first_seconds: Longest wait after the first failure.
        longest_seconds: Longest wait of all.
        clock: Seconds that never run backwards.
    """

    def __init__(
        self, first_seconds: float, longest_seconds: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._first_seconds, self._longest_seconds, self._clock = first_seconds, longest_seconds, clock
        self._failures: dict[str, int] = {}
        self._due: dict[str, float] = {}

    def is_due(self, key: str) -> bool:
        """Tell whether it is time to try again.

        Args:
            key: What is tried.

        Returns:
            True once the wait is over, and for what has not failed.
        """
        return self._clock() >= self._due.get(key, 0.0)

    def failed(self, key: str) -> float:
        """Note a failure.

        Args:
            key: What was tried.

        Returns:
            The wait, seconds: at random between half and all of what the number of failures allows.
        """
        self._failures[key] = self._failures.get(key, 0) + 1
        bound = min(self._longest_seconds, self._first_seconds * 2.0 ** min(self._failures[key] - 1, 32))
        wait = bound * random.uniform(0.5, 1.0)  # noqa: S311
        self._due[key] = self._clock() + wait
        return wait

    def succeeded(self, key: str) -> None:
        """Forget the failures.

        Args:
            key: What was tried.
        """
        self._failures.pop(key, None)
        self._due.pop(key, None)

    def keep(self, keys: Set[str]) -> None:
        """Forget the failures of everything else.

        Args:
            keys: What is still tried.
        """
        for key in self._failures.keys() - keys:
            self.succeeded(key)
