"""What pynetdicom leaves open in an association server: bounds on what a peer may send and how long it may hesitate,
and a handshake that waits in the association's own thread.
"""

from __future__ import annotations

import logging
import socket
import socketserver
import ssl
from collections.abc import Callable
from typing import Any

from pynetdicom import AE, evt
from pynetdicom.association import Association
from pynetdicom.transport import ThreadedAssociationServer

from spine_segmentation.pacs.artim import Artim

logger = logging.getLogger(__name__)


ACSE_TIMEOUT_SECONDS = 15.0
"""A connection that is no association after so long is cut off."""


REQUEST_BYTES = 128 * 1024
"""A request may be longer than the PDUs that it negotiates: 128 contexts of 30 transfer syntaxes need 110 KB."""


class BoundedEntity(AE):
    """An application entity whose ``maximum_associations`` limits associations, and no other connections."""

    @property
    def active_associations(self) -> list[Association]:
        """Those that were asked for and not rejected."""
        return [item for item in super().active_associations if item.requestor.primitive and not item.is_rejected]


class BoundedServer(ThreadedAssociationServer):
    """An association server that many may call at once, and none may hold up."""

    request_queue_size = 128

    def __init__(self, *arguments: Any, **options: Any) -> None:  # noqa: ANN401
        self._artim = Artim(ACSE_TIMEOUT_SECONDS, self.request_queue_size)
        super().__init__(*arguments, **options)
        self.bind(evt.EVT_CONN_OPEN, self._artim.opened)
        self.bind(evt.EVT_ESTABLISHED, self._artim.established)
        self.bind(evt.EVT_CONN_CLOSE, self._artim.closed)

    def service_actions(self) -> None:
        """Do what is to be done from time to time."""
        super().service_actions()
        self._artim.expire()

    def get_request(self) -> tuple[socket.socket, tuple[str, int]]:
        """Accept a connection; with TLS the handshake comes with the first bytes that the association reads."""
        if self.socket is None:
            raise OSError("the server is closed")
        client, address = self.socket.accept()
        client.settimeout(self.ae.network_timeout)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.ssl_context:
            client = self.ssl_context.wrap_socket(client, server_side=True, do_handshake_on_connect=False)
        return client, address

    def shutdown(self) -> None:
        """Stop accepting connections; associations stay open."""
        socketserver.BaseServer.shutdown(self)
        self.server_close()
        self._artim.end()

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401
        """Log what went wrong with a connection."""
        logger.warning("a connection failed before an association was made")


class BoundedReceive:
    """Reads from an association's socket as long as a message stays within its bounds.

    Args:
        receive: ``recv`` of the association's socket, which returns exactly the number of bytes asked for.
        max_pdu_bytes: Longest PDU.
        max_message_bytes: Most bytes of one DIMSE message.
    """

    def __init__(self, receive: Callable[[int], bytearray], max_pdu_bytes: int, max_message_bytes: int) -> None:
        self._receive = receive
        self._max_pdu_bytes, self._max_message_bytes = max_pdu_bytes, max_message_bytes
        self._received = 0

    def __call__(self, count: int) -> bytearray:
        """Read.

        Args:
            count: Number of bytes.

        Raises:
            OSError: If that exceeds a bound, or the connection fails; pynetdicom then closes it.
        """
        self._received += count
        if count > self._max_pdu_bytes or self._received > self._max_message_bytes:
            logger.warning("a peer sends more than the configured limit and is cut off")
            raise OSError("limit exceeded")
        try:
            return self._receive(count)
        except ssl.SSLError as error:
            logger.warning("a TLS connection failed: %s", error.reason)
            raise

    def begin_message(self) -> None:
        """Start counting anew."""
        self._received = 0


def bound(event: evt.Event, max_pdu_bytes: int, max_message_bytes: int) -> None:
    """Put bounds on a connection that was just opened.

    Args:
        event: Of ``EVT_CONN_OPEN``.
        max_pdu_bytes: Longest PDU.
        max_message_bytes: Most bytes of one DIMSE message.
    """
    connection = event.assoc.dul.socket
    if connection is not None:
        receive = BoundedReceive(connection.recv, max_pdu_bytes, max_message_bytes)
        connection.recv = receive  # type: ignore[method-assign,assignment]


def begin_message(event: evt.Event) -> None:
    """Note that a DIMSE message is complete.

    Args:
        event: Of ``EVT_DIMSE_RECV``.
    """
    receive = getattr(event.assoc.dul.socket, "recv", None)
    if isinstance(receive, BoundedReceive):
        receive.begin_message()
