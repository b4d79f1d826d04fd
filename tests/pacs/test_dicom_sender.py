"""C-STORE against destinations with narrow tastes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pydicom
import pytest
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian, MRImageStorage, SegmentationStorage

from spine_segmentation.pacs.attempt import NO_FILE, STORED, Outcome
from spine_segmentation.pacs.spool import Spool
from tests.pacs.peer import RESULTS, Peer, sender_to, write_result

pytestmark = pytest.mark.pacs


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
def test_a_destination_gets_the_syntax_that_it_takes(
    start_peer: Callable[..., Peer], spool: Spool, syntax: str
) -> None:
    peer = start_peer(syntax)
    parcels = [write_result(spool, sop_class) for sop_class in RESULTS]
    assert sender_to(peer, spool).send(parcels) == [STORED, STORED]
    for parcel in parcels:
        received = pydicom.dcmread(BytesIO(peer.received[parcel.sop_uid]))
        assert received.file_meta.TransferSyntaxUID == syntax
        assert received == pydicom.dcmread(spool.absolute(parcel.path))


def test_both_syntaxes_leave_the_bytes_as_they_were_written(start_peer: Callable[..., Peer], spool: Spool) -> None:
    peer = start_peer(ImplicitVRLittleEndian, ExplicitVRLittleEndian)
    parcel = write_result(spool, SegmentationStorage)
    assert sender_to(peer, spool).send([parcel]) == [STORED]
    content = peer.received[parcel.sop_uid]
    assert pydicom.dcmread(BytesIO(content)).file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
    assert spool.absolute(parcel.path).read_bytes().endswith(content[-1000:])


def test_what_is_not_taken_is_refused_and_the_rest_arrives(start_peer: Callable[..., Peer], spool: Spool) -> None:
    peer = start_peer(ImplicitVRLittleEndian)
    attempts = sender_to(peer, spool).send(
        [write_result(spool, MRImageStorage), write_result(spool, SegmentationStorage)]
    )
    assert [attempt.outcome for attempt in attempts] == [Outcome.REFUSED, Outcome.STORED]


def test_why_a_destination_rejects_us_is_said(
    start_peer: Callable[..., Peer], spool: Spool, caplog: pytest.LogCaptureFixture
) -> None:
    peer = start_peer(ImplicitVRLittleEndian)
    peer.entity.require_calling_aet = ["ANOTHER"]
    (attempt,) = sender_to(peer, spool).send([write_result(spool, SegmentationStorage)])
    assert attempt.outcome is Outcome.UNREACHABLE
    assert "ARCHIVE rejects our association: Calling AE title not recognised" in caplog.text


def test_an_object_that_cannot_be_sent_is_refused(start_peer: Callable[..., Peer], spool: Spool) -> None:
    parcel = write_result(spool, SegmentationStorage)
    dataset = pydicom.dcmread(spool.absolute(parcel.path))
    del dataset.SOPInstanceUID
    dataset.save_as(spool.absolute(parcel.path))
    parcel = replace(parcel, sha256="")
    (attempt,) = sender_to(start_peer(ImplicitVRLittleEndian), spool).send([parcel])
    assert (attempt.outcome, attempt.reason) == (Outcome.REFUSED, "cannot be sent (AttributeError)")


def test_an_object_over_which_the_association_is_lost_is_told_from_the_others(
    start_peer: Callable[..., Peer], spool: Spool
) -> None:
    peer = start_peer(ExplicitVRLittleEndian)
    parcels = [write_result(spool, SegmentationStorage) for _ in range(3)]
    peer.aborts_on = {parcels[1].sop_uid}
    outcomes = [attempt.outcome for attempt in sender_to(peer, spool).send(parcels)]
    assert outcomes == [Outcome.STORED, Outcome.INTERRUPTED, Outcome.UNREACHABLE]


@pytest.mark.parametrize("damage", [Path.unlink, lambda path: path.write_bytes(b"noise")], ids=["missing", "damaged"])
def test_a_file_that_cannot_be_read_keeps_no_other_from_being_sent(
    start_peer: Callable[..., Peer], spool: Spool, damage: Callable[[Path], object]
) -> None:
    peer = start_peer(ExplicitVRLittleEndian)
    parcels = [write_result(spool, SegmentationStorage) for _ in range(3)]
    damage(spool.absolute(parcels[1].path))
    assert sender_to(peer, spool).send(parcels) == [STORED, NO_FILE, STORED]
    assert sender_to(peer, spool).send(parcels[1:2]) == [NO_FILE]
