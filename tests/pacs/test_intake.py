from __future__ import annotations

import copy
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from unittest import mock

import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import ImplicitVRLittleEndian, RLELossless, generate_uid
from pynetdicom.dsutils import encode_file_meta

from spine_segmentation.pacs.equivalence import Relation
from spine_segmentation.pacs.intake import Arrival, Intake
from spine_segmentation.pacs.ledger import Ledger
from spine_segmentation.pacs.snapshot import take_snapshot
from spine_segmentation.pacs.spool import Spool
from spine_segmentation.pacs.statuses import StoreStatus
from tests.dicom_factory import encode
from tests.pacs.lab import ROOT, make_series, wait_for

SUCCESS = StoreStatus.SUCCESS


class Desk:
    """An intake with its spool and ledger."""

    def __init__(self, folder: Path, **options: Any) -> None:
        self.spool = Spool(folder / "spool")
        self.ledger = Ledger(self.spool.ledger_file)
        settings = {"min_free_bytes": 1, "max_object_bytes": 10**8, "corrected_headers": "replace"} | options
        self.intake = Intake(self.spool, self.ledger, **settings)

    def accept(self, dataset: Dataset, **changes: Any) -> StoreStatus:
        fields = {
            "encoded": encoded(dataset),
            "meta": b"\0" * 128 + b"DICM" + encode_file_meta(dataset.file_meta),
            "transfer_syntax": str(dataset.file_meta.TransferSyntaxUID),
            "sop_class": str(dataset.SOPClassUID),
            "sop_uid": str(dataset.SOPInstanceUID),
            "calling_ae": "SCANNER",
        }
        return self.intake.accept(Arrival(**fields | changes))[0]

    def row(self) -> Any:
        return self.ledger.rows("SELECT * FROM instance")[0]

    def files(self) -> list[Path]:
        return [path for path in (self.spool.root / "inbox").rglob("*") if path.is_file()]


def encoded(dataset: Dataset) -> bytes:
    return encode(dataset, implicit=dataset.file_meta.TransferSyntaxUID == ImplicitVRLittleEndian)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


@pytest.fixture
def image(tmp_path: Path) -> Dataset:
    return pydicom.dcmread(make_series(tmp_path / "series", images=1)[0])


def test_keeps_every_byte(desk: Desk, image: Dataset) -> None:
    assert desk.accept(image) is SUCCESS
    stored = desk.spool.absolute(desk.row()["path"]).read_bytes()
    assert stored.endswith(encoded(image))
    assert pydicom.dcmread(desk.spool.absolute(desk.row()["path"])) == image


def test_the_same_again_changes_nothing(desk: Desk, image: Dataset) -> None:
    desk.accept(image)
    before = dict(desk.row())
    with desk.ledger.transaction() as db:
        db.execute("UPDATE series SET state='SETTLED'")
    assert desk.accept(image) is SUCCESS
    assert dict(desk.row()) == before
    assert desk.ledger.rows("SELECT state FROM series")[0]["state"] == "SETTLED"
    assert len(desk.files()) == 1


def test_two_senders_of_one_new_uid_cannot_both_be_right(desk: Desk, image: Dataset) -> None:
    other = copy.deepcopy(image)
    other.PixelData = bytes(reversed(image.PixelData))
    slow = desk.spool.store

    def store(*arguments: Any) -> str:
        time.sleep(0.3)
        return slow(*arguments)

    with mock.patch.object(desk.spool, "store", store), ThreadPoolExecutor(2) as pool:
        statuses = list(pool.map(desk.accept, (image, other)))
    assert sorted(statuses) == sorted((SUCCESS, StoreStatus.CONFLICT))
    assert len(desk.files()) == 1
    kept = pydicom.dcmread(desk.spool.absolute(desk.row()["path"]))
    assert kept == (image if statuses[0] is SUCCESS else other)


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, RLELossless])
def test_the_same_image_in_another_encoding_is_acknowledged_and_not_kept(
    desk: Desk, image: Dataset, syntax: str
) -> None:
    desk.accept(image)
    before = dict(desk.row())
    if syntax == RLELossless:
        image.compress(RLELossless, generate_instance_uid=False)
    image.file_meta.TransferSyntaxUID = syntax
    assert desk.accept(image) is SUCCESS
    assert dict(desk.row()) == before
    assert len(desk.files()) == 1


@pytest.mark.parametrize(("policy", "status", "name"), [
    ("replace", SUCCESS, "Right^Name"), ("keep", SUCCESS, "Doe^Jane"), ("refuse", StoreStatus.CONFLICT, "Doe^Jane"),
])  # fmt: skip
def test_a_corrected_header_follows_the_policy(
    tmp_path: Path, image: Dataset, policy: str, status: StoreStatus, name: str
) -> None:
    desk = Desk(tmp_path, corrected_headers=policy)
    desk.accept(image)
    image.PatientName = "Right^Name"
    assert desk.accept(image) is status
    (file,) = desk.files()
    assert pydicom.dcmread(file).PatientName == name
    assert desk.row()["revision"] == (2 if policy == "replace" else 1)


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("PixelData", b"\1\0" * 256),
        ("PixelSpacing", [2, 2]),
        ("ImagePositionPatient", [9, 9, 9]),
        ("SeriesInstanceUID", generate_uid()),
        ("StudyInstanceUID", generate_uid()),
    ],
)
def test_another_image_under_a_known_uid_is_refused_and_logged(
    desk: Desk, image: Dataset, keyword: str, value: Any
) -> None:
    desk.accept(image)
    setattr(image, keyword, value)
    assert desk.accept(image) is StoreStatus.CONFLICT
    assert len(desk.ledger.rows("SELECT * FROM refusal")) == 1
    assert len(desk.files()) == 1


def of_another_study(image: Dataset) -> Dataset:
    """An image that a sender who gives UIDs twice has put under the same Series Instance UID."""
    other = copy.deepcopy(image)
    other.SOPInstanceUID = other.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    other.StudyInstanceUID = generate_uid()
    other.PatientID = "another"
    return other


def test_a_series_of_another_study_under_the_same_uid_is_refused_with_a_reason(desk: Desk, image: Dataset) -> None:
    assert desk.accept(image) is SUCCESS
    assert desk.accept(of_another_study(image)) is StoreStatus.CONFLICT
    ((reason,),) = desk.ledger.rows("SELECT reason FROM refusal")
    assert reason == "its series was accepted as one of another study"
    assert take_snapshot(desk.ledger, None).refusals == {reason: 1}
    assert desk.row()["sop_uid"] == image.SOPInstanceUID
    assert len(desk.files()) == 1


def test_an_object_that_is_refused_again_and_again_is_noted_once(desk: Desk, image: Dataset) -> None:
    desk.accept(image)
    image.PixelData = bytes(reversed(image.PixelData))
    for _ in range(3):
        assert desk.accept(image) is StoreStatus.CONFLICT
    assert len(desk.ledger.rows("SELECT 1 FROM refusal")) == 1


def test_two_studies_that_begin_one_series_at_once_cannot_both_be_right(desk: Desk, image: Dataset) -> None:
    begun = threading.Barrier(2)
    store = desk.spool.store

    def store_together(*arguments: Any) -> str:
        begun.wait(10)
        return store(*arguments)

    with mock.patch.object(desk.spool, "store", store_together), ThreadPoolExecutor(2) as pool:
        statuses = list(pool.map(desk.accept, (image, of_another_study(image))))
    assert sorted(statuses) == sorted((SUCCESS, StoreStatus.CONFLICT))
    assert len(desk.files()) == 1


def test_a_full_disk_is_said_before_it_is_full(tmp_path: Path, image: Dataset) -> None:
    desk = Desk(tmp_path, min_free_bytes=10**18)
    assert desk.accept(image) is StoreStatus.OUT_OF_RESOURCES
    assert desk.files() == []


def test_a_ledger_that_cannot_be_written_means_no_success(desk: Desk, image: Dataset) -> None:
    desk.ledger.close()
    assert desk.accept(image) is StoreStatus.OUT_OF_RESOURCES


@pytest.mark.parametrize("change", [{"sop_uid": "1.2.3"}, {"sop_class": "1.2.3"}])
def test_command_and_data_set_must_agree(desk: Desk, image: Dataset, change: dict[str, str]) -> None:
    assert desk.accept(image, **change) is StoreStatus.MISMATCH


def test_noise_is_refused(desk: Desk, image: Dataset) -> None:
    assert desk.accept(image, encoded=b"noise" * 100) is StoreStatus.CANNOT_UNDERSTAND
    assert desk.files() == []


def test_a_purged_image_may_come_again(desk: Desk, image: Dataset) -> None:
    desk.accept(image)
    desk.spool.remove([desk.row()["path"]])
    with desk.ledger.transaction() as db:
        db.execute("UPDATE instance SET path=NULL")
    assert desk.accept(image) is SUCCESS
    assert len(desk.files()) == 1
    assert desk.row()["revision"] == 1


def test_an_image_whose_file_is_missing_is_stored_when_it_comes_again(desk: Desk, image: Dataset) -> None:
    desk.accept(image)
    desk.files()[0].unlink()
    assert desk.accept(image) is SUCCESS
    assert desk.spool.absolute(desk.row()["path"]).is_file()
    assert desk.row()["revision"] == 1


def test_many_duplicates_are_compared_in_one_process_that_ends_with_its_parent(tmp_path: Path) -> None:
    program = (
        "import multiprocessing, os, sys; from pathlib import Path; from spine_segmentation.pacs.equivalence import *\n"
        "if __name__ == '__main__':\n"
        "    comparer, paths = Comparer(), [Path(name) for name in sys.argv[1:]]\n"
        "    related = {comparer.relate(path, path) for path in paths}\n"
        "    print(*related, *(child.pid for child in multiprocessing.active_children()), flush=True)\n"
        "    os.kill(os.getpid(), 9)\n"
    )
    script = tmp_path / "compare.py"
    script.write_text(program)
    paths = make_series(tmp_path / "series", images=5)
    ended = subprocess.run([sys.executable, script, *paths], capture_output=True, text=True, cwd=ROOT, check=False)
    relation, _, child = ended.stdout.strip().rpartition(" ")
    assert relation == Relation.SAME
    wait_for(lambda: not Path(f"/proc/{child}/exe").exists())
