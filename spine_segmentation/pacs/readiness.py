"""Decides when series are complete: quiet, not being sent, and, if a PACS can be asked, all there."""

from __future__ import annotations

import logging
import sqlite3
from collections import defaultdict

from spine_segmentation.pacs import config, jobs
from spine_segmentation.pacs.activity import Activity
from spine_segmentation.pacs.ledger import Ledger
from spine_segmentation.pacs.query import count_images

logger = logging.getLogger(__name__)


class Readiness:
    """Settles series.

    Args:
        settings: The rule.
        ledger: Where the series are.
        activity: How long each has been quiet.
        ae_title: What to call ourselves when asking.
    """

    def __init__(self, settings: config.Readiness, ledger: Ledger, activity: Activity, ae_title: str) -> None:
        self._settings, self._ledger, self._activity, self._ae_title = settings, ledger, activity, ae_title

    def step(self) -> bool:
        """Settle every group that is complete.

        Returns:
            False: there is nothing more to do at once.
        """
        groups: dict[str, list[sqlite3.Row]] = defaultdict(list)
        for row in self._ledger.rows("SELECT series_uid, study_uid, group_uid FROM series WHERE state='RECEIVING'"):
            groups[row["group_uid"]].append(row)
        for group_uid, members in groups.items():
            quiet = min(self._activity.quiet_seconds(series["series_uid"]) for series in members)
            if quiet >= self._settings.quiet_seconds and all(self._is_whole(series, quiet) for series in members):
                jobs.settle(self._ledger, group_uid)
                for series in members:
                    self._activity.forget(series["series_uid"])
        return False

    def _is_whole(self, series: sqlite3.Row, quiet: float) -> bool:
        """Whether the PACS knows no more images than have arrived, or has been asked for long enough."""
        completeness = self._settings.completeness
        if completeness is None:
            return True
        expected = count_images(completeness, self._ae_title, series["study_uid"], series["series_uid"])
        here = self._ledger.rows("SELECT 1 FROM instance WHERE series_uid=? AND path IS NOT NULL", series["series_uid"])
        if expected is not None and len(here) >= expected:
            return True
        if quiet < completeness.give_up_seconds:
            return False
        logger.warning("a series is processed with %d images; the PACS knows %s", len(here), expected or "no number")
        return True
