"""Jobs in the ledger: one per series and content, processed by whatever model is current when its turn comes.

A content is that of the group of series that are named together, see :mod:`spine_segmentation.pacs.content`.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Sequence
from dataclasses import dataclass

from spine_segmentation.pacs.content import content_hash, group_of
from spine_segmentation.pacs.ledger import Ledger
from spine_segmentation.pacs.loop_guard import reason_to_skip

MAX_INTERRUPTIONS = 50
"""A job that was running so often when the whole service died is the suspect."""

_WITH_IMAGES = (
    "SELECT * FROM series WHERE group_uid=?"
    " AND EXISTS(SELECT 1 FROM instance WHERE instance.series_uid=series.series_uid)"
)
"""The series of a group but those whose images were readmitted and have not come again."""
_STANDING = (
    "SELECT id FROM job WHERE series_uid=? AND content IN (?, ?) AND state<>'SUPERSEDED' AND NOT EXISTS("
    "SELECT 1 FROM job AS later WHERE later.series_uid=job.series_uid AND later.id>job.id AND later.state='DONE')"
)
"""The jobs of a content whose place no later one has taken."""


@dataclass(frozen=True)
class Job:
    """A job that was claimed.

    Attributes:
        id: Its number.
        series_uid: The series.
        version: 1, or one more than the results of earlier contents or models.
        predecessors: Series Instance UIDs of the objects that this job's supersede; none for version 1.
        study_uid: The study.
        attempts: How often it was the worker's last.
        apart: Whether it is processed without its group, because attempts with it had failed.
    """

    id: int
    series_uid: str
    version: int
    predecessors: tuple[str, ...]
    study_uid: str
    attempts: int
    apart: bool


@dataclass(frozen=True)
class ResultObject:
    """A DICOM object to deliver.

    Attributes:
        sop_uid: SOP Instance UID.
        sop_class: SOP Class UID.
        series_uid: Its own Series Instance UID.
        path: Relative to the spool.
        sha256: Of its file; empty if it is not known.
    """

    sop_uid: str
    sop_class: str
    series_uid: str
    path: str
    sha256: str = ""


def settle(ledger: Ledger, group_uid: str) -> None:
    """Make a job of every series with images in a complete group, unless its content has one already.

    A job of an earlier content that has not begun is dropped. Images that come again after they were processed and
    deleted make no job; they are deleted again in time.

    Args:
        ledger: The ledger.
        group_uid: The group.
    """
    with ledger.transaction() as db:
        content = content_hash(db, group_uid)
        for series in db.execute(_WITH_IMAGES, (group_uid,)).fetchall():
            deleted = _has_deleted_images(db, series["series_uid"])
            if deleted and series["state"] == "SETTLED":
                continue  # it is history, and its result stays
            if not _is_known(db, series["series_uid"], content, content_hash(db, group_uid, deleted_too=True)):
                _supersede_waiting(db, series["series_uid"])
                _free(db, series["series_uid"], content)
                _insert(db, series["series_uid"], content, *_verdict(series, deleted))
        db.execute("UPDATE series SET state='SETTLED' WHERE group_uid=?", (group_uid,))


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
        False, and nothing is delivered, if the group has changed in the meantime: the new job is the one that counts.
    """
    with ledger.transaction() as db:
        row = db.execute("SELECT content FROM job WHERE id=?", (job.id,)).fetchone()
        if row["content"] != content_hash(db, group_of(db, job.series_uid)):
            close(db, job.id, "SUPERSEDED", "images came while it was processed")
            return False
        _supersede_finished(db, job)
        close(db, job.id, "DONE", reason)
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
        close(db, job_id, state, reason)


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
            close(db, job_id, "FAILED", reason)
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

    The finished jobs of its group are processed again with it, so that no two models number one study; what the
    current model has processed already stays as it is.

    Args:
        ledger: The ledger.
        job_id: The job.

    Returns:
        False if its images are deleted, it is waiting or running, or a later job of the series has taken its place.
    """
    with ledger.transaction() as db:
        row = db.execute("SELECT * FROM job WHERE id=?", (job_id,)).fetchone()
        group_uid = group_of(db, row["series_uid"])
        is_current = row["content"] == content_hash(db, group_uid)
        out_of_turn = row["state"] in {"READY", "RUNNING", "SUPERSEDED"}
        if out_of_turn or not is_current or _has_deleted_images(db, row["series_uid"]):
            return False
        companions = db.execute(
            "SELECT * FROM group_job WHERE group_uid=? AND content=? AND state='DONE' AND series_uid<>?",
            (group_uid, row["content"], row["series_uid"]),
        ).fetchall()
        for one in (row, *companions):
            _again(db, one)
        return True


def close(db: sqlite3.Connection, job_id: int, state: str, reason: str) -> None:
    """End a job within a transaction; arguments as for :func:`end`.

    Args:
        db: The ledger's connection.
        job_id: The job.
        state: The state that it ends in.
        reason: Why; no patient data.
    """
    db.execute(
        "UPDATE job SET state=?, reason=?, interruptions=0, finished_at=? WHERE id=?",
        (state, reason, time.time(), job_id),
    )


def _again(db: sqlite3.Connection, row: sqlite3.Row) -> None:
    if row["state"] == "DONE":
        _insert(db, row["series_uid"], row["content"], "READY", "")
    else:
        db.execute(
            "UPDATE job SET state='READY', attempts=0, interruptions=0, reason='', created_at=?, finished_at=NULL"
            " WHERE id=?",
            (time.time(), row["id"]),
        )


def _has_deleted_images(db: sqlite3.Connection, series_uid: str) -> bool:
    deleted = "SELECT 1 FROM instance WHERE series_uid=? AND path IS NULL"
    return db.execute(deleted, (series_uid,)).fetchone() is not None


def _is_known(db: sqlite3.Connection, series_uid: str, content: str, whole: str) -> bool:
    """Whether the content has a job that stands, as it is or with what is deleted; a purged one has images again."""
    known = db.execute(_STANDING, (series_uid, content, whole)).fetchall()
    db.executemany(
        "UPDATE job SET purged=0, finished_at=? WHERE id=? AND purged", [(time.time(), job_id) for (job_id,) in known]
    )
    return bool(known)


def _free(db: sqlite3.Connection, series_uid: str, content: str) -> None:
    """Take a content that comes again, after images were readmitted, from jobs that do not stand any more."""
    db.execute(
        "UPDATE job SET content=content || ' ' || id WHERE series_uid=? AND content=?",
        (series_uid, content),
    )


def _verdict(series: sqlite3.Row, deleted: bool) -> tuple[str, str]:
    """Choose the state that a new job begins with, and say why."""
    skip = reason_to_skip(series["modality"], own=series["own"])
    if skip:
        return "SKIPPED", skip
    if deleted:
        return "FAILED", "earlier images of the series are deleted; send all of it again"
    return "READY", ""


def _insert(db: sqlite3.Connection, series_uid: str, content: str, state: str, reason: str) -> None:
    now = time.time()
    db.execute(
        "INSERT INTO job(series_uid, content, state, reason, created_at, finished_at) VALUES(?,?,?,?,?,?)"
        " ON CONFLICT DO UPDATE SET state=excluded.state, reason=excluded.reason, created_at=excluded.created_at,"
        " finished_at=excluded.finished_at",
        (series_uid, content, state, reason, now, None if state == "READY" else now),
    )


def _supersede_waiting(db: sqlite3.Connection, series_uid: str) -> None:
    db.execute(
        "UPDATE job SET state='SUPERSEDED', reason='images came before its turn', finished_at=?"
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
        "INSERT OR IGNORE INTO result VALUES(?,?,?,?,?,?,?)",
        (result.sop_uid, result.sop_class, result.series_uid, job_id, result.path, time.time(), result.sha256),
    )
    for destination in destinations:
        db.execute(
            "INSERT OR IGNORE INTO delivery(sop_uid, destination, state) VALUES(?,?,'PENDING')",
            (result.sop_uid, destination),
        )
