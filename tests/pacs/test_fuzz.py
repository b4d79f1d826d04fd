"""Damaged objects, made of real-looking ones: no crash, no hang, nothing half kept, on the wire and in the worker."""

from __future__ import annotations

import json
import random
import time
from pathlib import Path

import pydicom
import pytest
from pydicom import Dataset
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian, RLELossless

from spine_segmentation.io.outputs import STATUS_FILE
from spine_segmentation.pacs.config import Results
from spine_segmentation.pacs.protocol import Request, SeriesRequest
from spine_segmentation.pacs.statuses import StoreStatus
from spine_segmentation.pacs.worker_main import answer
from tests.dicom_factory import encode, sagittal_volume, write_enhanced
from tests.mutations import mutate
from tests.pacs.lab import make_series, new_uids
from tests.pacs.node import Node, RawSender
from tests.pacs.stand_in_worker import process
from tests.pacs.test_hostile import deflate

pytestmark = [pytest.mark.pacs, pytest.mark.filterwarnings("ignore")]

SYNTAXES = [ExplicitVRLittleEndian, ImplicitVRLittleEndian, DeflatedExplicitVRLittleEndian, RLELossless]
LONGEST_SECONDS = 20.0
"""For one object, on a busy machine; without damage it takes a tenth of a second."""


def encoded_in(syntax: str, dataset: Dataset) -> bytes:
    if syntax == RLELossless and not dataset.file_meta.TransferSyntaxUID.is_compressed:
        dataset.compress(RLELossless, generate_instance_uid=False)
    content = encode(dataset, implicit=syntax == ImplicitVRLittleEndian)
    return deflate(content) if syntax == DeflatedExplicitVRLittleEndian else content


@pytest.mark.parametrize("number", [60, pytest.param(3000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("syntax", SYNTAXES)
def test_the_receiver_keeps_whole_objects_or_nothing(
    node: Node, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, syntax: str, number: int
) -> None:
    dice = random.Random(f"{syntax} {number}")  # noqa: S311
    image = pydicom.dcmread(make_series(tmp_path / "seed", images=1, size=32)[0])
    content, uid = encoded_in(syntax, image), image.SOPInstanceUID
    sender = RawSender(node.port, tmp_path_factory.mktemp("sender"), syntax)
    for _ in range(number):
        before = time.monotonic()
        status = sender.send(mutate(content, dice), uid)
        assert status is None or status in set(StoreStatus)
        assert time.monotonic() - before < LONGEST_SECONDS
        if status == StoreStatus.SUCCESS:  # harmless damage: the next one must be new, or it is only compared
            content, uid = encoded_in(syntax, new_uids(image)), image.SOPInstanceUID
    sender.close()
    rows = node.ledger.rows("SELECT path FROM instance")
    assert sorted(node.files()) == sorted(node.spool.absolute(row["path"]) for row in rows)
    assert node.is_alive(tmp_path)


@pytest.mark.parametrize("number", [20, pytest.param(1500, marks=pytest.mark.slow)])
@pytest.mark.parametrize("kind", ["classic", "RLE", "enhanced"])
def test_the_worker_writes_a_whole_result_or_says_why_not(tmp_path: Path, kind: str, number: int) -> None:
    dice = random.Random(f"{kind} {number}")  # noqa: S311
    paths = write_input(tmp_path / "input", kind)
    intact = [path.read_bytes() for path in paths]
    for index in range(number):
        victim = dice.randrange(len(paths))
        paths[victim].write_bytes(mutate(intact[victim], dice))
        check_one(tmp_path / "input", tmp_path / f"output{index}")
        paths[victim].write_bytes(intact[victim])


def write_input(folder: Path, kind: str) -> list[Path]:
    if kind == "enhanced":
        return [write_enhanced(sagittal_volume(), folder / "enhanced.dcm")]
    paths = make_series(folder, images=3)
    for path in paths if kind == "RLE" else []:
        dataset = pydicom.dcmread(path)
        dataset.compress(RLELossless, generate_instance_uid=False)
        dataset.save_as(path)
    return paths


def check_one(source: Path, output: Path) -> None:
    """Process a folder; either both objects are there and can be read, or an error that is not ours is told."""
    output.mkdir()
    series = SeriesRequest(input=source, output=output)
    request = Request(folder=output.parent, series=(series,), study_uid="1.2", results=Results(), preview=False)
    before = time.monotonic()
    (objects,) = answer(request, process).objects
    assert time.monotonic() - before < LONGEST_SECONDS
    status = json.loads((output / STATUS_FILE).read_text())
    assert {path.name for path in output.iterdir()} == {STATUS_FILE, *objects}
    assert len(objects) == (0 if status["state"] == "failed" else 2)
    for name in objects:
        assert pydicom.dcmread(output / name).SOPInstanceUID
