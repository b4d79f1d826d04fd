"""What monitoring costs: it comes every few seconds, and the ledger keeps its rows for years."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

from spine_segmentation.pacs import jobs
from spine_segmentation.pacs.ledger import Ledger
from spine_segmentation.pacs.snapshot import take_snapshot
from tests.pacs.test_jobs import SERIES, receive, run


class ExplainedLedger(Ledger):
    """Notes how SQLite goes about every query."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.plans: dict[str, list[str]] = {}

    def rows(self, statement: str, *values: Any) -> list[sqlite3.Row]:
        self.plans[statement] = [row["detail"] for row in super().rows(f"EXPLAIN QUERY PLAN {statement}", *values)]
        return super().rows(statement, *values)


def test_a_snapshot_sorts_nothing_and_walks_through_no_table(tmp_path: Path) -> None:
    ledger = ExplainedLedger(tmp_path / "ledger.sqlite")
    receive(ledger, 1)
    jobs.settle(ledger, SERIES)
    run(ledger)
    (last,) = take_snapshot(ledger, None).runs
    assert last.state == "DONE"
    steps = [step for plan in ledger.plans.values() for step in plan]
    assert len(ledger.plans) >= 6
    assert [step for step in steps if "TEMP B-TREE" in step] == []
    assert [step for step in steps if step.startswith("SCAN") and "COVERING INDEX" not in step] == []


def test_a_job_that_is_tried_again_waits_from_then_on(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.sqlite")
    receive(ledger, 1)
    jobs.settle(ledger, SERIES)
    jobs.end(ledger, 1, "FAILED", "MissingSlice")
    with ledger.transaction() as db:
        db.execute("UPDATE job SET created_at=0")
    assert jobs.retry(ledger, 1)
    snapshot = take_snapshot(ledger, None)
    assert snapshot.oldest_waiting_seconds < 3600
    assert snapshot.runs == ()


def test_the_last_runs_come_latest_first(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.sqlite")
    for number in range(30):
        receive(ledger, 1, series=f"1.5.{number}")
        jobs.settle(ledger, f"1.5.{number}")
        run(ledger, uid=f"9.{number}")
    assert [one.job_id for one in take_snapshot(ledger, None).runs] == list(range(30, 10, -1))
