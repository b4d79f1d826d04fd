"""Which series have been quiet for how long, by a clock that nobody can set."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Set

_LONGEST_HOLD_SECONDS = 300.0
"""An association that stays open for days holds a series no longer than so after its last image."""


class Activity:
    """Remembers when each series last grew, and which associations have sent some of it.

    Nothing of it is stored: after a restart every unfinished series counts as touched at the restart.

    Args:
        clock: Seconds that never run backwards.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._touched: dict[str, float] = {}
        self._holding: dict[int, set[str]] = {}

    def touch(self, association: int, series_uid: str) -> None:
        """Note that an association has sent an image of a series.

        Args:
            association: Identifies the association as long as it is open.
            series_uid: Series Instance UID of the image.
        """
        with self._lock:
            self._touched[series_uid] = self._clock()
            self._holding.setdefault(association, set()).add(series_uid)

    def close(self, association: int) -> None:
        """Note that an association has ended.

        Args:
            association: The one that :meth:`touch` was told of; one that has sent nothing is no error.
        """
        with self._lock:
            self._holding.pop(association, None)

    def quiet_seconds(self, series_uid: str) -> float:
        """Tell how long a series has been quiet.

        Args:
            series_uid: Series Instance UID; a series that is not known counts as touched now.

        Returns:
            Seconds since its last image; 0 while an association that sent some of it is open.
        """
        with self._lock:
            quiet = self._clock() - self._touched.setdefault(series_uid, self._clock())
            held = any(series_uid in series for series in self._holding.values())
            return 0.0 if held and quiet < _LONGEST_HOLD_SECONDS else quiet

    def keep(self, series_uids: Set[str]) -> None:
        """Forget when all other series were touched: settled ones are as well, when their images are sent again.

        Args:
            series_uids: Series Instance UIDs of the series that are not settled.
        """
        with self._lock:
            self._touched = {uid: moment for uid, moment in self._touched.items() if uid in series_uids}

    def forget(self, series_uid: str) -> None:
        """Drop a series that is settled.

        Args:
            series_uid: Series Instance UID; one that is not known is no error.
        """
        with self._lock:
            self._touched.pop(series_uid, None)
            for series in self._holding.values():
                series.discard(series_uid)
