"""The ledger: one SQLite file that says what was received, made and delivered, and survives a power cut."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from spine_segmentation.errors import UsageError

SCHEMA_VERSION = 5
"""Stored as ``user_version``; a ledger of a later version is not touched."""

_SCHEMA = """
CREATE TABLE instance(
    sop_uid TEXT PRIMARY KEY, series_uid TEXT NOT NULL, sha256 TEXT NOT NULL, size INTEGER NOT NULL,
    path TEXT, received_at REAL NOT NULL, revision INTEGER NOT NULL DEFAULT 1);
CREATE INDEX instance_of_series ON instance(series_uid);
CREATE TABLE series(
    series_uid TEXT PRIMARY KEY, study_uid TEXT NOT NULL, modality TEXT NOT NULL, own INTEGER NOT NULL,
    calling_ae TEXT NOT NULL, state TEXT NOT NULL CHECK(state IN ('RECEIVING', 'SETTLED')));
CREATE INDEX series_by_state ON series(state);
CREATE TABLE job(
    id INTEGER PRIMARY KEY, series_uid TEXT NOT NULL, content TEXT NOT NULL, model TEXT NOT NULL DEFAULT '',
    state TEXT NOT NULL CHECK(state IN ('READY', 'RUNNING', 'DONE', 'SKIPPED', 'FAILED', 'SUPERSEDED')),
    attempts INTEGER NOT NULL DEFAULT 0, interruptions INTEGER NOT NULL DEFAULT 0, reason TEXT NOT NULL DEFAULT '',
    created_at REAL NOT NULL, started_at REAL, finished_at REAL, purged INTEGER NOT NULL DEFAULT 0,
    UNIQUE(series_uid, content, model));
CREATE INDEX job_by_state ON job(state);
CREATE INDEX job_of_series ON job(series_uid);
CREATE TABLE result(
    sop_uid TEXT PRIMARY KEY, sop_class TEXT NOT NULL, result_series_uid TEXT NOT NULL,
    job_id INTEGER NOT NULL REFERENCES job(id), path TEXT, created_at REAL NOT NULL);
CREATE INDEX result_of_job ON result(job_id);
CREATE TABLE delivery(
    sop_uid TEXT NOT NULL REFERENCES result(sop_uid), destination TEXT NOT NULL,
    state TEXT NOT NULL CHECK(state IN ('PENDING', 'SENT', 'DELIVERED', 'DEAD', 'CANCELLED')),
    refusals INTEGER NOT NULL DEFAULT 0, reason TEXT NOT NULL DEFAULT '', sent_at REAL,
    PRIMARY KEY(sop_uid, destination));
CREATE INDEX delivery_by_state ON delivery(state, destination);
CREATE TABLE withdrawal(sop_uid TEXT PRIMARY KEY REFERENCES result(sop_uid));
CREATE TABLE refusal(sop_uid TEXT NOT NULL, sha256 TEXT NOT NULL, calling_ae TEXT NOT NULL, refused_at REAL NOT NULL);
"""
"""Version 1."""

_CHANGES = {
    2: """
CREATE TABLE commitment(
    transaction_uid TEXT PRIMARY KEY, destination TEXT NOT NULL, requested_at REAL NOT NULL);
""",
    3: """
ALTER TABLE series ADD COLUMN group_uid TEXT NOT NULL DEFAULT '';
UPDATE series SET group_uid=series_uid;
CREATE INDEX series_of_group ON series(group_uid);
CREATE VIEW group_job AS SELECT job.*, group_uid FROM job JOIN series USING(series_uid);
CREATE VIEW group_result AS SELECT result.*, group_uid FROM result JOIN group_job ON group_job.id=job_id;
""",
    4: """
ALTER TABLE refusal ADD COLUMN reason TEXT NOT NULL DEFAULT '';
DELETE FROM refusal WHERE rowid NOT IN (SELECT MAX(rowid) FROM refusal GROUP BY sop_uid, sha256);
CREATE UNIQUE INDEX refusal_of_object ON refusal(sop_uid, sha256);
CREATE INDEX refusal_by_reason ON refusal(reason);
CREATE INDEX job_by_end ON job(finished_at, id);
CREATE TABLE removed_destination(name TEXT PRIMARY KEY, noticed_at REAL NOT NULL);
""",
    5: """
ALTER TABLE result ADD COLUMN sha256 TEXT NOT NULL DEFAULT '';
""",
}
"""What later versions add."""


class Ledger:
    """A connection that all threads of a process share; other processes may have their own.

    Args:
        path: The SQLite file; created if need be.

    Raises:
        UsageError: If a later version of the program made it.
        sqlite3.Error: If it cannot be opened or is damaged.
    """

    def __init__(self, path: Path) -> None:
        self._lock = threading.RLock()
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=30.0)
        self._connection.row_factory = sqlite3.Row
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            self._connection.execute(f"PRAGMA {pragma}")
        self._prepare_schema()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Do everything in the block, durably, or nothing.

        Yields:
            The connection, already in a write transaction.
        """
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            finally:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")

    def rows(self, statement: str, *values: Any) -> list[sqlite3.Row]:  # noqa: ANN401
        """Run a query.

        Args:
            statement: SQL with ``?`` for the values.
            values: The values.

        Returns:
            All rows.
        """
        with self._lock:
            return self._connection.execute(statement, values).fetchall()

    def row(self, statement: str, *values: Any) -> sqlite3.Row | None:  # noqa: ANN401
        """Run a query of which at most the first row matters.

        Args:
            statement: SQL with ``?`` for the values.
            values: The values.

        Returns:
            The first row; None if there is none.
        """
        found = self.rows(statement, *values)
        return found[0] if found else None

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            self._connection.close()

    def _prepare_schema(self) -> None:
        with self.transaction() as db:
            version = db.execute("PRAGMA user_version").fetchone()[0]
            if version > SCHEMA_VERSION:
                raise UsageError(
                    f"a ledger of version {version}",
                    expected=f"version {SCHEMA_VERSION} or earlier",
                    remedy="run the program that made it, or a later one",
                )
            later = [script for number, script in _CHANGES.items() if number > version]
            for script in later if version else [_SCHEMA, *later]:
                for statement in filter(str.strip, script.split(";")):
                    db.execute(statement)
            db.execute(f"PRAGMA user_version={SCHEMA_VERSION}")
