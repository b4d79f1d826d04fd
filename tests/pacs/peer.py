"""A destination with narrow tastes, and objects to send it."""

from __future__ import annotations

from typing import Any

import numpy as np
from pydicom.uid import Comprehensive3DSRStorage, ExplicitVRLittleEndian, SegmentationStorage
from pynetdicom import AE, evt

from spine_segmentation.pacs.attempt import Parcel
from spine_segmentation.pacs.config import DicomDestination
from spine_segmentation.pacs.dicom_sender import DicomSender
from spine_segmentation.pacs.spool import Spool
from spine_segmentation.volume import Volume
from tests.dicom_factory import enhanced_dataset, save
from tests.pacs.lab import AE_TITLE, ARCHIVE

RESULTS = (SegmentationStorage, Comprehensive3DSRStorage)


class Peer:
    """Takes the classes of our results in some transfer syntaxes, and keeps what it gets."""

    def __init__(self, *syntaxes: str) -> None:
        self.received: dict[str, bytes] = {}
        self.aborts_on: set[str] = set()
        self.entity = entity = AE(ARCHIVE)
        for sop_class in RESULTS:
            entity.add_supported_context(sop_class, list(syntaxes))
        self._server: Any = entity.start_server(
            ("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_C_STORE, self._store)]
        )
        self.port = int(self._server.server_address[1])

    def _store(self, event: evt.Event) -> int:
        uid = str(event.request.AffectedSOPInstanceUID)
        if uid in self.aborts_on:
            event.assoc.abort()
        else:
            self.received[uid] = event.encoded_dataset()
        return 0x0000

    def stop(self) -> None:
        self._server.shutdown()


def write_result(spool: Spool, sop_class: str, syntax: str = ExplicitVRLittleEndian) -> Parcel:
    """An object with nested sequences and pixels, of any class."""
    dataset = enhanced_dataset(Volume.from_axes(np.arange(48, dtype=np.int16).reshape(3, 4, 4), "RIP", (4, 1, 1)))
    dataset.SOPClassUID = sop_class
    name = f"{dataset.SOPInstanceUID}.dcm"
    save(dataset, spool.absolute(name), syntax)
    return Parcel(str(dataset.SOPInstanceUID), sop_class, name, 0, spool.digest(name))


def sender_to(peer: Peer, spool: Spool) -> DicomSender:
    values = {"kind": "c-store", "name": "archive", "ae_title": ARCHIVE, "host": "127.0.0.1", "port": peer.port}
    return DicomSender(DicomDestination.model_validate(values), AE_TITLE, spool)
