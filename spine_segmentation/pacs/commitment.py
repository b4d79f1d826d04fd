"""Storage commitment: a destination's word that it keeps what we sent (PS3.4 Annex J)."""

from __future__ import annotations

import logging
import threading
import time

from pydicom import Dataset
from pydicom.uid import generate_uid
from pynetdicom import evt
from pynetdicom.association import Association
from pynetdicom.sop_class import StorageCommitmentPushModel, Verification  # type: ignore[attr-defined]

from spine_segmentation.io.dicom_headers import items, text
from spine_segmentation.pacs import deliveries
from spine_segmentation.pacs.attempt import Parcel
from spine_segmentation.pacs.calling import Context, call
from spine_segmentation.pacs.config import DicomDestination
from spine_segmentation.pacs.ledger import Ledger

logger = logging.getLogger(__name__)

COMMITMENT: Context = (StorageCommitmentPushModel, ())
ECHO: Context = (Verification, ())
"""Is asked for beside it where a destination rejects it, to learn whether it is there at all."""

_PUSH_MODEL_INSTANCE = "1.2.840.10008.1.20.1.1"
_REQUEST = 1
_BATCH = 200
"""So many objects at most are named in one request."""
_OUTSTANDING = 10_000
"""So many objects at most wait for a report before the first of them must be reported or waived."""
_REPEAT_SECONDS = 120.0
"""A request without a report is made again after so long."""

_SUCCESS, _INVALID_ARGUMENT, _OUT_OF_RESOURCES = 0x0000, 0x0115, 0x0213


class CommitmentRequester:
    """Asks one destination to commit what it has stored.

    Args:
        destination: The destination.
        ae_title: What to call ourselves; the report comes to the receiver of this title.
        ledger: The deliveries.
    """

    def __init__(self, destination: DicomDestination, ae_title: str, ledger: Ledger) -> None:
        self._destination, self._ae_title, self._ledger = destination, ae_title, ledger
        self._asked: dict[Parcel, float] = {}
        self.is_offered = True

    def step(self) -> None:
        """Ask about everything that was sent and has not been asked about lately.

        Raises:
            UsageError: If the TLS files cannot be used.
            OutputError: If the destination cuts the association off; what was asked is asked again later.
        """
        now = time.monotonic()
        name = self._destination.name
        sent = deliveries.uncommitted(self._ledger, name, _OUTSTANDING)
        asked = {parcel: self._asked[parcel] for parcel in sent if parcel in self._asked}
        self._asked = {parcel: moment for parcel, moment in asked.items() if now - moment < _REPEAT_SECONDS}
        due = [parcel for parcel in sent if parcel not in self._asked][:_BATCH]
        if not due:
            return
        self._asked |= dict.fromkeys(due, now)
        with call(self._destination, self._ae_title, [COMMITMENT]) as association:
            if association is not None:
                self._ask(association, due)
            elif self._is_rejected():
                self.is_offered = False
                uids = [parcel.sop_uid for parcel in sent]
                deliveries.mark_delivered(self._ledger, name, uids, "stored; commitment not offered")

    def _is_rejected(self) -> bool:
        """Whether the destination can be reached and offers no storage commitment."""
        with call(self._destination, self._ae_title, [ECHO, COMMITMENT]) as association:
            if association is None:
                return False
            offered = {context.abstract_syntax for context in association.accepted_contexts}
            return StorageCommitmentPushModel not in offered

    def _ask(self, association: Association, parcels: list[Parcel]) -> None:
        transaction_uid = str(generate_uid())
        request = Dataset()
        request.TransactionUID = transaction_uid
        request.ReferencedSOPSequence = [_reference(parcel) for parcel in parcels]
        name = self._destination.name
        deliveries.begin_commitment(self._ledger, name, transaction_uid)
        status, _ = association.send_n_action(request, _REQUEST, StorageCommitmentPushModel, _PUSH_MODEL_INSTANCE)
        if status.get("Status") != _SUCCESS:
            logger.warning("%s did not take a commitment request", name)


class CommitmentListener:
    """Takes the reports.

    Args:
        ledger: The deliveries.
        max_refusals: So many failed commitments and refusals make a dead letter.
    """

    def __init__(self, ledger: Ledger, max_refusals: int) -> None:
        self._ledger, self._max_refusals = ledger, max_refusals
        self._lock = threading.Lock()

    def __call__(self, event: evt.Event) -> tuple[int, None]:
        """Record a report; what a destination could not commit is sent again.

        Args:
            event: Of ``EVT_N_EVENT_REPORT``.

        Returns:
            The status of the response, and None: a response has no content.
        """
        report = event.event_information
        with self._lock:
            destination = deliveries.destination_of(self._ledger, text(report, "TransactionUID"))
            if destination is None:
                logger.warning("a commitment report about nothing that was asked")
                return _INVALID_ARGUMENT, None
            deliveries.mark_delivered(
                self._ledger, destination, _referenced(report, "ReferencedSOPSequence"), "committed"
            )
            for sop_uid in _referenced(report, "FailedSOPSequence"):
                deliveries.mark_refused(self._ledger, destination, sop_uid, "not committed", self._max_refusals)
        return _SUCCESS, None


def _reference(parcel: Parcel) -> Dataset:
    reference = Dataset()
    reference.ReferencedSOPClassUID, reference.ReferencedSOPInstanceUID = parcel.sop_class, parcel.sop_uid
    return reference


def _referenced(report: Dataset, keyword: str) -> list[str]:
    return [text(item, "ReferencedSOPInstanceUID") for item in items(report, keyword)]
