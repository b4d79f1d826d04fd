"""A correction that comes after the images were deleted."""

from __future__ import annotations

from pathlib import Path

import pydicom
import pytest
from pydicom import Dataset

from spine_segmentation.errors import UsageError
from spine_segmentation.pacs import jobs
from spine_segmentation.pacs.claims import claim
from spine_segmentation.pacs.jobs import Job, ResultObject
from spine_segmentation.pacs.retention import purge, readmit
from spine_segmentation.pacs.statuses import StoreStatus
from tests.pacs.lab import make_series
from tests.pacs.test_commands import Desk as OperatorsDesk
from tests.pacs.test_intake import SUCCESS, Desk

MAX_ATTEMPTS = 3


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


@pytest.fixture
def images(desk: Desk, tmp_path: Path) -> list[Dataset]:
    """The corrected images of a series whose first ones were processed and deleted."""
    images = [pydicom.dcmread(path) for path in make_series(tmp_path / "in", images=3)]
    assert [desk.accept(image) for image in images] == [SUCCESS] * 3
    jobs.settle(desk.ledger, images[0].SeriesInstanceUID)
    batch = claim(desk.ledger, "m", MAX_ATTEMPTS)
    assert batch is not None
    assert jobs.finish(desk.ledger, batch.jobs[0], [ResultObject("9.1", "sc", "9.1.0", "results/job-1/x")], [])
    assert purge(desk.ledger, desk.spool, images[0].SeriesInstanceUID)
    for image in images:
        image.PatientName = "Right^Name"
    return images


def test_it_is_refused_and_the_reason_says_what_lets_it_come(desk: Desk, images: list[Dataset]) -> None:
    assert desk.accept(images[0]) is StoreStatus.CONFLICT
    ((reason,),) = desk.ledger.rows("SELECT reason FROM refusal")
    assert "'queue readmit'" in reason


def test_readmitted_images_make_a_version_that_names_the_earlier_one(desk: Desk, images: list[Dataset]) -> None:
    series_uid = images[0].SeriesInstanceUID
    assert readmit(desk.ledger, desk.spool, series_uid) == 3
    assert [desk.accept(image) for image in images] == [SUCCESS] * 3
    jobs.settle(desk.ledger, series_uid)
    assert readmit(desk.ledger, desk.spool, series_uid) == 0, "a job of it waits"
    batch = claim(desk.ledger, "m", MAX_ATTEMPTS)
    assert batch is not None
    (job,) = batch.jobs
    assert (job.version, job.predecessors) == (2, ("9.1.0",))
    assert len(batch.series[series_uid]) == 3


def test_the_same_images_again_make_no_job(desk: Desk, images: list[Dataset]) -> None:
    readmit(desk.ledger, desk.spool, images[0].SeriesInstanceUID)
    for image in images:
        image.PatientName = "Doe^Jane"
        assert desk.accept(image) is SUCCESS
    jobs.settle(desk.ledger, images[0].SeriesInstanceUID)
    assert claim(desk.ledger, "m", MAX_ATTEMPTS) is None


def test_an_image_that_is_missing_from_the_spool_is_readmitted_as_well(desk: Desk, images: list[Dataset]) -> None:
    series_uid = images[0].SeriesInstanceUID
    for image in images:
        image.PatientName = "Doe^Jane"
        assert desk.accept(image) is SUCCESS
    images[0].PatientName = "Right^Name"
    desk.spool.remove([desk.row()["path"]])
    assert desk.accept(images[0]) is StoreStatus.CONFLICT
    ((reason,),) = desk.ledger.rows("SELECT reason FROM refusal")
    assert "'queue readmit'" in reason
    assert readmit(desk.ledger, desk.spool, series_uid) == 1
    assert desk.accept(images[0]) is SUCCESS


def finish(desk: Desk, series_uid: str) -> Job:
    """Finish the only job; its result is named by its version."""
    jobs.settle(desk.ledger, series_uid)
    batch = claim(desk.ledger, "m", MAX_ATTEMPTS)
    assert batch is not None
    (job,) = batch.jobs
    uid = f"9.{job.version}"
    assert jobs.finish(desk.ledger, job, [ResultObject(uid, "sc", f"{uid}.0", f"results/job-{job.id}/x")], [])
    return job


@pytest.mark.parametrize("repeated", [False, True], ids=["first", "first, and once more in vain"])
def test_the_first_images_make_a_version_again_after_a_wrong_correction(
    desk: Desk, images: list[Dataset], repeated: bool
) -> None:
    series_uid = images[0].SeriesInstanceUID
    if repeated:
        with desk.ledger.transaction() as db:
            db.execute("UPDATE instance SET path='again'")
        assert jobs.retry(desk.ledger, 1)
        assert claim(desk.ledger, "m", MAX_ATTEMPTS) is None
    for name, version in (("Wrong^Name", 2), ("Doe^Jane", 3)):
        purge(desk.ledger, desk.spool, series_uid)
        readmit(desk.ledger, desk.spool, series_uid)
        for image in images:
            image.PatientName = name
            assert desk.accept(image) is SUCCESS
        job = finish(desk, series_uid)
        assert (job.version, job.predecessors) == (version, (f"9.{version - 1}.0",))


def test_the_right_images_make_a_version_without_a_wrong_late_one(desk: Desk, images: list[Dataset]) -> None:
    series_uid = images[0].SeriesInstanceUID
    readmit(desk.ledger, desk.spool, series_uid)
    assert [desk.accept(image) for image in images[:2]] == [SUCCESS] * 2
    assert finish(desk, series_uid).version == 2
    assert desk.accept(images[2]) is SUCCESS
    assert finish(desk, series_uid).version == 3
    purge(desk.ledger, desk.spool, series_uid)
    readmit(desk.ledger, desk.spool, series_uid)
    assert [desk.accept(image) for image in images[:2]] == [SUCCESS] * 2
    assert finish(desk, series_uid).version == 4


def test_the_operator_readmits_what_is_deleted_and_nothing_else(tmp_path: Path) -> None:
    desk = OperatorsDesk(tmp_path)
    with pytest.raises(UsageError, match="no deleted images"):
        desk.run("queue", "readmit", str(desk.config), "1")
    desk.run("queue", "purge", str(desk.config), "1", "--undelivered")
    assert "1 images may come again" in desk.run("queue", "readmit", str(desk.config), "1")
