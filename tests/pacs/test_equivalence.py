"""The comparison of two objects in its own process."""

from __future__ import annotations

from pathlib import Path

import pydicom
import pytest
from pydicom.uid import DeflatedExplicitVRLittleEndian
from pynetdicom.dsutils import encode_file_meta

from spine_segmentation.pacs.equivalence import Comparer, Relation
from tests.pacs.lab import make_series

pytestmark = pytest.mark.pacs


def as_if_deflated(path: Path) -> bytes:
    dataset = pydicom.dcmread(path)
    dataset.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    return b"\0" * 128 + b"DICM" + encode_file_meta(dataset.file_meta) + b"not deflated at all" * 10


def test_no_header_value_reaches_the_output(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (path,) = make_series(tmp_path / "in", images=1, PatientName="Secret^Person", PatientAddress="at home")
    content = path.read_bytes().replace(b"Secret^Person", b"Secret=a=b=c=").replace(b"19700101", b"born1970")
    path.write_bytes(content)
    other = tmp_path / "other.dcm"
    other.write_bytes(content.replace(b"at home", b"at work"))
    comparer = Comparer()
    try:
        assert comparer.relate(path, other) is Relation.HEADER
    finally:
        comparer.stop()
    assert capfd.readouterr() == ("", ""), "warnings of the reader, with header values"


def test_an_object_whose_deflated_bytes_are_damaged_is_another_image(tmp_path: Path) -> None:
    (path,) = make_series(tmp_path / "in", images=1)
    damaged = tmp_path / "damaged.dcm"
    damaged.write_bytes(as_if_deflated(path))
    comparer = Comparer()
    try:
        assert comparer.relate(path, damaged) is Relation.DIFFERENT
        assert comparer.relate(path, path) is Relation.SAME
    finally:
        comparer.stop()
