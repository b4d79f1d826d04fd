"""C-STORE against destinations with narrow tastes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.uid import (
    Comprehensive3DSRStorage,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    MRImageStorage,
    SegmentationStorage,
)
from pynetdicom import AE, evt

from spine_segmentation.pacs.attempt import STORED, Outcome, Parcel
from spine_segmentation.pacs.config import DicomDestination
from spine_segmentation.pacs.dicom_sender import DicomSender
from spine_segmentation.pacs.spool import Spool
from spine_segmentation.volume import Volume
from tests.dicom_factory import enhanced_dataset, save
from tests.pacs.lab import AE_TITLE, ARCHIVE

pytestmark = pytest.mark.pacs

RESULTS = (SegmentationStorage, Comprehensive3DSRStorage)


class Peer:
    """Takes the classes of our results in some transfer syntaxes, and keeps what it gets."""

    def __init__(self, *syntaxes: str) -> None:
        self.received: dict[str, bytes] = {}
        entity = AE(ARCHIVE)
        for sop_class in RESULTS:
            entity.add_supported_context(sop_class, list(syntaxes))
        self._server: Any = entity.start_server(
            ("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_C_STORE, self._store)]
        )
        self.port = int(self._server.server_address[1])

    def _store(self, event: evt.Event) -> int:
        self.received[str(event.request.AffectedSOPInstanceUID)] = event.encoded_dataset()
        return 0x0000

    def stop(self) -> None:
        self._server.shutdown()


@pytest.fixture
def start() -> Iterator[Callable[..., Peer]]:
    peers: list[Peer] = []

    def start_peer(*syntaxes: str) -> Peer:
        peers.append(Peer(*syntaxes))
        return peers[-1]

    yield start_peer
    for peer in peers:
        peer.stop()


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path / "spool")


def write(spool: Spool, sop_class: str, syntax: str = ExplicitVRLittleEndian) -> Parcel:
    """An object with nested sequences and pixels, of any class."""
    dataset = enhanced_dataset(Volume.from_axes(np.arange(48, dtype=np.int16).reshape(3, 4, 4), "RIP", (4, 1, 1)))
    dataset.SOPClassUID = sop_class
    name = f"{sop_class}.dcm"
    save(dataset, spool.absolute(name), syntax)
    return Parcel(str(dataset.SOPInstanceUID), sop_class, name, 0)


def sender_to(peer: Peer, spool: Spool) -> DicomSender:
    values = {"kind": "c-store", "name": "archive", "ae_title": ARCHIVE, "host": "127.0.0.1", "port": peer.port}
    return DicomSender(DicomDestination.model_validate(values), AE_TITLE, spool)


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
def test_a_destination_gets_the_syntax_that_it_takes(start: Callable[..., Peer], spool: Spool, syntax: str) -> None:
    peer = start(syntax)
    parcels = [write(spool, sop_class) for sop_class in RESULTS]
    assert sender_to(peer, spool).send(parcels) == [STORED, STORED]
    for parcel in parcels:
        received = pydicom.dcmread(BytesIO(peer.received[parcel.sop_uid]))
        assert received.file_meta.TransferSyntaxUID == syntax
        assert received == pydicom.dcmread(spool.absolute(parcel.path))


def test_both_syntaxes_leave_the_bytes_as_they_were_written(start: Callable[..., Peer], spool: Spool) -> None:
    peer = start(ImplicitVRLittleEndian, ExplicitVRLittleEndian)
    parcel = write(spool, SegmentationStorage)
    assert sender_to(peer, spool).send([parcel]) == [STORED]
    content = peer.received[parcel.sop_uid]
    assert pydicom.dcmread(BytesIO(content)).file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
    assert spool.absolute(parcel.path).read_bytes().endswith(content[-1000:])


def test_what_is_not_taken_is_refused_and_the_rest_arrives(start: Callable[..., Peer], spool: Spool) -> None:
    peer = start(ImplicitVRLittleEndian)
    attempts = sender_to(peer, spool).send([write(spool, MRImageStorage), write(spool, SegmentationStorage)])
    assert [attempt.outcome for attempt in attempts] == [Outcome.REFUSED, Outcome.STORED]


def test_an_object_that_cannot_be_sent_is_refused(start: Callable[..., Peer], spool: Spool) -> None:
    parcel = write(spool, SegmentationStorage)
    dataset = pydicom.dcmread(spool.absolute(parcel.path))
    del dataset.SOPInstanceUID
    dataset.save_as(spool.absolute(parcel.path))
    (attempt,) = sender_to(start(ImplicitVRLittleEndian), spool).send([parcel])
    assert (attempt.outcome, attempt.reason) == (Outcome.REFUSED, "cannot be sent (AttributeError)")
