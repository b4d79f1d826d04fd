"""Takes jobs from the ledger: those of one group come together, so that each of its series is read only once."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Sequence
from dataclasses import dataclass

from spine_segmentation.pacs.content import images_of
from spine_segmentation.pacs.jobs import Job, close
from spine_segmentation.pacs.ledger import Ledger

_READY = (
    "SELECT * FROM group_job WHERE state='READY' AND id NOT IN (SELECT value FROM json_each(?)) ORDER BY id LIMIT 1"
)
_READY_OF_GROUP = (
    "SELECT * FROM group_job WHERE state='READY' AND id NOT IN (SELECT value FROM json_each(?))"
    " AND group_uid=? AND attempts<? ORDER BY id"
)
_IMAGE = "SELECT 1 FROM instance WHERE series_uid=? AND path IS NOT NULL"


@dataclass(frozen=True)
class Batch:
    """Jobs that are processed together.

    Attributes:
        jobs: Of series of one group; at least one.
        series: Paths of the images, relative to the spool, of every series that takes part in the naming, by Series
            Instance UID in ascending order; more than those of the jobs where others of the group are done already.
    """

    jobs: tuple[Job, ...]
    series: dict[str, tuple[str, ...]]


def claim(ledger: Ledger, model: str, max_attempts: int, excluded: Sequence[int] = ()) -> Batch | None:
    """Take the oldest job that is ready, and those of its group.

    The last attempt at a job is made without its group: any of these series may have been the worker's undoing.

    Args:
        ledger: The ledger.
        model: Identity of the model that will process it.
        max_attempts: So many attempts make a job fail.
        excluded: Jobs to leave for later.

    Returns:
        The jobs, which are then RUNNING; None if there is none.
    """
    later = json.dumps(excluded)
    with ledger.transaction() as db:
        while (row := db.execute(_READY, (later,)).fetchone()) is not None:
            if _start(db, row, model):
                return _batch(db, row, model, max(1, max_attempts - 1), later)
        return None


def _batch(db: sqlite3.Connection, first: sqlite3.Row, model: str, attempts_together: int, later: str) -> Batch:
    """Add the other jobs of the group to one that was started."""
    images = images_of(db, first["group_uid"])
    if first["attempts"] >= attempts_together:
        job = _job(db, first, apart=len(images) > 1)
        return Batch((job,), {job.series_uid: images[job.series_uid]})
    others = db.execute(_READY_OF_GROUP, (later, first["group_uid"], attempts_together)).fetchall()
    started = [first, *(row for row in others if _start(db, row, model))]
    return Batch(tuple(_job(db, row) for row in started), images)


def _start(db: sqlite3.Connection, row: sqlite3.Row, model: str) -> bool:
    """Set a job running, unless there is nothing to process, or the same model has processed it already."""
    if not db.execute(_IMAGE, (row["series_uid"],)).fetchone():
        close(db, row["id"], "SKIPPED", "its series has no images")
        return False
    key = (row["series_uid"], row["content"], model)
    done = "SELECT 1 FROM job WHERE series_uid=? AND content=? AND model=? AND id<>?"
    if db.execute(done, (*key, row["id"])).fetchone():
        close(db, row["id"], "SKIPPED", "this model has processed it already")
        return False
    db.execute(
        "UPDATE job SET state='RUNNING', model=?, interruptions=interruptions+1, started_at=? WHERE id=?",
        (model, time.time(), row["id"]),
    )
    return True


def _job(db: sqlite3.Connection, row: sqlite3.Row, *, apart: bool = False) -> Job:
    earlier = db.execute(
        "SELECT job.id, result_series_uid FROM job JOIN result ON result.job_id=job.id"
        " WHERE series_uid=? AND job.id<>? AND state IN ('DONE', 'SUPERSEDED')"
        " ORDER BY job.finished_at, job.id, result.rowid",
        (row["series_uid"], row["id"]),
    ).fetchall()
    study = db.execute("SELECT study_uid FROM series WHERE series_uid=?", (row["series_uid"],)).fetchone()
    return Job(
        id=row["id"],
        series_uid=row["series_uid"],
        version=1 + len({job_id for job_id, _ in earlier}),
        predecessors=tuple(series_uid for job_id, series_uid in earlier if job_id == earlier[-1]["id"]),
        study_uid=study["study_uid"],
        attempts=row["attempts"],
        apart=apart,
    )
