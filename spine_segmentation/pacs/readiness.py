"""Decides when series are complete: quiet, not being sent, and, if a PACS can be asked, all there."""

from __future__ import annotations

import sqlite3
from collections import defaultdict

from spine_segmentation.pacs import config, jobs
from spine_segmentation.pacs.activity import Activity
from spine_segmentation.pacs.completeness import Completeness
from spine_segmentation.pacs.ledger import Ledger


class Readiness:
    """Settles series.

    Args:
        settings: The rule.
        ledger: Where the series are.
        activity: How long each has been quiet.
        ae_title: What to call ourselves when asking.
    """

    def __init__(self, settings: config.Readiness, ledger: Ledger, activity: Activity, ae_title: str) -> None:
        self._quiet_seconds, self._ledger, self._activity = settings.quiet_seconds, ledger, activity
        self._completeness = (
            Completeness(settings.completeness, ledger, ae_title) if settings.completeness is not None else None
        )

    def step(self) -> bool:
        """Settle every group that is complete.

        Returns:
            False: there is nothing more to do at once.
        """
        groups: dict[str, list[sqlite3.Row]] = defaultdict(list)
        for row in self._ledger.rows("SELECT series_uid, study_uid, group_uid FROM series WHERE state='RECEIVING'"):
            groups[row["group_uid"]].append(row)
        self._activity.keep({series["series_uid"] for members in groups.values() for series in members})
        for group_uid, members in groups.items():
            quiet = min(self._activity.quiet_seconds(series["series_uid"]) for series in members)
            if quiet < self._quiet_seconds:
                self._forget_answers(members)
            elif all(self._is_whole(series, quiet) for series in members):
                jobs.settle(self._ledger, group_uid)
                for series in members:
                    self._activity.forget(series["series_uid"])
        return False

    def _is_whole(self, series: sqlite3.Row, quiet: float) -> bool:
        return self._completeness is None or self._completeness.is_whole(series, quiet)

    def _forget_answers(self, members: list[sqlite3.Row]) -> None:
        if self._completeness is not None:
            for series in members:
                self._completeness.expect_answer(series["series_uid"])
