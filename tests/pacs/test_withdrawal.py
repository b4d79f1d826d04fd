"""When a superseded result may go; that it does is asked of a real Orthanc in test_orthanc."""

from __future__ import annotations

from pathlib import Path

from spine_segmentation.pacs import config
from spine_segmentation.pacs.orthanc import OrthancClient
from spine_segmentation.pacs.withdrawal import Withdrawal
from tests.pacs.test_snapshot import ExplainedLedger


def test_what_is_due_is_found_without_a_walk_through_all_that_was_ever_delivered(tmp_path: Path) -> None:
    """With it, some thousand jobs held the ledger, and with it the receiver, for seconds, every five seconds."""
    ledger = ExplainedLedger(tmp_path / "ledger.sqlite")
    settings = config.Orthanc.model_validate({"url": "http://127.0.0.1:9", "modality": "spine"})
    Withdrawal(ledger, OrthancClient(settings)).step()
    steps = [step for plan in ledger.plans.values() for step in plan]
    assert any("delivery" in step for step in steps)
    assert [step for step in steps if step.startswith("SCAN") or "delivery_by_state" in step] == []
