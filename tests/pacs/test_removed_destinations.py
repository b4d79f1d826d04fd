"""What becomes of results whose destination the configuration no longer names."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from spine_segmentation.pacs import deliveries, jobs
from spine_segmentation.pacs.ledger import Ledger
from spine_segmentation.pacs.removed_destinations import RemovedDestinations
from spine_segmentation.pacs.retention import Retention
from spine_segmentation.pacs.spool import Spool
from tests.pacs.test_jobs import SERIES, receive, run

AT_ONCE, LATER = -1.0, 3600.0


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    """A result that destination a has, and b does not."""
    ledger = Ledger(tmp_path / "ledger.sqlite")
    receive(ledger, 1)
    jobs.settle(ledger, SERIES)
    run(ledger)
    deliveries.mark_stored(ledger, "a", "9.1", awaits_commitment=False)
    return ledger


def set_state(ledger: Ledger, state: str) -> None:
    with ledger.transaction() as db:
        db.execute("UPDATE delivery SET state=? WHERE destination='b'", (state,))


def outcome(ledger: Ledger) -> tuple[str, str]:
    (row,) = ledger.rows("SELECT state, reason FROM delivery WHERE destination='b'")
    return row["state"], row["reason"]


@pytest.mark.parametrize("state", ["PENDING", "SENT", "DEAD"])
def test_its_deliveries_are_cancelled_in_time_and_the_result_is_deleted(
    ledger: Ledger, tmp_path: Path, caplog: pytest.LogCaptureFixture, state: str
) -> None:
    set_state(ledger, state)
    with caplog.at_level(logging.WARNING):
        RemovedDestinations(ledger, ["a"], AT_ONCE).step()
    assert outcome(ledger) == ("CANCELLED", "destination removed from the configuration")
    assert "b is not in the configuration" in caplog.text
    Retention(ledger, Spool(tmp_path / "spool"), AT_ONCE).step()
    assert ledger.row("SELECT 1 FROM result WHERE path IS NOT NULL") is None


def test_a_destination_that_is_back_in_time_gets_what_it_lacks(ledger: Ledger) -> None:
    RemovedDestinations(ledger, ["a"], LATER).step()
    RemovedDestinations(ledger, ["a", "b"], AT_ONCE).step()
    assert len(deliveries.pending(ledger, "b", 10)) == 1
    RemovedDestinations(ledger, ["a"], LATER).step()
    assert outcome(ledger)[0] == "PENDING", "its time begins anew"


def test_what_is_delivered_stays_so(ledger: Ledger) -> None:
    RemovedDestinations(ledger, ["b"], AT_ONCE).step()
    assert ledger.row("SELECT 1 FROM removed_destination") is None
    assert ledger.row("SELECT state FROM delivery WHERE destination='a'")["state"] == "DELIVERED"  # type: ignore[index]
