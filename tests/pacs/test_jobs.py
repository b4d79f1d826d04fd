from __future__ import annotations

import time
from pathlib import Path

import pytest

from spine_segmentation.pacs import deliveries, jobs
from spine_segmentation.pacs.claims import claim as claim_batch
from spine_segmentation.pacs.jobs import Job, ResultObject
from spine_segmentation.pacs.ledger import Ledger
from spine_segmentation.pacs.retention import Retention, purge
from spine_segmentation.pacs.spool import Spool

SERIES = "1.2.3"
MAX_ATTEMPTS = 3


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "ledger.sqlite")


def receive(
    ledger: Ledger, number: int, *, series: str = SERIES, modality: str = "MR", own: bool = False, group: str = ""
) -> None:
    with ledger.transaction() as db:
        db.execute(
            "INSERT INTO instance(sop_uid, series_uid, sha256, size, path, received_at) VALUES(?,?,?,1,?,0)",
            (f"{series}.{number}", series, f"{number}", f"inbox/{series}/{number}"),
        )
        db.execute(
            "INSERT OR REPLACE INTO series VALUES(?,'1.2',?,?,'A','RECEIVING',?)",
            (series, modality, own, group or series),
        )


def claim(ledger: Ledger, model: str = "m1") -> Job | None:
    """The only job of the next batch."""
    batch = claim_batch(ledger, model, MAX_ATTEMPTS)
    if batch is None:
        return None
    (job,) = batch.jobs
    return job


def run(ledger: Ledger, model: str = "m1", uid: str = "9.1") -> Job:
    job = claim(ledger, model)
    assert job is not None
    assert jobs.finish(ledger, job, [ResultObject(uid, "sc", f"{uid}.0", f"results/{uid}/x")], ["a", "b"])
    return job


def states(ledger: Ledger) -> list[str]:
    return [row["state"] for row in ledger.rows("SELECT state FROM job ORDER BY id")]


def test_a_series_makes_one_job_however_often_it_settles(ledger: Ledger) -> None:
    receive(ledger, 1)
    for _ in range(3):
        jobs.settle(ledger, SERIES)
    assert states(ledger) == ["READY"]


def test_a_finished_series_is_delivered_everywhere_once(ledger: Ledger) -> None:
    receive(ledger, 1)
    jobs.settle(ledger, SERIES)
    run(ledger)
    assert [len(deliveries.pending(ledger, name, 10)) for name in ("a", "b", "c")] == [1, 1, 0]
    jobs.settle(ledger, SERIES)
    assert states(ledger) == ["DONE"]


def test_a_new_model_does_not_process_history(ledger: Ledger) -> None:
    receive(ledger, 1)
    jobs.settle(ledger, SERIES)
    run(ledger, "m1")
    jobs.settle(ledger, SERIES)
    assert claim(ledger, "m2") is None


def test_an_operator_may_have_history_processed_by_a_new_model(ledger: Ledger) -> None:
    receive(ledger, 1)
    jobs.settle(ledger, SERIES)
    first = run(ledger, "m1")
    assert jobs.retry(ledger, first.id)
    assert claim(ledger, "m1") is None, "the same model would give the same result"
    assert jobs.retry(ledger, first.id)
    second = run(ledger, "m2", uid="9.2")
    assert (second.version, second.predecessors) == (2, ("9.1.0",))
    assert states(ledger)[0] == "SUPERSEDED"
    assert not jobs.retry(ledger, first.id), "its results are published, and the later ones stand for them"


def test_a_late_image_before_its_turn_replaces_the_job(ledger: Ledger) -> None:
    receive(ledger, 1)
    jobs.settle(ledger, SERIES)
    receive(ledger, 2)
    jobs.settle(ledger, SERIES)
    assert states(ledger) == ["SUPERSEDED", "READY"]
    batch = claim_batch(ledger, "m1", MAX_ATTEMPTS)
    assert batch is not None
    assert [len(images) for images in batch.series.values()] == [2]
    assert [job.version for job in batch.jobs] == [1]


def test_a_late_image_during_processing_discards_the_result(ledger: Ledger) -> None:
    receive(ledger, 1)
    jobs.settle(ledger, SERIES)
    job = claim(ledger, "m1")
    assert job is not None
    receive(ledger, 2)
    assert not jobs.finish(ledger, job, [ResultObject("9.1", "sc", "9", "x")], ["a"])
    assert deliveries.pending(ledger, "a", 10) == []
    jobs.settle(ledger, SERIES)
    assert run(ledger).version == 1


def test_a_late_image_after_delivery_makes_version_two(ledger: Ledger) -> None:
    receive(ledger, 1)
    jobs.settle(ledger, SERIES)
    run(ledger)
    deliveries.mark_stored(ledger, "a", "9.1", awaits_commitment=False)
    receive(ledger, 2)
    jobs.settle(ledger, SERIES)
    job = run(ledger, uid="9.2")
    assert (job.version, job.predecessors) == (2, ("9.1.0",))
    kept = {row["destination"]: row["state"] for row in ledger.rows("SELECT * FROM delivery WHERE sop_uid='9.1'")}
    assert kept == {"a": "DELIVERED", "b": "CANCELLED"}


def supersede(ledger: Ledger) -> None:
    receive(ledger, 2)
    jobs.settle(ledger, SERIES)
    run(ledger, uid="9.2")


def delivery_state(ledger: Ledger, sop_uid: str) -> str:
    (row,) = ledger.rows("SELECT state FROM delivery WHERE sop_uid=? AND destination='a'", sop_uid)
    return str(row["state"])


def test_a_superseded_result_that_is_not_committed_is_not_sent_again(ledger: Ledger) -> None:
    receive(ledger, 1)
    jobs.settle(ledger, SERIES)
    run(ledger)
    deliveries.mark_stored(ledger, "a", "9.1", awaits_commitment=True)
    supersede(ledger)
    assert delivery_state(ledger, "9.1") == "SENT"
    for uid in ("9.1", "9.2"):
        deliveries.mark_refused(ledger, "a", uid, "not committed", 3)
    assert (delivery_state(ledger, "9.1"), delivery_state(ledger, "9.2")) == ("CANCELLED", "PENDING")


@pytest.mark.parametrize("awaits_commitment", [False, True])
def test_a_result_that_is_superseded_while_it_is_sent_stays_cancelled(
    ledger: Ledger, *, awaits_commitment: bool
) -> None:
    receive(ledger, 1)
    jobs.settle(ledger, SERIES)
    run(ledger)
    supersede(ledger)
    for uid in ("9.1", "9.2"):
        deliveries.mark_stored(ledger, "a", uid, awaits_commitment=awaits_commitment)
    stored = "SENT" if awaits_commitment else "DELIVERED"
    assert (delivery_state(ledger, "9.1"), delivery_state(ledger, "9.2")) == ("CANCELLED", stored)


def test_own_results_and_other_modalities_are_skipped(ledger: Ledger) -> None:
    receive(ledger, 1, series="1.1", own=True)
    receive(ledger, 1, series="1.2", modality="CT")
    for series in ("1.1", "1.2"):
        jobs.settle(ledger, series)
    assert [row["reason"] for row in ledger.rows("SELECT reason FROM job ORDER BY id")] == [
        "a result of this program",
        "its modality is CT, not MR",
    ]
    assert claim(ledger, "m") is None


def test_crashes_are_counted_and_the_last_one_is_final(ledger: Ledger) -> None:
    receive(ledger, 1)
    jobs.settle(ledger, SERIES)
    for expected in ("READY", "READY", "FAILED"):
        job = claim(ledger, "m")
        assert job is not None
        jobs.give_back(ledger, job.id, "crash", crashed=True, max_attempts=MAX_ATTEMPTS)
        assert states(ledger) == [expected]
    assert jobs.retry(ledger, 1)
    assert claim(ledger, "m") is not None


def test_a_killed_service_does_not_count_as_a_crash_of_the_job(ledger: Ledger) -> None:
    receive(ledger, 1)
    jobs.settle(ledger, SERIES)
    for _ in range(20):
        assert claim(ledger, "m") is not None
        jobs.recover(ledger)
    assert states(ledger) == ["READY"]
    for _ in range(jobs.MAX_INTERRUPTIONS):
        claim(ledger, "m")
        jobs.recover(ledger)
    assert states(ledger) == ["FAILED"]


def test_a_dead_letter_waits_for_the_operator(ledger: Ledger) -> None:
    receive(ledger, 1)
    jobs.settle(ledger, SERIES)
    run(ledger)
    for _ in range(3):
        deliveries.mark_refused(ledger, "a", "9.1", "status 0xC000", 3)
    assert deliveries.pending(ledger, "a", 10) == []
    assert deliveries.resubmit(ledger, 1) == 1
    assert len(deliveries.pending(ledger, "a", 10)) == 1


@pytest.mark.parametrize("state", ["PENDING", "SENT", "DEAD"])
def test_nothing_is_deleted_before_delivery(ledger: Ledger, tmp_path: Path, state: str) -> None:
    receive(ledger, 1)
    jobs.settle(ledger, SERIES)
    run(ledger)
    with ledger.transaction() as db:
        db.execute("UPDATE delivery SET state='DELIVERED'")
        db.execute("UPDATE delivery SET state=? WHERE destination='b'", (state,))
    spool = Spool(tmp_path / "spool")
    Retention(ledger, spool, -1.0).step()
    assert not purge(ledger, spool, SERIES)
    assert ledger.rows("SELECT purged FROM job")[0]["purged"] == 0
    assert purge(ledger, spool, SERIES, undelivered=True)


def test_finished_work_is_deleted_in_time_and_remembered(ledger: Ledger, tmp_path: Path) -> None:
    receive(ledger, 1)
    jobs.settle(ledger, SERIES)
    run(ledger)
    with ledger.transaction() as db:
        db.execute("UPDATE delivery SET state='DELIVERED'")
    spool = Spool(tmp_path / "spool")
    Retention(ledger, spool, 3600.0).step()
    assert ledger.rows("SELECT path FROM instance")[0]["path"] is not None
    Retention(ledger, spool, -1.0).step()
    assert ledger.rows("SELECT path FROM instance")[0]["path"] is None
    assert not jobs.retry(ledger, 1)


def test_a_failed_job_is_kept_for_the_operator(ledger: Ledger, tmp_path: Path) -> None:
    receive(ledger, 1)
    jobs.settle(ledger, SERIES)
    job = claim(ledger, "m")
    assert job is not None
    jobs.end(ledger, job.id, "FAILED", "MissingSlice")
    Retention(ledger, Spool(tmp_path / "spool"), -1.0).step()
    assert ledger.rows("SELECT purged FROM job")[0]["purged"] == 0


def test_a_failed_job_that_a_late_image_has_made_up_for_is_deleted_in_time(ledger: Ledger, tmp_path: Path) -> None:
    receive(ledger, 1)
    jobs.settle(ledger, SERIES)
    job = claim(ledger)
    assert job is not None
    jobs.end(ledger, job.id, "FAILED", "MissingSlice")
    receive(ledger, 2)
    jobs.settle(ledger, SERIES)
    run(ledger)
    with ledger.transaction() as db:
        db.execute("UPDATE delivery SET state='DELIVERED'")
    Retention(ledger, Spool(tmp_path / "spool"), -1.0).step()
    assert ledger.row("SELECT 1 FROM instance WHERE path IS NOT NULL") is None


def test_a_late_image_of_a_deleted_series_is_not_taken_for_the_whole(ledger: Ledger) -> None:
    receive(ledger, 1)
    jobs.settle(ledger, SERIES)
    run(ledger)
    with ledger.transaction() as db:
        db.execute("UPDATE instance SET path=NULL")
    receive(ledger, 2)
    jobs.settle(ledger, SERIES)
    assert states(ledger) == ["DONE", "FAILED"]
    with ledger.transaction() as db:
        db.execute("UPDATE instance SET path='again'")
    jobs.settle(ledger, SERIES)
    assert states(ledger) == ["DONE", "FAILED", "READY"]


def test_images_that_come_again_after_their_deletion_make_no_job_and_are_deleted_again(
    ledger: Ledger, tmp_path: Path
) -> None:
    receive(ledger, 1)
    receive(ledger, 2)
    jobs.settle(ledger, SERIES)
    run(ledger)
    with ledger.transaction() as db:
        db.execute("UPDATE delivery SET state='DELIVERED'")
    spool = Spool(tmp_path / "spool")
    Retention(ledger, spool, -1.0).step()
    with ledger.transaction() as db:
        db.execute("UPDATE instance SET path='again' WHERE sop_uid=?", (f"{SERIES}.1",))
        db.execute("UPDATE series SET state='RECEIVING'")
    jobs.settle(ledger, SERIES)
    assert states(ledger) == ["DONE"]
    Retention(ledger, spool, 3600.0).step()
    assert ledger.row("SELECT 1 FROM instance WHERE path IS NOT NULL") is not None
    Retention(ledger, spool, -1.0).step()
    assert ledger.row("SELECT 1 FROM instance WHERE path IS NOT NULL") is None


def test_old_refusals_are_forgotten(ledger: Ledger, tmp_path: Path) -> None:
    with ledger.transaction() as db:
        db.executemany(
            "INSERT INTO refusal VALUES('1.2', ?, 'A', ?, 'why')",
            [(f"{age}", time.time() - age) for age in (7200, 60)],
        )
    Retention(ledger, Spool(tmp_path / "spool"), 3600.0).step()
    (row,) = ledger.rows("SELECT refused_at FROM refusal")
    assert time.time() - row["refused_at"] < 3600


class Clock:
    """The machine's clock, and the monotonic one."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.wall, self.monotonic = time.time(), time.monotonic()
        monkeypatch.setattr("time.time", lambda: self.wall)
        monkeypatch.setattr("time.monotonic", lambda: self.monotonic)

    def go_on(self, seconds: float) -> None:
        self.wall += seconds
        self.monotonic += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


HOUR, YEARS = 3600.0, 10 * 365 * 86400.0


def finish_delivered(ledger: Ledger) -> None:
    """Finish a series that destination a has; b is to commit to it."""
    receive(ledger, 1)
    jobs.settle(ledger, SERIES)
    run(ledger)
    deliveries.mark_stored(ledger, "a", "9.1", awaits_commitment=False)
    deliveries.mark_stored(ledger, "b", "9.1", awaits_commitment=True)


def is_deleted(ledger: Ledger) -> bool:
    return ledger.row("SELECT 1 FROM instance WHERE path IS NOT NULL") is None


def test_a_clock_that_was_ahead_delays_no_deletion_beyond_its_time(
    ledger: Ledger, tmp_path: Path, clock: Clock
) -> None:
    finish_delivered(ledger)
    clock.wall -= YEARS
    retention = Retention(ledger, Spool(tmp_path / "spool"), HOUR)
    clock.go_on(HOUR)
    for deleted in (False, True):  # its time begins now
        deliveries.waive_old(ledger, "b", HOUR)
        retention.step()
        assert is_deleted(ledger) is deleted
        clock.go_on(HOUR + 1)


def test_a_clock_that_starts_in_the_past_and_is_set_right_ends_no_time_early(
    ledger: Ledger, tmp_path: Path, clock: Clock
) -> None:
    finish_delivered(ledger)
    clock.wall -= YEARS
    retention = Retention(ledger, Spool(tmp_path / "spool"), HOUR)
    retention.step()
    clock.wall += YEARS
    deliveries.waive_old(ledger, "b", HOUR)
    retention.step()
    assert ledger.rows("SELECT state FROM delivery WHERE destination='b'")[0]["state"] == "SENT"
    assert not is_deleted(ledger)
