from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from spine_segmentation.errors import UsageError
from spine_segmentation.pacs.ledger import SCHEMA_VERSION, Ledger

INSERT = "INSERT INTO refusal VALUES('1.2', 'x', 'A', 0, 'why')"


def test_a_transaction_is_whole_or_nothing(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.sqlite")
    with pytest.raises(sqlite3.IntegrityError), ledger.transaction() as db:
        db.execute(INSERT)
        db.execute("INSERT INTO refusal VALUES(NULL, NULL, NULL, NULL, NULL)")
    assert ledger.rows("SELECT * FROM refusal") == []


def test_what_is_committed_is_there_for_another_process(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.sqlite")
    with ledger.transaction() as db:
        db.execute(INSERT)
    other = Ledger(tmp_path / "ledger.sqlite")
    assert len(other.rows("SELECT * FROM refusal")) == 1


def test_every_commit_waits_for_the_disk(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.sqlite")
    assert [ledger.rows(f"PRAGMA {name}")[0][0] for name in ("journal_mode", "synchronous")] == ["wal", 2]


def test_a_later_versions_ledger_is_left_alone(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.sqlite")
    with ledger.transaction() as db:
        db.execute(f"PRAGMA user_version={SCHEMA_VERSION + 1}")
    ledger.close()
    with pytest.raises(UsageError, match="version"):
        Ledger(tmp_path / "ledger.sqlite")


def test_an_earlier_versions_ledger_is_brought_up_to_date(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.sqlite")
    with ledger.transaction() as db:
        db.execute(INSERT)
        db.execute("INSERT INTO series VALUES('1.3', '1.2', 'MR', 0, 'A', 'SETTLED', '1.2')")
        for statement in ("DROP VIEW group_result", "DROP VIEW group_job", "DROP INDEX series_of_group",
                          "ALTER TABLE series DROP COLUMN group_uid", "DROP TABLE commitment",
                          "DROP INDEX refusal_by_reason", "DROP INDEX refusal_of_object",
                          "ALTER TABLE refusal DROP COLUMN reason", "ALTER TABLE result DROP COLUMN sha256",
                          "DROP INDEX job_by_end", "DROP TABLE removed_destination"):  # fmt: skip
            db.execute(statement)
        db.execute("INSERT INTO refusal SELECT * FROM refusal")  # earlier versions noted an object at each refusal
        db.execute("PRAGMA user_version=1")
    ledger.close()
    later = Ledger(tmp_path / "ledger.sqlite")
    assert later.rows("SELECT * FROM commitment") == []
    assert later.rows("SELECT group_uid FROM series")[0][0] == "1.3"
    assert later.rows("PRAGMA user_version")[0][0] == SCHEMA_VERSION
    assert len(later.rows("SELECT * FROM refusal")) == 1
