"""What pynetdicom leaves open in an association server: bounds on what a peer may send and how long it may hesitate,
and a handshake that waits in the association's own thread.
"""

from __future__ import annotations

import logging
import socket
import socketserver
import ssl
import time
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
    """An association server that many may call at once, and none may hold up.

    Args:
        arguments: Passed on to pynetdicom's server.
        options: Likewise.
    """

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
        """Accept a connection.

        With TLS the handshake comes with the first bytes that the association reads.

        Returns:
            The connection, with the network time-out of the application entity, and the caller's address.

        Raises:
            OSError: If the server is closed, or a connection cannot be accepted.
        """
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
        """Log that a connection has failed, without its details.

        Args:
            request: The connection; not used.
            client_address: Of the caller; not used.
        """
        logger.warning("a connection failed before an association was made")


class BoundedReceive:
    """Reads from an association's socket as long as a message stays within its bounds.

    Args:
        connection: The association's socket.
        max_pdu_bytes: Longest PDU.
        max_message_bytes: Most bytes of one DIMSE message.
        seconds: How long a PDU may take to arrive once it has begun; the socket's own time-out is for each packet.
    """

    def __init__(self, connection: socket.socket, max_pdu_bytes: int, max_message_bytes: int, seconds: float) -> None:
        self._connection, self._seconds = connection, seconds
        self._max_pdu_bytes, self._max_message_bytes = max_pdu_bytes, max_message_bytes
        self._received = 0

    def __call__(self, count: int) -> bytearray:
        """Read.

        Args:
            count: Number of bytes.

        Returns:
            So many bytes; fewer if the connection ends before.

        Raises:
            OSError: If that exceeds a bound, or the connection fails; pynetdicom then closes it.
        """
        self._received += count
        if count > self._max_pdu_bytes or self._received > self._max_message_bytes:
            logger.warning("a peer sends more than the configured limit and is cut off")
            raise OSError("limit exceeded")
        try:
            return self._read(count)
        except ssl.SSLError as error:
            logger.warning("a TLS connection failed: %s", error.reason)
            raise
        except TimeoutError:
            logger.warning("a peer has stalled in the middle of a PDU and is cut off")
            raise
        finally:
            self._connection.settimeout(self._seconds)  # for the answers

    def _read(self, count: int) -> bytearray:
        deadline = time.monotonic() + self._seconds
        content = bytearray()
        while len(content) < count:
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                raise TimeoutError
            self._connection.settimeout(remaining)
            part = self._connection.recv(count - len(content))
            if not part:
                break
            content += part
        return content

    def begin_message(self) -> None:
        """Start counting anew."""
        self._received = 0


def bound(event: evt.Event, max_pdu_bytes: int, max_message_bytes: int, seconds: float) -> None:
    """Put bounds on a connection that was just opened.

    Args:
        event: Of ``EVT_CONN_OPEN``.
        max_pdu_bytes: Longest PDU.
        max_message_bytes: Most bytes of one DIMSE message.
        seconds: How long a PDU may take to arrive.
    """
    wrapper = event.assoc.dul.socket
    if wrapper is not None and wrapper.socket is not None:
        receive = BoundedReceive(wrapper.socket, max_pdu_bytes, max_message_bytes, seconds)
        wrapper.recv = receive  # type: ignore[method-assign,assignment]


def begin_message(event: evt.Event) -> None:
    """Note that a DIMSE message is complete.

    Args:
        event: Of ``EVT_DIMSE_RECV``.
    """
    receive = getattr(event.assoc.dul.socket, "recv", None)
    if isinstance(receive, BoundedReceive):
        receive.begin_message()
