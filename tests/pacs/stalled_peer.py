"""A peer that is accepted, begins a message, and then neither finishes it nor reacts to anything."""

from __future__ import annotations

import socket
import struct
import threading
from contextlib import suppress

from pynetdicom import AE
from pynetdicom.pdu import A_ASSOCIATE_RQ
from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]

from tests.pacs.lab import AE_TITLE, SENDER

_P_DATA = 4
_BYTES = 100_000
_PAUSE_SECONDS = 0.1


class StalledPeer:
    """Sends the header of a PDU of 100,000 bytes and then one byte after the other, until it is stopped.

    Its bytes are its own: the library's associations would end with the abort that they receive.

    Args:
        port: Of the receiver.
    """

    def __init__(self, port: int) -> None:
        self._end = threading.Event()
        self._connection = socket.create_connection(("127.0.0.1", port))
        self._connection.sendall(_request(port))
        self._connection.recv(4096)
        self._connection.sendall(struct.pack(">BBL", _P_DATA, 0, _BYTES))
        self._thread = threading.Thread(target=self._drip, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Close the connection."""
        self._end.set()
        self._thread.join()
        self._connection.close()

    def _drip(self) -> None:
        with suppress(OSError):
            while not self._end.wait(_PAUSE_SECONDS):
                self._connection.sendall(b"\0")


def _request(port: int) -> bytes:
    """The request of an association that was accepted."""
    entity = AE(SENDER)
    entity.add_requested_context(Verification)
    polite = entity.associate("127.0.0.1", port, ae_title=AE_TITLE)
    request = A_ASSOCIATE_RQ(polite.requestor.primitive).encode()
    polite.release()
    return request
