"""Hostile or broken data sets on the wire: refused, logged, nothing of them kept, service alive."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import pydicom
import pytest
from pydicom import Dataset
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian

from spine_segmentation.pacs.statuses import StoreStatus
from tests.dicom_factory import classic_dataset, deflate, encode, sagittal_volume
from tests.pacs.node import MIB, Node, RawSender

pytestmark = [pytest.mark.pacs, pytest.mark.filterwarnings("ignore")]

ENDLESS_ITEM = b"\x08\x00\x40\x11SQ\0\0\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff"
"""The start of a sequence of undefined length and of its first item, neither of which ends."""


@pytest.fixture
def image() -> Dataset:
    return classic_dataset(sagittal_volume(), 0)


@pytest.fixture
def outside(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of the sender's own."""
    return tmp_path_factory.mktemp("sender")


def refused(node: Node, folder: Path, encoded: bytes, uid: str, syntax: str = ExplicitVRLittleEndian) -> int | None:
    """Send it, and make sure that nothing of it stays; returns the status."""
    sender = RawSender(node.port, folder, syntax)
    status = sender.send(encoded, uid)
    sender.close()
    assert node.stored() == 0
    assert node.files() == []
    return status


@pytest.mark.parametrize("keyword", ["StudyInstanceUID", "SeriesInstanceUID"])
@pytest.mark.parametrize("uid", ["../../../etc/cron.d/x", "/etc/passwd", "1.2/../../3", "1.2\x003", "1." * 40 + "1"])
def test_a_uid_that_is_a_path_is_refused(
    node: Node, image: Dataset, tmp_path: Path, outside: Path, keyword: str, uid: str, caplog: pytest.LogCaptureFixture
) -> None:
    image[keyword]._value = uid
    encoded = encode(image)
    before = set(tmp_path.rglob("*"))
    with caplog.at_level(logging.INFO, "spine_segmentation"):
        assert refused(node, outside, encoded, image.SOPInstanceUID) == StoreStatus.CANNOT_UNDERSTAND
    said = [record.getMessage() for record in caplog.records if record.name.startswith("spine_segmentation")]
    assert said == ["an object from SCANNER was refused with 0xC000"]
    assert set(tmp_path.rglob("*")) == before
    assert node.is_alive(tmp_path)


def test_a_path_as_the_uid_of_the_command_is_refused(node: Node, image: Dataset, tmp_path: Path, outside: Path) -> None:
    assert refused(node, outside, encode(image), "1.2.3") == StoreStatus.MISMATCH
    image["SOPInstanceUID"]._value = "../../x"
    assert refused(node, outside, encode(image), "1.2.3") == StoreStatus.CANNOT_UNDERSTAND
    assert node.is_alive(tmp_path)


def test_a_deflated_bomb_is_refused(node: Node, image: Dataset, tmp_path: Path, outside: Path) -> None:
    bomb = deflate(encode(image) + b"\0" * (200 * MIB))
    assert len(bomb) < MIB
    status = refused(node, outside, bomb, image.SOPInstanceUID, DeflatedExplicitVRLittleEndian)
    assert status == StoreStatus.CANNOT_UNDERSTAND
    assert node.is_alive(tmp_path)


def test_an_honest_deflated_object_is_taken(node: Node, image: Dataset, outside: Path) -> None:
    sender = RawSender(node.port, outside, DeflatedExplicitVRLittleEndian)
    assert sender.send(deflate(encode(image)), image.SOPInstanceUID) == StoreStatus.SUCCESS
    sender.close()
    (stored,) = node.files()
    assert pydicom.dcmread(stored) == image


@pytest.mark.parametrize(
    "spoil",
    [
        lambda content: ENDLESS_ITEM * 5000 + content,
        lambda content: b"\x08\x00\x05\x00UN\0\0\xfe\xff\xff\x7f" + content,
        lambda content: b"\x08\x00\x40\x11SQ\0\0\xff\xff\xff\x7f" + content,
        lambda content: content[:100],
        lambda content: b"",
        lambda content: content[::-1],
    ],
    ids=["endless nesting", "huge element", "huge sequence", "cut off", "nothing", "backwards"],
)
def test_a_malformed_data_set_is_refused(
    node: Node, image: Dataset, tmp_path: Path, outside: Path, spoil: Callable[[bytes], bytes]
) -> None:
    status = refused(node, outside, spoil(encode(image)), image.SOPInstanceUID)
    assert status in {StoreStatus.CANNOT_UNDERSTAND, StoreStatus.MISMATCH, None}
    assert node.is_alive(tmp_path)
