"""A receiver in the process of the test, so that what it has stored and logged can be looked at."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydicom.dataset import FileMetaDataset
from pydicom.uid import MRImageStorage
from pynetdicom import AE
from pynetdicom.association import Association
from pynetdicom.dsutils import encode_file_meta

from spine_segmentation.pacs import config
from spine_segmentation.pacs.activity import Activity
from spine_segmentation.pacs.intake import Intake
from spine_segmentation.pacs.ledger import Ledger
from spine_segmentation.pacs.receiver import Receiver
from spine_segmentation.pacs.spool import Spool
from tests.pacs.lab import AE_TITLE, SENDER, free_port, make_series, send

MIB = 1024 * 1024


class Node:
    """A receiver in this process."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.spool = Spool(folder / "spool")
        self.ledger = Ledger(self.spool.ledger_file)
        self.intake = Intake(
            self.spool, self.ledger, min_free_bytes=1, max_object_bytes=MIB, corrected_headers="replace"
        )
        self.port = free_port()
        values = {"port": self.port, "allowed_ae_titles": [SENDER], "max_object_bytes": MIB} | settings
        self.activity = Activity()
        self.receiver = Receiver(
            config.Receiver.model_validate(values), self.intake, self.activity, lambda event: (0, None)
        )
        self.receiver.start()

    def stored(self) -> int:
        return len(self.ledger.rows("SELECT 1 FROM instance"))

    def is_alive(self, folder: Path) -> bool:
        return send(self.port, make_series(folder / "alive")) == [0] * 5

    def files(self) -> list[Path]:
        return [path for path in self.spool.root.rglob("*") if path.suffix == ".dcm" or "incoming" in path.parts[:-1]]


class RawSender:
    """Sends data sets byte by byte as they are given: what no library would encode."""

    def __init__(self, port: int, folder: Path, transfer_syntax: str) -> None:
        self._port, self._file, self._transfer_syntax = port, folder / "raw", transfer_syntax
        self._association: Association | None = None

    def send(self, encoded: bytes, sop_uid: str) -> int | None:
        """The status of one C-STORE; None if the peer cut the association off."""
        association = self._connected()
        meta = FileMetaDataset()
        meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = MRImageStorage, sop_uid
        meta.TransferSyntaxUID = self._transfer_syntax
        self._file.write_bytes(b"\0" * 128 + b"DICM" + encode_file_meta(meta) + encoded)
        return association.send_c_store(self._file).get("Status")

    def close(self) -> None:
        if self._association is not None and self._association.is_established:
            self._association.release()

    def _connected(self) -> Association:
        if self._association is None or not self._association.is_established:
            entity = AE(SENDER)
            entity.dimse_timeout = entity.acse_timeout = entity.network_timeout = 30
            entity.add_requested_context(MRImageStorage, self._transfer_syntax)
            self._association = entity.associate("127.0.0.1", self._port, ae_title=AE_TITLE)
        return self._association
