"""Delivers objects by C-STORE, with the bytes they were first written with."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import pydicom
from pydicom.filereader import read_file_meta_info
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom.association import Association

from spine_segmentation.io.dicom_headers import UNREADABLE
from spine_segmentation.pacs.attempt import NO_FILE, Attempt, Outcome, Parcel, judge_status
from spine_segmentation.pacs.calling import Context, call
from spine_segmentation.pacs.config import DicomDestination
from spine_segmentation.pacs.spool import Spool

logger = logging.getLogger(__name__)

_Letter = tuple[Parcel, str]
"""An object and the transfer syntax that its file is written in."""

_ASSOCIATION_LOST = Attempt(Outcome.UNREACHABLE, "the association was lost")


class DicomSender:
    """Sends to one C-STORE destination.

    Args:
        destination: Where to.
        ae_title: What to call ourselves.
        spool: Where the objects are.
    """

    def __init__(self, destination: DicomDestination, ae_title: str, spool: Spool) -> None:
        self._destination, self._ae_title, self._spool = destination, ae_title, spool

    def send(self, parcels: Sequence[Parcel]) -> list[Attempt]:
        """Send objects on one association.

        Args:
            parcels: The objects.

        Returns:
            How it went with each.

        Raises:
            UsageError: If the TLS files cannot be used.
        """
        syntaxes = [self._transfer_syntax(parcel) for parcel in parcels]
        readable = [(parcel, syntax) for parcel, syntax in zip(parcels, syntaxes, strict=True) if syntax]
        attempts = iter(self._send(readable) if readable else ())
        return [next(attempts) if syntax else NO_FILE for syntax in syntaxes]

    def _send(self, letters: Sequence[_Letter]) -> list[Attempt]:
        with call(self._destination, self._ae_title, _contexts(letters)) as association:
            if association is None:
                return [Attempt(Outcome.UNREACHABLE, "no association")] * len(letters)
            attempts: list[Attempt] = []
            for parcel, syntax in letters:
                # the library notices a lost association late: what is sent on it then waits for the time-out
                is_lost = not association.is_established or Outcome.INTERRUPTED in {item.outcome for item in attempts}
                attempts.append(_ASSOCIATION_LOST if is_lost else self._store(association, parcel, syntax))
            return attempts

    def _transfer_syntax(self, parcel: Parcel) -> str:
        """Read the transfer syntax of an object; empty if its file is missing or damaged."""
        if not self._spool.is_intact(parcel.path, parcel.sha256):
            return ""
        try:
            return str(read_file_meta_info(self._spool.absolute(parcel.path)).TransferSyntaxUID)
        except UNREADABLE:
            return ""

    def _store(self, association: Association, parcel: Parcel, syntax: str) -> Attempt:
        accepted = {
            str(context.transfer_syntax[0])
            for context in association.accepted_contexts
            if context.abstract_syntax == parcel.sop_class
        }
        path = self._spool.absolute(parcel.path)
        if accepted.isdisjoint(sendable_in(syntax)):
            return Attempt(Outcome.REFUSED, "SOP class or transfer syntax not accepted")
        try:
            # pynetdicom sends a file as it is, and converts a data set to the transfer syntax that was accepted
            status = association.send_c_store(path if syntax in accepted else pydicom.dcmread(path))
        except RuntimeError:
            return _ASSOCIATION_LOST
        except UNREADABLE as error:
            return Attempt(Outcome.REFUSED, f"cannot be sent ({type(error).__name__})")
        answer = status.get("Status")
        return Attempt(Outcome.INTERRUPTED, "cut off, or no answer") if answer is None else judge_status(answer)


def sendable_in(syntax: str) -> tuple[str, ...]:
    """List the transfer syntaxes that an object can be sent in.

    Args:
        syntax: The one that it is written in.

    Returns:
        This one, and for Explicit VR Little Endian also Implicit VR Little Endian, to which it can be converted.
    """
    return (syntax, ImplicitVRLittleEndian) if syntax == ExplicitVRLittleEndian else (syntax,)


def _contexts(letters: Sequence[_Letter]) -> list[Context]:
    """Propose, for each class, every syntax alone, so that the destination cannot choose another."""
    pairs = {(parcel.sop_class, sent) for parcel, syntax in letters for sent in sendable_in(syntax)}
    return [(sop_class, (syntax,)) for sop_class, syntax in sorted(pairs)]
