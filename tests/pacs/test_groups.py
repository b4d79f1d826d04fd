"""Series that are named together: their jobs come together, and whatever changes one of them concerns them all."""

from __future__ import annotations

from pathlib import Path

import pydicom
import pytest

from spine_segmentation.pacs import config, jobs
from spine_segmentation.pacs.activity import Activity
from spine_segmentation.pacs.claims import Batch, claim
from spine_segmentation.pacs.jobs import ResultObject
from spine_segmentation.pacs.ledger import Ledger
from spine_segmentation.pacs.readiness import Readiness
from spine_segmentation.pacs.retention import Retention, purge, readmit
from spine_segmentation.pacs.spool import Spool
from spine_segmentation.pacs.statuses import StoreStatus
from tests.pacs.lab import make_series
from tests.pacs.test_intake import Desk
from tests.pacs.test_jobs import MAX_ATTEMPTS, receive

STUDY, T1W, T2W, LATE = "1.9", "1.9.1", "1.9.2", "1.9.3"


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    """Two series of one study, complete."""
    ledger = Ledger(tmp_path / "ledger.sqlite")
    arrive(ledger, T2W, T1W)
    return ledger


def arrive(ledger: Ledger, *series: str, number: int = 1) -> None:
    for uid in series:
        receive(ledger, number, series=uid, group=STUDY)
    jobs.settle(ledger, STUDY)


def take(ledger: Ledger, model: str = "m1") -> Batch:
    batch = claim(ledger, model, MAX_ATTEMPTS)
    assert batch is not None
    return batch


def process(ledger: Ledger, model: str = "m1") -> dict[str, int]:
    """Finish the next batch; the versions made, by series."""
    batch = take(ledger, model)
    for job in batch.jobs:
        result = ResultObject(f"9.{job.id}", "sc", f"9.{job.id}.0", f"results/{job.id}/x")
        assert jobs.finish(ledger, job, [result], [])
    return {job.series_uid: job.version for job in batch.jobs}


def states(ledger: Ledger, series_uid: str) -> list[str]:
    rows = ledger.rows("SELECT state FROM job WHERE series_uid=? ORDER BY id", series_uid)
    return [row["state"] for row in rows]


def test_the_series_of_a_study_are_processed_together(ledger: Ledger) -> None:
    batch = take(ledger)
    assert {job.series_uid for job in batch.jobs} == set(batch.series) == {T1W, T2W}
    assert list(batch.series) == sorted(batch.series), "the numbering must not depend on the order of arrival"
    assert claim(ledger, "m1", MAX_ATTEMPTS) is None


def test_a_late_image_of_one_makes_a_version_of_all(ledger: Ledger) -> None:
    assert process(ledger) == {T1W: 1, T2W: 1}
    arrive(ledger, T1W, number=2)
    assert process(ledger) == {T1W: 2, T2W: 2}
    assert states(ledger, T2W) == ["SUPERSEDED", "DONE"]


def test_a_late_image_during_processing_discards_the_results_of_all(ledger: Ledger) -> None:
    batch = take(ledger)
    receive(ledger, 1, series=LATE, group=STUDY)
    assert not any(jobs.finish(ledger, job, [], []) for job in batch.jobs)
    jobs.settle(ledger, STUDY)
    assert process(ledger) == {T1W: 1, T2W: 1, LATE: 1}


def test_a_series_that_is_processed_later_is_named_with_those_that_are_done(ledger: Ledger) -> None:
    first, second = take(ledger).jobs
    jobs.finish(ledger, first, [ResultObject("9.1", "sc", "9", "results/x/y")], [])
    jobs.give_back(ledger, second.id, "no space", crashed=False, max_attempts=MAX_ATTEMPTS)
    batch = take(ledger)
    assert [job.series_uid for job in batch.jobs] == [second.series_uid]
    assert set(batch.series) == {T1W, T2W}


def test_the_last_attempt_is_made_apart(ledger: Ledger) -> None:
    for _ in range(MAX_ATTEMPTS - 1):
        for job in take(ledger).jobs:
            jobs.give_back(ledger, job.id, "crash", crashed=True, max_attempts=MAX_ATTEMPTS)
    for _ in range(2):
        batch = take(ledger)
        (job,) = batch.jobs
        assert job.apart
        assert list(batch.series) == [job.series_uid]


def test_a_new_model_names_the_whole_study(ledger: Ledger) -> None:
    process(ledger)
    assert jobs.retry(ledger, 1)
    assert process(ledger, "m2") == {T1W: 2, T2W: 2}


def test_a_failed_series_is_tried_again_by_itself(ledger: Ledger) -> None:
    first, second = take(ledger).jobs
    jobs.end(ledger, first.id, "FAILED", "MissingSlice")
    jobs.finish(ledger, second, [ResultObject("9.1", "sc", "9", "results/x/y")], [])
    assert jobs.retry(ledger, first.id)
    assert process(ledger) == {first.series_uid: 1}
    assert states(ledger, second.series_uid) == ["DONE", "SKIPPED"], "the same model has processed it already"


def test_images_are_kept_as_long_as_one_series_of_the_study_needs_them(ledger: Ledger, tmp_path: Path) -> None:
    first, second = take(ledger).jobs
    jobs.end(ledger, first.id, "FAILED", "MissingSlice")
    jobs.finish(ledger, second, [], [])
    retention = Retention(ledger, Spool(tmp_path / "spool"), -1.0)
    retention.step()
    assert ledger.row("SELECT 1 FROM instance WHERE path IS NULL") is None
    jobs.retry(ledger, first.id)
    process(ledger)
    retention.step()
    assert ledger.row("SELECT 1 FROM instance WHERE path IS NOT NULL") is None


def test_a_series_that_comes_after_the_others_are_deleted_leaves_their_results_alone(
    ledger: Ledger, tmp_path: Path
) -> None:
    process(ledger)
    Retention(ledger, Spool(tmp_path / "spool"), -1.0).step()
    arrive(ledger, LATE)
    assert process(ledger) == {LATE: 1}
    assert states(ledger, T1W) == states(ledger, T2W) == ["DONE"]


def test_a_readmitted_series_that_comes_without_the_others_is_processed_alone(ledger: Ledger, tmp_path: Path) -> None:
    process(ledger)
    spool = Spool(tmp_path / "spool")
    assert purge(ledger, spool, STUDY)
    assert readmit(ledger, spool, STUDY) == 2
    arrive(ledger, T1W)
    assert process(ledger) == {T1W: 2}
    assert states(ledger, T2W) == ["DONE"], "nothing came of it"


def test_a_job_without_images_does_not_hold_up_the_others(ledger: Ledger) -> None:
    with ledger.transaction() as db:
        db.execute("DELETE FROM instance WHERE series_uid=?", (T2W,))
    batch = take(ledger)
    assert [job.series_uid for job in batch.jobs] == list(batch.series) == [T1W]
    assert states(ledger, T2W) == ["SKIPPED"]


def test_a_study_is_complete_when_all_its_series_are_quiet(tmp_path: Path) -> None:
    now = 0.0
    ledger, activity = Ledger(tmp_path / "ledger.sqlite"), Activity(lambda: now)
    readiness = Readiness(config.Readiness(group="study", quiet_seconds=10.0), ledger, activity, "US")
    for uid in (T1W, T2W):
        receive(ledger, 1, series=uid, group=STUDY)
        activity.touch(1, uid)
        activity.close(1)
        now += 6.0
    readiness.step()
    assert states(ledger, T1W) == states(ledger, T2W) == []
    now += 6.0
    readiness.step()
    assert states(ledger, T1W) == states(ledger, T2W) == ["READY"]


@pytest.mark.parametrize(
    ("header", "together"),
    [({}, True), ({"Modality": "CT"}, False), ({"Manufacturer": "spine-segmentation", "SOPClassUID": "1.2"}, False)],
    ids=["MR", "CT", "a result of ours"],
)
def test_only_mr_images_belong_to_the_group_of_their_study(
    tmp_path: Path, header: dict[str, str], together: bool
) -> None:
    desk = Desk(tmp_path, group="study")
    image = pydicom.dcmread(make_series(tmp_path / "in", images=1, **header)[0])
    assert desk.accept(image) is StoreStatus.SUCCESS
    (row,) = desk.ledger.rows("SELECT * FROM series")
    assert row["group_uid"] == (image.StudyInstanceUID if together else image.SeriesInstanceUID)
