"""Whether a PACS knows more images of a series than have arrived; it is asked less and less often."""

from __future__ import annotations

import logging
import sqlite3
import time
from collections.abc import Callable

from spine_segmentation.errors import SpineError
from spine_segmentation.pacs import config
from spine_segmentation.pacs.backoff import Backoff
from spine_segmentation.pacs.ledger import Ledger
from spine_segmentation.pacs.query import count_images

logger = logging.getLogger(__name__)

_FIRST_SECONDS = 2.0
_LONGEST_SECONDS = 60.0
_ANYTHING = ""
"""Key of the back-off for a PACS that does not answer: then no series is asked for."""


class Completeness:
    """Asks the PACS.

    Args:
        settings: Whom to ask, and for how long.
        ledger: What has arrived.
        ae_title: What to call ourselves.
        clock: Seconds that never run backwards.
    """

    def __init__(
        self,
        settings: config.Completeness,
        ledger: Ledger,
        ae_title: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings, self._ledger, self._ae_title = settings, ledger, ae_title
        self._backoff = Backoff(_FIRST_SECONDS, _LONGEST_SECONDS, clock)

    def is_whole(self, series: sqlite3.Row, quiet_seconds: float) -> bool:
        """Tell whether a series is to be processed.

        Args:
            series: Row of the ledger.
            quiet_seconds: How long it has been quiet.

        Returns:
            Whether the PACS knows no more images than have arrived, or the series has been quiet for long enough.
        """
        if self._is_confirmed(series):
            return True
        if quiet_seconds < self._settings.give_up_seconds:
            return False
        logger.warning("a series is processed although it is not confirmed that the PACS knows no more images of it")
        self._backoff.succeeded(series["series_uid"])
        return True

    def expect_answer(self, series_uid: str) -> None:
        """Ask again at once when the series is quiet: an image has arrived.

        Args:
            series_uid: The series.
        """
        self._backoff.succeeded(series_uid)

    def _is_confirmed(self, series: sqlite3.Row) -> bool:
        series_uid = series["series_uid"]
        if not (self._backoff.is_due(_ANYTHING) and self._backoff.is_due(series_uid)):
            return False
        try:
            expected = count_images(self._settings, self._ae_title, series["study_uid"], series_uid)
        except SpineError as error:
            wait = self._backoff.failed(_ANYTHING)
            logger.warning("%s; it is asked again in %.0f s", error.found, wait)
            return False
        self._backoff.succeeded(_ANYTHING)
        here = self._ledger.rows("SELECT 1 FROM instance WHERE series_uid=? AND path IS NOT NULL", series_uid)
        if expected is None or len(here) < expected:
            self._backoff.failed(series_uid)
            return False
        self._backoff.succeeded(series_uid)
        return True
