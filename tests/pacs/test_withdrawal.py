"""When a superseded result may go; that it does is asked of a real Orthanc in test_orthanc."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from spine_segmentation.pacs import config, jobs
from spine_segmentation.pacs.ledger import Ledger
from spine_segmentation.pacs.orthanc import OrthancClient
from spine_segmentation.pacs.withdrawal import Withdrawal
from tests.pacs.test_jobs import SERIES, receive, run, supersede
from tests.pacs.test_snapshot import ExplainedLedger


class Orthanc(OrthancClient):
    """Has every object, and notes which ones are deleted."""

    def __init__(self) -> None:
        self.deleted: list[str] = []

    def find_instances(self, sop_uid: str) -> Sequence[str]:
        return [sop_uid]

    def delete(self, path: str) -> None:
        self.deleted.append(path)


@pytest.mark.parametrize(
    ("states", "due"),
    [
        (("DELIVERED", "DELIVERED"), True),
        (("DELIVERED", "CANCELLED"), True),
        (("DELIVERED", "SENT"), False),
        (("CANCELLED", "CANCELLED"), False),
    ],
)
def test_a_delivery_that_was_given_up_does_not_keep_what_is_superseded(
    tmp_path: Path, states: tuple[str, str], due: bool
) -> None:
    ledger, orthanc = Ledger(tmp_path / "ledger.sqlite"), Orthanc()
    receive(ledger, 1)
    jobs.settle(ledger, SERIES)
    run(ledger)
    supersede(ledger)
    with ledger.transaction() as db:
        db.executemany(
            "UPDATE delivery SET state=? WHERE sop_uid='9.2' AND destination=?", zip(states, "ab", strict=True)
        )
    Withdrawal(ledger, orthanc).step()
    assert orthanc.deleted == (["/instances/9.1"] if due else [])


def test_what_is_due_is_found_without_a_walk_through_all_that_was_ever_delivered(tmp_path: Path) -> None:
    """With it, some thousand jobs held the ledger, and with it the receiver, for seconds, every five seconds."""
    ledger = ExplainedLedger(tmp_path / "ledger.sqlite")
    settings = config.Orthanc.model_validate({"url": "http://127.0.0.1:9", "modality": "spine"})
    Withdrawal(ledger, OrthancClient(settings)).step()
    steps = [step for plan in ledger.plans.values() for step in plan]
    assert any("delivery" in step for step in steps)
    assert [step for step in steps if step.startswith("SCAN") or "delivery_by_state" in step] == []
