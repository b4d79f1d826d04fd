"""Damaged objects, made of real-looking ones: no crash, no hang, nothing half kept, on the wire and in the worker."""

from __future__ import annotations

import json
import random
import sys
import threading
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

import pydicom
import pytest
from pydicom import Dataset
from pydicom.uid import DeflatedExplicitVRLittleEndian, ImplicitVRLittleEndian, JPEGLosslessSV1

from spine_segmentation.io.outputs import STATUS_FILE
from spine_segmentation.pacs.config import Results
from spine_segmentation.pacs.protocol import Request, SeriesRequest
from spine_segmentation.pacs.statuses import StoreStatus
from spine_segmentation.pacs.worker import Worker
from tests.dicom_factory import encode, sagittal_volume, write_enhanced
from tests.mutations import mutate
from tests.pacs.lab import STORESCU_OPTIONS, make_series, needs_dcmtk, new_uids, transcode
from tests.pacs.node import Node, RawSender
from tests.pacs.test_hostile import deflate

pytestmark = [pytest.mark.pacs, pytest.mark.filterwarnings("ignore")]

STAND_IN = Path(__file__).with_name("stand_in_worker.py")
ENDS_THE_WORKER = {JPEGLosslessSV1}
"""Its only free decoder, GDCM, ends its process on some damaged data; the service then starts another one."""
SYNTAXES = [
    pytest.param(syntax, marks=needs_dcmtk) if syntax == JPEGLosslessSV1 else syntax for syntax in STORESCU_OPTIONS
]
"""Those of ``STORESCU_OPTIONS``; the encoder of JPEG lossless is dcmtk's."""
LONGEST_SECONDS = 20.0
"""For one object, on a busy machine; without damage it takes a tenth of a second."""


PIXEL_DATA = b"\xe0\x7f\x10\x00"
"""The tag; what follows is read by a decoder of its own."""


def damage(content: bytes, syntax: str, dice: random.Random) -> bytes:
    """Damage an object as it is, or, half of the time, where its transfer syntax makes a difference."""
    if dice.random() < 0.5:
        return mutate(content, dice)
    if syntax == DeflatedExplicitVRLittleEndian and content[128:132] != b"DICM":
        return deflate(mutate(zlib.decompress(content, -zlib.MAX_WBITS), dice))
    start = max(0, content.find(PIXEL_DATA))
    return content[:start] + mutate(content[start:], dice)


def encoded_in(syntax: str, dataset: Dataset) -> bytes:
    content = encode(dataset, implicit=syntax == ImplicitVRLittleEndian)
    return deflate(content) if syntax == DeflatedExplicitVRLittleEndian else content


@pytest.mark.parametrize("number", [40, pytest.param(3000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, *SYNTAXES])
def test_the_receiver_keeps_whole_objects_or_nothing(
    node: Node, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, syntax: str, number: int
) -> None:
    dice = random.Random(f"{syntax} {number}")  # noqa: S311
    (path,) = make_series(tmp_path / "seed", images=1, size=32)
    transcode([path], syntax)
    image = pydicom.dcmread(path)
    content, uid = encoded_in(syntax, image), image.SOPInstanceUID
    sender = RawSender(node.port, tmp_path_factory.mktemp("sender"), syntax)
    for _ in range(number):
        before = time.monotonic()
        status = sender.send(damage(content, syntax, dice), uid)
        assert status is None or status in set(StoreStatus)
        assert time.monotonic() - before < LONGEST_SECONDS
        if status == StoreStatus.SUCCESS:  # harmless damage: the next one must be new, or it is only compared
            content, uid = encoded_in(syntax, new_uids(image)), image.SOPInstanceUID
    sender.close()
    rows = node.ledger.rows("SELECT path FROM instance")
    assert sorted(node.files()) == sorted(node.spool.absolute(row["path"]) for row in rows)
    assert node.is_alive(tmp_path)


@pytest.fixture(scope="module")
def worker() -> Iterator[Worker]:
    """The worker process with a stand-in for the networks; who starts it may find that damage has ended it."""
    running = Worker([sys.executable, str(STAND_IN)], LONGEST_SECONDS, threading.Event())
    yield running
    running.kill()


@pytest.mark.parametrize("number", [20, pytest.param(1500, marks=pytest.mark.slow)])
@pytest.mark.parametrize("syntax", ["enhanced", *SYNTAXES])
def test_the_worker_writes_a_whole_result_or_says_why_not(
    worker: Worker, tmp_path: Path, syntax: str, number: int
) -> None:
    dice = random.Random(f"{syntax} {number}")  # noqa: S311
    paths = write_input(tmp_path / "input", syntax)
    intact = [path.read_bytes() for path in paths]
    for index in range(number):
        assert worker.start()
        victim = dice.randrange(len(paths))
        paths[victim].write_bytes(damage(intact[victim], syntax, dice))
        check_one(worker, tmp_path / "input", tmp_path / str(index), may_end=syntax in ENDS_THE_WORKER)
        paths[victim].write_bytes(intact[victim])


def write_input(folder: Path, syntax: str) -> list[Path]:
    if syntax == "enhanced":
        return [write_enhanced(sagittal_volume(), folder / "enhanced.dcm")]
    paths = make_series(folder, images=3, size=48)
    transcode(paths, syntax)
    return paths


def check_one(worker: Worker, source: Path, folder: Path, *, may_end: bool) -> None:
    """Process a folder; either both objects are there and can be read, or an error that is not ours is told."""
    output = folder / "output"
    output.mkdir(parents=True)
    series = SeriesRequest(input=source, output=output)
    request = Request(folder=folder, series=(series,), study_uid="1.2", results=Results(), preview=False)
    before = time.monotonic()
    reply = worker.run(request)
    assert time.monotonic() - before < LONGEST_SECONDS
    if reply is None:
        assert may_end
        assert [*folder.rglob("*")] == [output]
        return
    status = json.loads((output / STATUS_FILE).read_text())
    (objects,) = reply.objects
    assert {path.name for path in output.iterdir()} == {STATUS_FILE, *objects}
    assert len(objects) == (0 if status["state"] == "failed" else 2)
    for name in objects:
        assert pydicom.dcmread(output / name).SOPInstanceUID
