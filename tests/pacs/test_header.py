from __future__ import annotations

import numpy as np
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
from tests.dicom_factory import classic_dataset, deflate, encode, sagittal_volume

LIMIT = 1024 * 1024

pytestmark = pytest.mark.filterwarnings("ignore")


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


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian, DeflatedExplicitVRLittleEndian])
def test_mutated_objects_are_refused_or_have_sound_uids(dataset: Dataset, syntax: str) -> None:
    valid = encode(dataset, implicit=syntax == ImplicitVRLittleEndian)
    rng = np.random.default_rng(0)
    identities = []
    for _ in range(400):
        content = bytearray(valid[: rng.integers(400, len(valid))])
        for place in rng.integers(0, min(len(content), 900), size=rng.integers(1, 12)):
            content[place] = rng.integers(256)
        encoded = deflate(bytes(content)) if syntax == DeflatedExplicitVRLittleEndian else bytes(content)
        identities.append(read_identity(encoded, syntax, LIMIT))
    readable = [identity for identity in identities if identity is not None]
    assert 0 < len(readable) < len(identities)
    for identity in readable:
        for uid in (identity.sop_class, identity.sop_uid, identity.study_uid, identity.series_uid):
            assert len(uid) <= 64 and set(uid) <= set("0123456789.")


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=400))
def test_noise_is_no_object(noise: bytes) -> None:
    assert read_identity(noise, ExplicitVRLittleEndian, LIMIT) is None


def test_reads_no_further_than_it_must(dataset: Dataset) -> None:
    content = encode(dataset)
    end = content.index(b"\x20\x00\x11\x00")  # Series Number, which follows the Series Instance UID
    assert read_identity(content[:end], ExplicitVRLittleEndian, LIMIT) is not None
