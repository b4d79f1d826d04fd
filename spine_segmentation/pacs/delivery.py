"""Delivers results to one destination, for as long as it takes."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Protocol

from spine_segmentation.pacs import config, deliveries
from spine_segmentation.pacs.attempt import Attempt, Outcome, Parcel
from spine_segmentation.pacs.backoff import Backoff
from spine_segmentation.pacs.commitment import CommitmentRequester
from spine_segmentation.pacs.ledger import Ledger

logger = logging.getLogger(__name__)

BATCH = 20
"""So many objects at most go on one association."""

WINDOW = 10_000
"""Among so many those are looked for that are due: the others, which wait after a refusal, must not hold them up."""

_DESTINATION = ""
"""Key of the back-off of the destination as a whole; objects have their UIDs as keys."""


class Sender(Protocol):
    """Sends objects to one destination."""

    def send(self, parcels: Sequence[Parcel]) -> list[Attempt]:
        """Send objects.

        Args:
            parcels: The objects.

        Returns:
            How it went with each, in the same order.
        """


class Deliverer:
    """Works through the deliveries of one destination.

    Args:
        name: Of the destination.
        sender: Sends to it.
        requester: Asks it for storage commitment; None if that is not wanted.
        settings: How stubborn to be.
        ledger: The deliveries.
    """

    def __init__(
        self,
        name: str,
        sender: Sender,
        requester: CommitmentRequester | None,
        settings: config.Delivery,
        ledger: Ledger,
    ) -> None:
        self.name = name
        self._sender, self._requester, self._settings, self._ledger = sender, requester, settings, ledger
        self._backoff = Backoff(settings.first_delay_seconds, settings.longest_delay_seconds)
        self._interrupted: set[str] = set()
        """The objects that the destination has cut off since it last stored one."""

    def step(self) -> bool:
        """Send what is due, and see to commitments.

        Returns:
            Whether there may be more to send at once.

        Raises:
            UsageError: If the TLS files cannot be used.
            OutputError: If the destination cuts the association of a commitment request off.
        """
        if self._requester is not None:
            self._requester.step()
        waiver_seconds = self._settings.commitment_waiver_seconds if self._requester is not None else 0.0
        deliveries.waive_old(self._ledger, self.name, waiver_seconds)
        if not self._backoff.is_due(_DESTINATION):
            return False
        waiting = deliveries.pending(self._ledger, self.name, WINDOW)
        # an operator's resubmission, which resets the refusals, begins anew
        self._backoff.keep({_DESTINATION, *(parcel.sop_uid for parcel in waiting if parcel.refusals)})
        due = [parcel for parcel in waiting if self._backoff.is_due(parcel.sop_uid)]
        due = sorted(due, key=lambda parcel: (parcel.sop_uid in self._interrupted, parcel.refusals))[:BATCH]
        if not due:
            return False
        attempts = self._sender.send(due)
        for parcel, attempt in zip(due, attempts, strict=True):
            self._record(parcel, attempt)
        return all(attempt.outcome is Outcome.STORED for attempt in attempts)

    def _record(self, parcel: Parcel, attempt: Attempt) -> None:
        if attempt.outcome is Outcome.STORED:
            self._interrupted.clear()
            self._backoff.succeeded(_DESTINATION)
            awaits = self._requester is not None and self._requester.is_offered
            deliveries.mark_stored(self._ledger, self.name, parcel.sop_uid, awaits_commitment=awaits)
        elif attempt.outcome is Outcome.REFUSED or self._is_to_blame(parcel, attempt):
            self._backoff.failed(parcel.sop_uid)
            logger.warning("%s did not take a result: %s", self.name, attempt.reason)
            deliveries.mark_refused(
                self._ledger, self.name, parcel.sop_uid, attempt.reason, self._settings.max_refusals
            )
        elif self._backoff.is_due(_DESTINATION):
            wait = self._backoff.failed(_DESTINATION)
            logger.warning("%s is not reachable (%s); next try in %.0f s", self.name, attempt.reason, wait)

    def _is_to_blame(self, parcel: Parcel, attempt: Attempt) -> bool:
        """Whether an object is why the destination was lost over it: it is the only one since one was stored.

        The trouble is the destination's own if it cuts off one object after the other. These are tried for ever, behind
        all others.
        """
        if attempt.outcome is not Outcome.INTERRUPTED:
            return False
        self._interrupted.add(parcel.sop_uid)
        return self._interrupted == {parcel.sop_uid}
