"""Associations that we ask for."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import AE
from pynetdicom.association import Association

from spine_segmentation.errors import OutputError
from spine_segmentation.pacs.config import RemoteAe
from spine_segmentation.pacs.tls import client_context

logger = logging.getLogger(__name__)

CONNECT_TIMEOUT_SECONDS = 10.0
ANSWER_TIMEOUT_SECONDS = 60.0

DEFAULT_SYNTAXES = (ImplicitVRLittleEndian, ExplicitVRLittleEndian)
"""What is proposed for messages without pixels."""

Context = tuple[str, Sequence[str]]
"""A SOP class and the transfer syntaxes to propose for it, one presentation context each; none for the defaults."""


@contextmanager
def call(remote: RemoteAe, ae_title: str, contexts: Sequence[Context]) -> Iterator[Association | None]:
    """Hold an association for the length of a block.

    Args:
        remote: Whom to call.
        ae_title: What to call ourselves.
        contexts: What to propose.

    Yields:
        The association; None if the remote's name is not known, or it cannot be reached, or rejects it.

    Raises:
        UsageError: If the TLS files cannot be used.
        OutputError: If the block uses an association that the remote has cut off.
    """
    association = _associate(remote, ae_title, contexts)
    if association is None:
        yield None
        return
    if association.is_rejected:
        logger.warning("%s rejects our association: %s", remote.ae_title, _reason(association))
    try:
        yield association if association.is_established else None
    except RuntimeError as error:
        if association.is_established:
            raise
        raise OutputError(
            f"the association with {remote.ae_title} was cut off",
            expected="a peer that stays until it is released",
            remedy="nothing: it is tried again; look at the peer if that happens again and again",
        ) from error
    finally:
        if association.is_established:
            association.release()


def _associate(remote: RemoteAe, ae_title: str, contexts: Sequence[Context]) -> Association | None:
    """Ask for an association; None where the name server knows no such host, or does not answer."""
    tls = (client_context(remote.tls), remote.host) if remote.tls else None
    try:
        return _entity(ae_title, contexts).associate(remote.host, remote.port, ae_title=remote.ae_title, tls_args=tls)
    except OSError as error:
        logger.warning("%s cannot be called (%s)", remote.ae_title, error.strerror or type(error).__name__)
        return None


def _reason(association: Association) -> str:
    """Say why a peer has rejected an association, e.g. that it does not know our title."""
    answer = association.acceptor.primitive
    return answer.reason_str if answer is not None else "no reason given"


def _entity(ae_title: str, contexts: Sequence[Context]) -> AE:
    entity = AE(ae_title)
    entity.connection_timeout = CONNECT_TIMEOUT_SECONDS
    entity.acse_timeout, entity.dimse_timeout = CONNECT_TIMEOUT_SECONDS, ANSWER_TIMEOUT_SECONDS
    entity.network_timeout = ANSWER_TIMEOUT_SECONDS
    for sop_class, transfer_syntaxes in contexts:
        for transfer_syntax in transfer_syntaxes:
            entity.add_requested_context(sop_class, transfer_syntax)
        if not transfer_syntaxes:
            entity.add_requested_context(sop_class, list(DEFAULT_SYNTAXES))
    return entity
