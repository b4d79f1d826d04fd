"""The time that a connection has until it is an association, and how many may be in between.

DICOM has such a timer (ARTIM, PS3.8 9.1.5), and pynetdicom implements it, but looks at it only between two reads: who
sends a byte now and then would keep the connection for hours.
"""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections import OrderedDict
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from pynetdicom import evt
from pynetdicom.association import Association

logger = logging.getLogger(__name__)


class Artim:
    """Cuts off connections that do not become associations.

    Args:
        seconds: The time that each has, its TLS handshake included.
        most: So many may be in between; the oldest makes room for one more, because an honest peer asks at once.
    """

    def __init__(self, seconds: float, most: int) -> None:
        self._seconds, self._most = seconds, most
        self._ends: OrderedDict[Association, float] = OrderedDict()
        self._lock = threading.Lock()

    def opened(self, event: evt.Event) -> None:
        """Begin to measure.

        Args:
            event: Of ``EVT_CONN_OPEN``.
        """
        with self._lock:
            self._ends[event.assoc] = time.monotonic() + self._seconds
            surplus = [self._ends.popitem(last=False)[0] for _ in range(len(self._ends) - self._most)]
        cut_off(surplus)

    def established(self, event: evt.Event) -> None:
        """End to measure.

        Args:
            event: Of ``EVT_ESTABLISHED``.
        """
        with self._lock:
            self._ends.pop(event.assoc, None)

    def closed(self, event: evt.Event) -> None:
        """End to measure, and let the thread go that waits for a request.

        Args:
            event: Of ``EVT_CONN_CLOSE``.
        """
        self.established(event)
        if event.assoc.requestor.primitive is None:
            waiting: Any = event.assoc.dul.to_user_queue
            waiting.put(None)  # what it takes for a time-out

    def expire(self) -> None:
        """Cut off the connections whose time is over."""
        with self._lock:
            now = time.monotonic()
            overdue = [association for association, end in self._ends.items() if end <= now]
            for association in overdue:
                del self._ends[association]
        if overdue:
            logger.warning("%d connections have asked for no association in time", len(overdue))
        cut_off(overdue)

    def end(self) -> None:
        """Cut off every connection that is no association."""
        with self._lock:
            remaining = [*self._ends]
            self._ends.clear()
        cut_off(remaining)


def cut_off(associations: Sequence[Association]) -> None:
    """Shut the sockets of associations: the thread that reads from one then finds the connection closed.

    Args:
        associations: They, or connections that may become such.
    """
    for association in associations:
        connection = association.dul.socket.socket if association.dul.socket else None
        if connection is not None:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
