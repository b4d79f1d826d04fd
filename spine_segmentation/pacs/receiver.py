"""The Storage SCP."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import cast

from pydicom.uid import UID
from pynetdicom import _config, evt
from pynetdicom.association import Association
from pynetdicom.dimse_primitives import C_STORE
from pynetdicom.dsutils import encode_file_meta
from pynetdicom.sop_class import StorageCommitmentPushModel, Verification  # type: ignore[attr-defined]
from pynetdicom.transport import ThreadedAssociationServer

from spine_segmentation.pacs import config
from spine_segmentation.pacs.activity import Activity
from spine_segmentation.pacs.artim import cut_off
from spine_segmentation.pacs.association import (
    ACSE_TIMEOUT_SECONDS,
    REQUEST_BYTES,
    BoundedEntity,
    BoundedServer,
    begin_message,
    bound,
)
from spine_segmentation.pacs.intake import Arrival, Intake
from spine_segmentation.pacs.listening import cannot_listen
from spine_segmentation.pacs.tls import server_context

logger = logging.getLogger(__name__)

DIMSE_TIMEOUT_SECONDS = 30.0
SHUTDOWN_GRACE_SECONDS = 10.0
ABORT_SECONDS = 0.5
"""Long enough to send an A-ABORT."""
COMMAND_BYTES = 64 * 1024
"""What a message may have beyond its data set: the command set and the PDU headers' share."""

SERVICES: dict[UID, dict[str, bool]] = {
    Verification: {},
    StorageCommitmentPushModel: {"scu_role": False, "scp_role": True},
}
"""What is answered beside storage, with the roles that a caller may select: a destination reports as SCP."""

CommitmentHandler = Callable[[evt.Event], tuple[int, None]]


class Receiver:
    """Listens for associations; each runs in a thread of its own.

    Args:
        settings: Addresses, limits, who may call.
        intake: Takes the objects.
        activity: Is told about every one of them.
        on_commitment: Handles storage commitment reports, which a destination sends on an association of its own.
    """

    def __init__(
        self, settings: config.Receiver, intake: Intake, activity: Activity, on_commitment: CommitmentHandler
    ) -> None:
        self._settings, self._intake, self._activity = settings, intake, activity
        self._on_commitment = on_commitment
        self._ae = _application_entity(settings)
        self._server: ThreadedAssociationServer | None = None

    @property
    def associations(self) -> int:
        """How many are open."""
        return len(self._ae.active_associations)

    @property
    def port(self) -> int:
        """The port that is listened at."""
        return self._settings.port

    def start(self) -> None:
        """Begin to listen.

        Raises:
            UsageError: If the TLS files cannot be used.
            OutputError: If the address is taken or not ours.
        """
        settings = self._settings
        context = server_context(settings.tls) if settings.tls else None
        try:
            server = self._ae.make_server(
                (settings.host, settings.port),
                ae_title=settings.ae_title,
                ssl_context=context,
                evt_handlers=self._handlers(),
                server_class=BoundedServer,
            )
        except OSError as error:
            raise cannot_listen(settings.host, settings.port, error) from error
        self._server = server
        threading.Thread(target=server.serve_forever, name="receiver", daemon=True).start()
        logger.info("listening at %s:%d as %s", settings.host, settings.port, settings.ae_title)

    def stop(self) -> None:
        """Accept no more associations, let the open ones finish for a while, abort the rest."""
        if self._server is not None:
            self._server.shutdown()
        deadline = time.monotonic() + SHUTDOWN_GRACE_SECONDS
        while any(item.is_established for item in self._ae.active_associations) and time.monotonic() < deadline:
            time.sleep(0.05)
        self._abort(self._ae.active_associations)

    def _abort(self, associations: Sequence[Association]) -> None:
        """Abort associations; a peer that stalls in the middle of a PDU would keep an abort from being sent."""
        for association in associations:
            association.abort(block=False)
        if associations:
            time.sleep(ABORT_SECONDS)
        cut_off(associations)
        for association in associations:
            association.kill()

    def _handlers(self) -> list[evt.EventHandlerType]:
        return [
            (evt.EVT_CONN_OPEN, self._opened),
            (evt.EVT_CONN_CLOSE, self._closed),
            (evt.EVT_DIMSE_RECV, begin_message),
            (evt.EVT_C_STORE, self._store),
            (evt.EVT_N_EVENT_REPORT, self._on_commitment),
            (evt.EVT_REJECTED, _log_rejection),
            (evt.EVT_ABORTED, self._aborted),
        ]

    def _opened(self, event: evt.Event) -> None:
        settings = self._settings
        longest = max(settings.max_pdu_bytes, REQUEST_BYTES) + 6
        bound(event, longest, settings.max_object_bytes + COMMAND_BYTES, settings.network_timeout_seconds)

    def _closed(self, event: evt.Event) -> None:
        self._activity.close(id(event.assoc))

    def _aborted(self, event: evt.Event) -> None:
        logger.warning("an association was aborted")
        self._activity.close(id(event.assoc))

    def _store(self, event: evt.Event) -> int:
        """Answer a C-STORE request; pynetdicom sends the status when this returns."""
        request = cast(C_STORE, event.request)
        arrival = Arrival(
            encoded=event.encoded_dataset(include_meta=False),
            meta=b"\x00" * 128 + b"DICM" + encode_file_meta(event.file_meta),
            transfer_syntax=str(event.context.transfer_syntax),
            sop_class=str(request.AffectedSOPClassUID),
            sop_uid=str(request.AffectedSOPInstanceUID),
            calling_ae=str(event.assoc.requestor.ae_title),
        )
        with ExitStack() as stack:
            stack.push(_log_defect)
            status, series_uid = self._intake.accept(arrival)
        if series_uid:
            self._activity.touch(id(event.assoc), series_uid)
        return int(status)


def _application_entity(settings: config.Receiver) -> BoundedEntity:
    # pynetdicom keeps these for the whole process. Unrestricted: every storage class is accepted, also one that it does
    # not know, in the transfer syntax that is proposed first; a list of contexts would only be copied each time.
    _config.UNRESTRICTED_STORAGE_SERVICE = True
    _config.STORE_SEND_CHUNKED_DATASET = True
    _config.LOG_HANDLER_LEVEL = "none"
    logging.getLogger("pynetdicom").setLevel(logging.CRITICAL)  # it quotes data sets
    entity = BoundedEntity(settings.ae_title)
    entity.maximum_associations = settings.max_associations
    entity.maximum_pdu_size = settings.max_pdu_bytes
    entity.network_timeout = settings.network_timeout_seconds
    entity.acse_timeout, entity.dimse_timeout = ACSE_TIMEOUT_SECONDS, DIMSE_TIMEOUT_SECONDS
    entity.require_called_aet = True
    entity.require_calling_aet = list(settings.allowed_ae_titles)
    for sop_class, roles in SERVICES.items():
        entity.add_supported_context(sop_class, **roles)
    return entity


def _log_defect(kind: type[BaseException] | None, *_: object) -> None:
    """Name what nobody foresaw; it goes on to pynetdicom, which answers ``StoreStatus.UNEXPECTED`` and logs nothing."""
    if kind is not None:
        logger.error("an object could not be stored: unexpected %s", kind.__name__)


def _log_rejection(event: evt.Event) -> None:
    requestor = event.assoc.requestor.primitive
    logger.warning("an association was rejected: calling %r", getattr(requestor, "calling_ae_title", "?"))
