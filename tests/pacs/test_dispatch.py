"""What becomes of a job that ends otherwise than with a result."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pydicom
import pytest

from spine_segmentation.pacs import dispatch, jobs
from spine_segmentation.pacs.config import Results
from spine_segmentation.pacs.dispatch import Dispatcher, wait_after
from spine_segmentation.pacs.worker import Worker
from tests.pacs.lab import make_series, wait_for
from tests.pacs.stand_in_service import WORKER
from tests.pacs.stand_in_worker import CRASH, DISK_FULL, UNWRITABLE
from tests.pacs.test_intake import Desk

MAX_ATTEMPTS = 2
Step = Callable[[], bool]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


@pytest.fixture
def make_dispatcher(desk: Desk) -> Iterator[Callable[..., Dispatcher]]:
    """Dispatchers with the stand-in worker, by how many attempts a job has."""
    made: list[Dispatcher] = []

    def make(max_attempts: int, min_free_bytes: int = 0) -> Dispatcher:
        worker = Worker([sys.executable, str(WORKER)], 60.0, threading.Event())
        made.append(
            Dispatcher(
                desk.spool,
                desk.ledger,
                worker,
                destinations=["archive"],
                results=Results(),
                max_attempts=max_attempts,
                min_free_bytes=min_free_bytes,
                previews=False,
            )
        )
        return made[-1]

    yield make
    for dispatcher in made:
        dispatcher.stop()


@pytest.fixture
def step(make_dispatcher: Callable[..., Dispatcher], monkeypatch: pytest.MonkeyPatch) -> Step:
    """Process the next job, without long waits."""
    monkeypatch.setattr(dispatch, "_LATER_SECONDS", 0.01)
    return make_dispatcher(MAX_ATTEMPTS).step


def receive(desk: Desk, folder: Path, command: int = 500) -> None:
    """One job: the image of a series commands the stand-in worker."""
    images = [pydicom.dcmread(path) for path in make_series(folder, images=3, command=command)]
    for image in images:
        desk.accept(image)
    jobs.settle(desk.ledger, images[0].SeriesInstanceUID)


def job(desk: Desk) -> tuple[str, int, str]:
    (row,) = desk.ledger.rows("SELECT state, attempts, reason FROM job")
    return row["state"], row["attempts"], row["reason"]


def test_what_can_never_be_written_fails_with_its_reason_and_waits_for_the_operator(
    desk: Desk, step: Step, tmp_path: Path
) -> None:
    receive(desk, tmp_path / "in", UNWRITABLE)
    wait_for(lambda: step() and job(desk)[0] == "FAILED", "not failed", 30)
    assert job(desk) == ("FAILED", MAX_ATTEMPTS, "OutputError: Expected: another. What to do: correct it.")
    assert jobs.retry(desk.ledger, 1)
    assert job(desk)[:2] == ("READY", 0)


def test_what_the_operator_retries_does_not_wait(
    desk: Desk, make_dispatcher: Callable[..., Dispatcher], tmp_path: Path
) -> None:
    receive(desk, tmp_path / "in", UNWRITABLE)
    dispatcher = make_dispatcher(1)
    for _ in range(2):
        assert dispatcher.step()
        assert job(desk)[0] == "FAILED"
        assert jobs.retry(desk.ledger, 1)


def test_a_full_disk_is_waited_for_without_an_attempt(desk: Desk, step: Step, tmp_path: Path) -> None:
    receive(desk, tmp_path / "in", DISK_FULL)
    rounds = iter(range(3 * MAX_ATTEMPTS))
    wait_for(lambda: step() and next(rounds, None) is None, "no rounds", 30)
    assert job(desk) == ("READY", 0, "DiskFull: Expected: space. What to do: wait.")


def test_a_worker_that_cannot_even_say_that_the_disk_is_full_costs_no_attempt(
    desk: Desk, make_dispatcher: Callable[..., Dispatcher], tmp_path: Path
) -> None:
    receive(desk, tmp_path / "in", CRASH)
    assert make_dispatcher(1, min_free_bytes=2**60).step()
    assert job(desk) == ("READY", 0, "the worker ended, and there is too little free space")
    assert make_dispatcher(1).step()
    assert job(desk)[0] == "FAILED"


def test_the_hash_of_a_result_is_kept(desk: Desk, step: Step, tmp_path: Path) -> None:
    receive(desk, tmp_path / "in")
    assert step()
    results = desk.ledger.rows("SELECT path, sha256 FROM result")
    assert results
    assert all(row["sha256"] == desk.spool.digest(row["path"]) for row in results)


def test_an_image_that_is_missing_from_the_spool_fails_its_job(desk: Desk, step: Step, tmp_path: Path) -> None:
    receive(desk, tmp_path / "in")
    desk.files()[0].unlink()
    wait_for(lambda: step() and job(desk)[0] == "FAILED", "not failed", 30)
    assert job(desk)[2] == "files cannot be read or written (No such file or directory)"


def test_waits_between_attempts_grow_to_a_bound() -> None:
    assert [wait_after(attempts) for attempts in range(5)] == [15, 60, 240, 960, 3600]
    assert wait_after(10_000) == 3600
