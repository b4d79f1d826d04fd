"""Jobs in the ledger: one per series and content, processed by whatever model is current when its turn comes."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import time
from collections.abc import Sequence
from dataclasses import dataclass

from spine_segmentation.pacs.ledger import Ledger
from spine_segmentation.pacs.loop_guard import reason_to_skip

MAX_INTERRUPTIONS = 50
"""A job that was running so often when the whole service died is the suspect."""


@dataclass(frozen=True)
class Job:
    """A job that was claimed.

    Attributes:
        id: Its number.
        series_uid: The series.
        inputs: Paths of its images, relative to the spool.
        version: 1, or one more than the results of earlier contents or models.
        predecessors: Series Instance UIDs of the objects that this job's supersede; none for version 1.
        study_uid: The study.
    """

    id: int
    series_uid: str
    inputs: tuple[str, ...]
    version: int
    predecessors: tuple[str, ...]
    study_uid: str


@dataclass(frozen=True)
class ResultObject:
    """A DICOM object to deliver.

    Attributes:
        sop_uid: SOP Instance UID.
        sop_class: SOP Class UID.
        series_uid: Its own Series Instance UID.
        path: Relative to the spool.
    """

    sop_uid: str
    sop_class: str
    series_uid: str
    path: str


def content_hash(db: sqlite3.Connection, series_uid: str, *, deleted_too: bool = False) -> str:
    """Hash the images of a series, whatever order they arrived in.

    Args:
        db: The ledger's connection.
        series_uid: The series.
        deleted_too: Take deleted images as if they were here.
    """
    rows = db.execute(
        "SELECT sop_uid, revision, sha256, path IS NULL AND NOT ? FROM instance WHERE series_uid=? ORDER BY sop_uid",
        (deleted_too, series_uid),
    )
    return hashlib.sha256(json.dumps([tuple(row) for row in rows]).encode()).hexdigest()


def settle(ledger: Ledger, series_uid: str) -> None:
    """Make a job of a series that is complete, unless its content has one already.

    A job of an earlier content that has not begun is dropped. Images that come again after they were processed and
    deleted make no job; they are deleted again in time.

    Args:
        ledger: The ledger.
        series_uid: The series.
    """
    with ledger.transaction() as db:
        series = db.execute("SELECT * FROM series WHERE series_uid=?", (series_uid,)).fetchone()
        content = content_hash(db, series_uid)
        if not _is_known(db, series_uid, content):
            _supersede_waiting(db, series_uid)
            _insert(db, series_uid, content, *_verdict(db, series))
        db.execute("UPDATE series SET state='SETTLED' WHERE series_uid=?", (series_uid,))


def claim(ledger: Ledger, model: str, excluded: Sequence[int] = ()) -> Job | None:
    """Take the oldest job that is ready.

    Args:
        ledger: The ledger.
        model: Identity of the model that will process it.
        excluded: Jobs to leave for later.

    Returns:
        The job, which is then RUNNING; None if there is none.
    """
    with ledger.transaction() as db:
        for row in db.execute(
            "SELECT * FROM job WHERE state='READY' AND id NOT IN (SELECT value FROM json_each(?)) ORDER BY id",
            (json.dumps(excluded),),
        ).fetchall():
            if _start(db, row, model):
                return _job(db, row)
        return None


def finish(
    ledger: Ledger, job: Job, results: Sequence[ResultObject], destinations: Sequence[str], reason: str = ""
) -> bool:
    """Record the results of a job, with what is to be delivered, and supersede the earlier ones.

    Args:
        ledger: The ledger.
        job: From :func:`claim`.
        results: Its objects; those whose UID is known keep their first bytes.
        destinations: Names of the destinations.
        reason: A remark.

    Returns:
        False, and nothing is delivered, if the series has changed in the meantime: its new job is the one that counts.
    """
    with ledger.transaction() as db:
        row = db.execute("SELECT content FROM job WHERE id=?", (job.id,)).fetchone()
        if row["content"] != content_hash(db, job.series_uid):
            _end(db, job.id, "SUPERSEDED", "the series grew while it was processed")
            return False
        _supersede_finished(db, job)
        _end(db, job.id, "DONE", reason)
        for result in results:
            _record(db, job.id, result, destinations)
        return True


def end(ledger: Ledger, job_id: int, state: str, reason: str) -> None:
    """End a job without results.

    Args:
        ledger: The ledger.
        job_id: The job.
        state: ``"SKIPPED"`` or ``"FAILED"``.
        reason: Why; no patient data.
    """
    with ledger.transaction() as db:
        _end(db, job_id, state, reason)


def give_back(ledger: Ledger, job_id: int, reason: str, *, crashed: bool, max_attempts: int) -> None:
    """Put a job back into the queue, or make it fail.

    Args:
        ledger: The ledger.
        job_id: The job.
        reason: Why it has not ended.
        crashed: Whether it counts as an attempt.
        max_attempts: So many attempts make it fail.
    """
    with ledger.transaction() as db:
        attempts = db.execute("SELECT attempts FROM job WHERE id=?", (job_id,)).fetchone()[0] + crashed
        if attempts >= max_attempts:
            _end(db, job_id, "FAILED", reason)
        else:
            db.execute("UPDATE job SET state='READY', interruptions=0, reason=? WHERE id=?", (reason, job_id))
        db.execute("UPDATE job SET attempts=? WHERE id=?", (attempts, job_id))


def recover(ledger: Ledger) -> None:
    """Put the jobs that a killed service left running back into the queue.

    Args:
        ledger: The ledger.
    """
    with ledger.transaction() as db:
        db.execute(
            "UPDATE job SET state='FAILED', reason='the service died too often while it ran', finished_at=?"
            " WHERE state='RUNNING' AND interruptions>=?",
            (time.time(), MAX_INTERRUPTIONS),
        )
        db.execute("UPDATE job SET state='READY' WHERE state='RUNNING'")


def retry(ledger: Ledger, job_id: int) -> bool:
    """Process a job again: a failed one from the start, a finished one with the model that is current then.

    Args:
        ledger: The ledger.
        job_id: The job.

    Returns:
        False if its images are deleted, it is waiting or running, or a later job of the series has taken its place.
    """
    with ledger.transaction() as db:
        row = db.execute("SELECT * FROM job WHERE id=?", (job_id,)).fetchone()
        if (
            row["purged"]
            or row["state"] in {"READY", "RUNNING"}
            or row["content"] != content_hash(db, row["series_uid"])
        ):
            return False
        if row["state"] == "DONE":
            _insert(db, row["series_uid"], row["content"], "READY", "")
        else:
            db.execute("UPDATE job SET state='READY', attempts=0, interruptions=0, reason='' WHERE id=?", (job_id,))
        return True


def _job(db: sqlite3.Connection, row: sqlite3.Row) -> Job:
    inputs = db.execute(
        "SELECT path FROM instance WHERE series_uid=? AND path IS NOT NULL ORDER BY sop_uid", (row["series_uid"],)
    ).fetchall()
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
        inputs=tuple(path for (path,) in inputs),
        version=1 + len({job_id for job_id, _ in earlier}),
        predecessors=tuple(series_uid for job_id, series_uid in earlier if job_id == earlier[-1]["id"]),
        study_uid=study["study_uid"],
    )


def _is_known(db: sqlite3.Connection, series_uid: str, content: str) -> bool:
    """Whether the content has a job; one whose images had been deleted now has images to delete again."""
    contents = (content, content_hash(db, series_uid, deleted_too=True))
    db.execute(
        "UPDATE job SET purged=0, finished_at=? WHERE series_uid=? AND content IN (?, ?) AND purged",
        (time.time(), series_uid, *contents),
    )
    job = db.execute("SELECT 1 FROM job WHERE series_uid=? AND content IN (?, ?)", (series_uid, *contents))
    return job.fetchone() is not None


def _verdict(db: sqlite3.Connection, series: sqlite3.Row) -> tuple[str, str]:
    """Choose the state that a new job begins with, and say why."""
    skip = reason_to_skip(series)
    if skip:
        return "SKIPPED", skip
    deleted = "SELECT 1 FROM instance WHERE series_uid=? AND path IS NULL"
    if db.execute(deleted, (series["series_uid"],)).fetchone():
        return "FAILED", "earlier images of the series are deleted; send all of it again"
    return "READY", ""


def _insert(db: sqlite3.Connection, series_uid: str, content: str, state: str, reason: str) -> None:
    now = time.time()
    db.execute(
        "INSERT INTO job(series_uid, content, state, reason, created_at, finished_at) VALUES(?,?,?,?,?,?)"
        " ON CONFLICT DO UPDATE SET state=excluded.state, reason=excluded.reason, finished_at=excluded.finished_at",
        (series_uid, content, state, reason, now, None if state == "READY" else now),
    )


def _start(db: sqlite3.Connection, row: sqlite3.Row, model: str) -> bool:
    """Set a job running, unless the same model has processed the same content already."""
    key = (row["series_uid"], row["content"], model)
    done = "SELECT 1 FROM job WHERE series_uid=? AND content=? AND model=? AND id<>?"
    if db.execute(done, (*key, row["id"])).fetchone():
        _end(db, row["id"], "SKIPPED", "this model has processed it already")
        return False
    db.execute(
        "UPDATE job SET state='RUNNING', model=?, interruptions=interruptions+1, started_at=? WHERE id=?",
        (model, time.time(), row["id"]),
    )
    return True


def _end(db: sqlite3.Connection, job_id: int, state: str, reason: str) -> None:
    db.execute(
        "UPDATE job SET state=?, reason=?, interruptions=0, finished_at=? WHERE id=?",
        (state, reason, time.time(), job_id),
    )


def _supersede_waiting(db: sqlite3.Connection, series_uid: str) -> None:
    db.execute(
        "UPDATE job SET state='SUPERSEDED', reason='the series grew before its turn', finished_at=?"
        " WHERE series_uid=? AND state='READY'",
        (time.time(), series_uid),
    )


def _supersede_finished(db: sqlite3.Connection, job: Job) -> None:
    """Mark the earlier results of a series; what was not sent yet never will be."""
    values = (job.series_uid, job.id)
    db.execute(
        "UPDATE delivery SET state='CANCELLED', reason='superseded' WHERE state IN ('PENDING', 'DEAD')"
        " AND sop_uid IN (SELECT sop_uid FROM result JOIN job ON job.id=result.job_id"
        " WHERE series_uid=? AND job.id<>? AND job.state='DONE')",
        values,
    )
    db.execute(
        "UPDATE job SET state='SUPERSEDED', reason='a later version has taken its place'"
        " WHERE series_uid=? AND id<>? AND state='DONE'",
        values,
    )


def _record(db: sqlite3.Connection, job_id: int, result: ResultObject, destinations: Sequence[str]) -> None:
    db.execute(
        "INSERT OR IGNORE INTO result VALUES(?,?,?,?,?,?)",
        (result.sop_uid, result.sop_class, result.series_uid, job_id, result.path, time.time()),
    )
    for destination in destinations:
        db.execute(
            "INSERT OR IGNORE INTO delivery(sop_uid, destination, state) VALUES(?,?,'PENDING')",
            (result.sop_uid, destination),
        )
