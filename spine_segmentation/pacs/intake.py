"""Decides about one received object, and acknowledges it only when it is durable."""

from __future__ import annotations

import hashlib
import logging
import sqlite3
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from spine_segmentation.pacs.equivalence import Comparer, Relation
from spine_segmentation.pacs.header import Identity, read_identity
from spine_segmentation.pacs.ledger import Ledger
from spine_segmentation.pacs.loop_guard import is_own, reason_to_skip
from spine_segmentation.pacs.spool import EXHAUSTED, Spool
from spine_segmentation.pacs.statuses import StoreStatus

logger = logging.getLogger(__name__)

_LOCKS = 64
"""Two objects of one UID are never decided on at the same time; others rarely wait for one another."""

_ANOTHER = "another image of this UID was accepted earlier"
_DELETED = "the image of this UID is deleted or missing: there is nothing to compare with; 'queue readmit' lets it come"
_CORRECTED = "it has another header, and 'corrected_headers' is set to 'refuse'"
_OTHER_STUDY = "its series was accepted as one of another study"


@dataclass(frozen=True)
class Arrival:
    """One C-STORE request.

    Attributes:
        encoded: The data set as the peer sent it.
        meta: Preamble and file meta information to put before it.
        transfer_syntax: UID.
        sop_class: Affected SOP Class UID of the command.
        sop_uid: Affected SOP Instance UID of the command.
        calling_ae: Who sends it.
    """

    encoded: bytes
    meta: bytes
    transfer_syntax: str
    sop_class: str
    sop_uid: str
    calling_ae: str


@dataclass
class IntakeCounts:
    """What happened since the start; for metrics."""

    stored: int = 0
    duplicates: int = 0
    conflicts: int = 0
    refused: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def add(self, name: Literal["stored", "duplicates", "conflicts", "refused"]) -> None:
        """Count one received object.

        Args:
            name: What became of it.
        """
        with self.lock:
            setattr(self, name, getattr(self, name) + 1)


class Intake:
    """Stores objects.

    Args:
        spool: Where the files go.
        ledger: Where they are recorded.
        min_free_bytes: Refuse below so much free space.
        max_object_bytes: Refuse objects that inflate to more.
        corrected_headers: What to do with a known image under another header.
        group: Whether series are processed one by one or the MR series of a study together.
    """

    def __init__(
        self,
        spool: Spool,
        ledger: Ledger,
        *,
        min_free_bytes: int,
        max_object_bytes: int,
        corrected_headers: Literal["replace", "keep", "refuse"],
        group: Literal["series", "study"] = "series",
    ) -> None:
        self._spool, self._ledger = spool, ledger
        self._min_free_bytes, self._max_object_bytes = min_free_bytes, max_object_bytes
        self._corrected_headers, self._group = corrected_headers, group
        self._comparer = Comparer()
        self._locks = tuple(threading.Lock() for _ in range(_LOCKS))
        self.counts = IntakeCounts()

    def accept(self, arrival: Arrival) -> tuple[StoreStatus, str]:
        """Store an object durably, if it can be and is not known yet.

        Args:
            arrival: The request.

        Returns:
            The status to answer with, and the Series Instance UID; empty unless it is ``SUCCESS``.
        """
        try:
            with self._locks[hash(arrival.sop_uid) % _LOCKS]:  # from the look-up to the row, for each UID
                status, series_uid = self._decide(arrival)
        except (OSError, sqlite3.Error) as error:
            full = isinstance(error, OSError) and error.errno in EXHAUSTED
            logger.error("an object was not stored: %s", "the disk is full" if full else type(error).__name__)
            status, series_uid = StoreStatus.OUT_OF_RESOURCES, ""
        if status is not StoreStatus.SUCCESS:
            self.counts.add("conflicts" if status is StoreStatus.CONFLICT else "refused")
            logger.warning("an object from %s was refused with 0x%04X", arrival.calling_ae, status)
        return status, series_uid

    def stop(self) -> None:
        """End what runs beside it."""
        self._comparer.stop()

    def _decide(self, arrival: Arrival) -> tuple[StoreStatus, str]:
        if self._spool.free_bytes() < self._min_free_bytes + len(arrival.encoded):
            return StoreStatus.OUT_OF_RESOURCES, ""
        identity = read_identity(arrival.encoded, arrival.transfer_syntax, self._max_object_bytes)
        if identity is None:
            return StoreStatus.CANNOT_UNDERSTAND, ""
        if (identity.sop_class, identity.sop_uid) != (arrival.sop_class, arrival.sop_uid):
            return StoreStatus.MISMATCH, ""
        content = arrival.meta + arrival.encoded
        sha256 = _digest(arrival)
        known = self._ledger.row("SELECT * FROM instance WHERE sop_uid=?", identity.sop_uid)
        if known is None or (known["sha256"] == sha256 and not self._spool.holds(known["path"])):
            return self._store(arrival, identity, sha256, content)
        return self._meet_again(arrival, identity, sha256, content, known)

    def _meet_again(
        self, arrival: Arrival, identity: Identity, sha256: str, content: bytes, known: sqlite3.Row
    ) -> tuple[StoreStatus, str]:
        """Treat an object whose UID was accepted earlier."""
        relation = Relation.SAME if known["sha256"] == sha256 else self._relate(identity, known, content)
        if relation is Relation.UNKNOWN:
            return StoreStatus.OUT_OF_RESOURCES, ""
        corrected = relation is Relation.HEADER
        if relation is Relation.DIFFERENT or (corrected and self._corrected_headers == "refuse"):
            reason = _CORRECTED if corrected else _ANOTHER if self._spool.holds(known["path"]) else _DELETED
            return self._refuse(arrival, sha256, reason)
        if corrected and self._corrected_headers == "replace":
            status, series_uid = self._store(arrival, identity, sha256, content)
            if status is StoreStatus.SUCCESS:
                self._spool.remove([known["path"]])
            return status, series_uid
        self.counts.add("duplicates")
        return StoreStatus.SUCCESS, identity.series_uid

    def _relate(self, identity: Identity, known: sqlite3.Row, content: bytes) -> Relation:
        if known["series_uid"] != identity.series_uid or not self._spool.holds(known["path"]):
            return Relation.DIFFERENT
        with tempfile.NamedTemporaryFile(dir=self._spool.root / "incoming", suffix=".dcm") as file:
            file.write(content)
            file.flush()
            return self._comparer.relate(self._spool.absolute(known["path"]), Path(file.name))

    def _store(self, arrival: Arrival, identity: Identity, sha256: str, content: bytes) -> tuple[StoreStatus, str]:
        """Put the file on the disk, then the row: only now may it be acknowledged."""
        path = self._spool.store(identity.series_uid, identity.sop_uid, content)
        with self._ledger.transaction() as db:
            recorded = self._record(db, arrival, identity, (sha256, len(content), path))
        if not recorded:
            self._spool.remove([path])
            return self._refuse(arrival, sha256, _OTHER_STUDY)
        self.counts.add("stored")
        return StoreStatus.SUCCESS, identity.series_uid

    def _record(self, db: sqlite3.Connection, arrival: Arrival, identity: Identity, file: tuple[str, int, str]) -> bool:
        """Enter an image and its series, unless the series is known from another study: nobody can tell whose it is."""
        own = is_own(db, identity)
        series = db.execute(
            "INSERT INTO series(series_uid, study_uid, modality, own, calling_ae, state, group_uid)"
            " VALUES(?,?,?,?,?,'RECEIVING',?) ON CONFLICT(series_uid) DO UPDATE SET"
            " state='RECEIVING', calling_ae=excluded.calling_ae WHERE study_uid=excluded.study_uid",
            (
                identity.series_uid,
                identity.study_uid,
                identity.modality,
                own,
                arrival.calling_ae,
                self._group_uid(identity, own),
            ),
        )
        if series.rowcount == 0:
            return False
        db.execute(
            "INSERT INTO instance(sop_uid, series_uid, sha256, size, path, received_at) VALUES(?,?,?,?,?,?)"
            " ON CONFLICT(sop_uid) DO UPDATE SET revision=revision+(sha256<>excluded.sha256),"
            " sha256=excluded.sha256, size=excluded.size, path=excluded.path, received_at=excluded.received_at",
            (identity.sop_uid, identity.series_uid, *file, time.time()),
        )
        return True

    def _group_uid(self, identity: Identity, own: bool) -> str:
        """What the series is processed with: its study, or nothing else."""
        alone = self._group == "series" or reason_to_skip(identity.modality, own=own)
        return identity.series_uid if alone else identity.study_uid

    def _refuse(self, arrival: Arrival, sha256: str, reason: str) -> tuple[StoreStatus, str]:
        """Keep what was accepted, and note for the operator what was not, and why."""
        logger.warning("an object from %s is not accepted: %s", arrival.calling_ae, reason)
        with self._ledger.transaction() as db:
            db.execute(
                "INSERT INTO refusal VALUES(?,?,?,?,?) ON CONFLICT(sop_uid, sha256) DO UPDATE SET"
                " calling_ae=excluded.calling_ae, refused_at=excluded.refused_at, reason=excluded.reason",
                (arrival.sop_uid, sha256, arrival.calling_ae, time.time(), reason),
            )
        return StoreStatus.CONFLICT, ""


def _digest(arrival: Arrival) -> str:
    """Hash what the sender determines; the file meta information is ours."""
    digest = hashlib.sha256(arrival.transfer_syntax.encode() + b"\0")
    digest.update(arrival.encoded)
    return digest.hexdigest()
