"""Deletes the files of finished work, never before every destination has the results, and the notes of refusals.

Series that are named together are deleted together: as long as one of them is needed, so are the others.
"""

from __future__ import annotations

import logging
import sqlite3
import time
from pathlib import Path

from spine_segmentation.pacs.future import end_future
from spine_segmentation.pacs.ledger import Ledger
from spine_segmentation.pacs.spool import Spool

logger = logging.getLogger(__name__)

_CLOCK_SECONDS = 3600.0
"""After the service's start; by then a clock that stood in the past, after an empty battery, should be right."""

_UNFINISHED = "SELECT 1 FROM group_job WHERE group_uid=:group AND state IN ('READY', 'RUNNING')"
_GROWING = "SELECT 1 FROM series WHERE group_uid=:group AND state='RECEIVING'"
_UNDELIVERED = (
    "SELECT 1 FROM delivery JOIN group_result USING(sop_uid)"
    " WHERE group_uid=:group AND delivery.state IN ('PENDING', 'SENT', 'DEAD')"
)
_OLD = (
    "SELECT DISTINCT group_uid FROM series JOIN job USING(series_uid) WHERE series.state='SETTLED'"
    " AND job.purged=0 AND job.state IN ('DONE', 'SKIPPED', 'SUPERSEDED') AND job.finished_at<?"
)
_RECENT = "SELECT 1 FROM group_job WHERE group_uid=? AND finished_at>=?"
_FAILED = (
    "SELECT 1 FROM group_job AS one WHERE group_uid=? AND state='FAILED' AND purged=0"
    " AND id=(SELECT MAX(id) FROM job WHERE series_uid=one.series_uid)"
)
"""A failed job that no later one of its series has made up for."""


class Retention:
    """Purges groups of series.

    Args:
        ledger: What there is.
        spool: Where it is.
        keep_seconds: How long it is kept after the last job of the group has ended, and a refusal after it was noted.
    """

    def __init__(self, ledger: Ledger, spool: Spool, keep_seconds: float) -> None:
        self._ledger, self._spool, self._keep_seconds = ledger, spool, keep_seconds
        self._trusts_clock_at = time.monotonic() + _CLOCK_SECONDS

    def step(self) -> bool:
        """Purge what is old, finished and delivered, and forget old refusals.

        Returns:
            False: there is nothing more to do at once.
        """
        if time.monotonic() >= self._trusts_clock_at:
            end_future(self._ledger)
        limit = time.time() - self._keep_seconds
        for row in self._ledger.rows(_OLD, limit):
            group_uid = row["group_uid"]
            if not (self._ledger.row(_RECENT, group_uid, limit) or self._ledger.row(_FAILED, group_uid)):
                purge(self._ledger, self._spool, group_uid)
        with self._ledger.transaction() as db:
            db.execute("DELETE FROM refusal WHERE refused_at<?", (limit,))
        return False


def purge(ledger: Ledger, spool: Spool, group_uid: str, *, undelivered: bool = False) -> bool:
    """Delete the images and results of a group; the ledger keeps its rows, so that nothing is made twice.

    Args:
        ledger: The ledger.
        spool: The files.
        group_uid: The group.
        undelivered: Also delete what was never delivered; its deliveries are cancelled.

    Returns:
        False, and nothing is deleted, if a job of it waits or runs, it still grows, or its results are not delivered.
    """
    with ledger.transaction() as db:
        values = {"group": group_uid}
        if any(db.execute(query, values).fetchone() for query in (_UNFINISHED, _GROWING)):
            return False
        if db.execute(_UNDELIVERED, values).fetchone() and not undelivered:
            return False
        files = _forget(db, values)
    folders = {str(Path(path).parent) for path in files if path.startswith("results")}
    spool.remove(path for path in files if not path.startswith("results"))
    for folder in folders:
        spool.remove_folder(folder)
    logger.info("%d files of finished series were deleted", len(files))
    return True


def readmit(ledger: Ledger, spool: Spool, group_uid: str) -> int:
    """Let the deleted or missing images of a group come again, whatever they hold: a correction, for a new version.

    Args:
        ledger: The ledger.
        spool: The files.
        group_uid: The group.

    Returns:
        How many images; none if a job of the group waits or runs.
    """
    with ledger.transaction() as db:
        if db.execute(_UNFINISHED, {"group": group_uid}).fetchone():
            return 0
        images = db.execute(
            "SELECT sop_uid, path FROM instance JOIN series USING(series_uid) WHERE group_uid=?", (group_uid,)
        ).fetchall()
        gone = [(sop_uid,) for sop_uid, path in images if not spool.holds(path)]
        db.executemany("DELETE FROM instance WHERE sop_uid=?", gone)
        return len(gone)


def _forget(db: sqlite3.Connection, values: dict[str, str]) -> list[str]:
    """Record the deletion, then leave the files to the caller: what stays behind is swept at the next start."""
    files = db.execute(
        "SELECT path FROM instance JOIN series USING(series_uid) WHERE group_uid=:group AND path IS NOT NULL"
        " UNION SELECT path FROM group_result WHERE group_uid=:group AND path IS NOT NULL",
        values,
    ).fetchall()
    for statement in (
        "UPDATE delivery SET state='CANCELLED', reason='purged by the operator'"
        " WHERE state IN ('PENDING', 'SENT', 'DEAD')"
        " AND sop_uid IN (SELECT sop_uid FROM group_result WHERE group_uid=:group)",
        "UPDATE instance SET path=NULL WHERE series_uid IN (SELECT series_uid FROM series WHERE group_uid=:group)",
        "UPDATE result SET path=NULL WHERE sop_uid IN (SELECT sop_uid FROM group_result WHERE group_uid=:group)",
        "UPDATE job SET purged=1 WHERE id IN (SELECT id FROM group_job WHERE group_uid=:group)",
    ):
        db.execute(statement, values)
    return [path for (path,) in files]
