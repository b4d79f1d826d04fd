from __future__ import annotations

import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom import Dataset
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from spine_segmentation.pacs.header import read_identity
from tests.dicom_factory import classic_dataset, encode, sagittal_volume

LIMIT = 1024 * 1024

pytestmark = pytest.mark.filterwarnings("ignore")


def deflate(content: bytes) -> bytes:
    deflater = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    return deflater.compress(content) + deflater.flush()


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    return classic_dataset(sagittal_volume(), 0)


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian, DeflatedExplicitVRLittleEndian])
def test_reads_who_an_object_is(dataset: Dataset, syntax: str) -> None:
    content = encode(dataset, implicit=syntax == ImplicitVRLittleEndian)
    if syntax == DeflatedExplicitVRLittleEndian:
        content = deflate(content)
    identity = read_identity(content, syntax, LIMIT)
    assert identity is not None
    assert identity.sop_uid == dataset.SOPInstanceUID
    assert identity.series_uid == dataset.SeriesInstanceUID
    assert identity.modality == "MR"


@pytest.mark.parametrize("uid", ["../../etc/passwd", "1.2/3", "", "1", "1..2", "1.2\\1.3", "1." * 33 + "1", "a.b"])
def test_refuses_what_is_no_uid(uid: str) -> None:
    dataset = classic_dataset(sagittal_volume(), 0)
    dataset["SeriesInstanceUID"]._value = uid
    assert read_identity(encode(dataset), ExplicitVRLittleEndian, LIMIT) is None


def test_refuses_what_inflates_beyond_the_limit(dataset: Dataset) -> None:
    bomb = deflate(encode(dataset) + b"\0" * (200 * LIMIT))
    assert len(bomb) < LIMIT
    assert read_identity(bomb, DeflatedExplicitVRLittleEndian, LIMIT) is None


def test_refuses_endless_nesting(dataset: Dataset) -> None:
    item = b"\x08\x00\x40\x11SQ\0\0\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff"
    assert read_identity(encode(dataset)[:100] + item * 5000, ExplicitVRLittleEndian, LIMIT) is None


def test_a_huge_length_is_no_trouble(dataset: Dataset) -> None:
    content = b"\x08\x00\x05\x00UN\0\0\xfe\xff\xff\x7f" + encode(dataset)
    assert read_identity(content, ExplicitVRLittleEndian, LIMIT) is None


VALID = encode(classic_dataset(sagittal_volume(), 0))


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_mutated_objects_never_crash_it(data: st.DataObject) -> None:
    content = bytearray(VALID)
    for _ in range(data.draw(st.integers(1, 12))):
        content[data.draw(st.integers(0, 900))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(content)))
    syntax = data.draw(
        st.sampled_from([ExplicitVRLittleEndian, ImplicitVRLittleEndian, DeflatedExplicitVRLittleEndian])
    )
    read_identity(bytes(content[:cut]), syntax, LIMIT)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=400))
def test_noise_is_no_object(noise: bytes) -> None:
    assert read_identity(noise, ExplicitVRLittleEndian, LIMIT) is None


def test_reads_no_further_than_it_must(dataset: Dataset) -> None:
    content = encode(dataset)
    end = content.index(b"\x20\x00\x11\x00")  # Series Number, which follows the Series Instance UID
    assert read_identity(content[:end], ExplicitVRLittleEndian, LIMIT) is not None
