"""Deliveries in the ledger: one per object and destination.

PENDING -> SENT (stored there, commitment outstanding) -> DELIVERED; DEAD after too many refusals; CANCELLED where a
later version took its place before it was sent, the operator gave it up, or its destination is no longer configured.
"""

from __future__ import annotations

import time
from collections.abc import Iterable

from spine_segmentation.pacs.attempt import Parcel
from spine_segmentation.pacs.ledger import Ledger

COMMITMENT_MEMORY_SECONDS = 7 * 86400.0
"""A commitment report that comes later than this after its request is not recognised."""


def pending(ledger: Ledger, destination: str, limit: int) -> list[Parcel]:
    """List what is to be sent.

    Args:
        ledger: The ledger.
        destination: Name of the destination.
        limit: At most so many.

    Returns:
        Objects by ascending job, each with its file and the number of its refusals.
    """
    return _parcels(ledger, "PENDING", destination, limit)


def uncommitted(ledger: Ledger, destination: str, limit: int) -> list[Parcel]:
    """List what was stored, but has no commitment report yet.

    Args:
        ledger: The ledger.
        destination: Name of the destination.
        limit: At most so many.

    Returns:
        As of :func:`pending`.
    """
    return _parcels(ledger, "SENT", destination, limit)


def mark_stored(ledger: Ledger, destination: str, sop_uid: str, *, awaits_commitment: bool) -> None:
    """Record that a destination has stored an object; one that was cancelled while it was sent stays so.

    Args:
        ledger: The ledger.
        destination: Its name.
        sop_uid: The object.
        awaits_commitment: Whether it counts as delivered only after a report.
    """
    state = "SENT" if awaits_commitment else "DELIVERED"
    with ledger.transaction() as db:
        db.execute(
            "UPDATE delivery SET state=?, reason='', sent_at=? WHERE sop_uid=? AND destination=? AND state='PENDING'",
            (state, time.time(), sop_uid, destination),
        )


def mark_refused(ledger: Ledger, destination: str, sop_uid: str, reason: str, max_refusals: int) -> None:
    """Record a refusal; the last one that is allowed makes a dead letter, and what is superseded is not sent again.

    Args:
        ledger: The ledger.
        destination: Its name.
        sop_uid: The object.
        reason: Why.
        max_refusals: So many make a dead letter.
    """
    with ledger.transaction() as db:
        db.execute(
            "UPDATE delivery SET refusals=refusals+1, reason=?,"
            " state=CASE WHEN sop_uid IN"
            "  (SELECT sop_uid FROM result JOIN job ON job.id=job_id WHERE job.state='SUPERSEDED') THEN 'CANCELLED'"
            "  WHEN refusals+1>=? THEN 'DEAD' ELSE 'PENDING' END"
            " WHERE sop_uid=? AND destination=? AND state IN ('PENDING', 'SENT')",
            (reason, max_refusals, sop_uid, destination),
        )


def mark_delivered(ledger: Ledger, destination: str, sop_uids: Iterable[str], reason: str) -> None:
    """Record that sent objects are safe, or count as such.

    Args:
        ledger: The ledger.
        destination: Its name.
        sop_uids: The objects.
        reason: How we know, e.g. ``"committed"``.
    """
    with ledger.transaction() as db:
        db.executemany(
            "UPDATE delivery SET state='DELIVERED', reason=? WHERE sop_uid=? AND destination=? AND state='SENT'",
            [(reason, sop_uid, destination) for sop_uid in sop_uids],
        )


def begin_commitment(ledger: Ledger, destination: str, transaction_uid: str) -> None:
    """Record a commitment request; its report may come long after the request was repeated under another UID.

    Args:
        ledger: The ledger.
        destination: Name of the destination.
        transaction_uid: Of the request.
    """
    now = time.time()
    with ledger.transaction() as db:
        db.execute("DELETE FROM commitment WHERE requested_at<?", (now - COMMITMENT_MEMORY_SECONDS,))
        db.execute("INSERT INTO commitment VALUES(?,?,?)", (transaction_uid, destination, now))


def destination_of(ledger: Ledger, transaction_uid: str) -> str | None:
    """Find the destination that a commitment request was sent to.

    Args:
        ledger: The ledger.
        transaction_uid: Of the request.

    Returns:
        Its name; None if no such request was made.
    """
    row = ledger.row("SELECT destination FROM commitment WHERE transaction_uid=?", transaction_uid)
    return str(row["destination"]) if row else None


def waive_old(ledger: Ledger, destination: str, waiver_seconds: float) -> None:
    """Let objects count as delivered that have waited too long for a commitment report, or that nobody asks about.

    Args:
        ledger: The ledger.
        destination: Its name.
        waiver_seconds: How long is too long; 0 where commitment is not asked for, or not any more.
    """
    old = ledger.rows(
        "SELECT sop_uid FROM delivery WHERE destination=? AND state='SENT' AND sent_at<?",
        destination,
        time.time() - waiver_seconds,
    )
    if old:
        mark_delivered(ledger, destination, [row["sop_uid"] for row in old], "commitment waived")


def resubmit(ledger: Ledger, job_id: int) -> int:
    """Put the dead letters of a job back into the queue.

    Args:
        ledger: The ledger.
        job_id: The job.

    Returns:
        How many there were.
    """
    with ledger.transaction() as db:
        cursor = db.execute(
            "UPDATE delivery SET state='PENDING', refusals=0 WHERE state='DEAD'"
            " AND sop_uid IN (SELECT sop_uid FROM result WHERE job_id=?)",
            (job_id,),
        )
        return cursor.rowcount


def _parcels(ledger: Ledger, state: str, destination: str, limit: int) -> list[Parcel]:
    rows = ledger.rows(
        "SELECT result.sop_uid, sop_class, path, refusals, sha256 FROM delivery JOIN result USING(sop_uid)"
        " WHERE delivery.state=? AND destination=? AND path IS NOT NULL ORDER BY job_id, result.rowid LIMIT ?",
        state,
        destination,
        limit,
    )
    return [Parcel(row["sop_uid"], row["sop_class"], row["path"], row["refusals"], row["sha256"]) for row in rows]
