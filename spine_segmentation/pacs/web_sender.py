"""Delivers objects by STOW-RS, with the bytes they were first written with."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

import requests

from spine_segmentation.pacs.attempt import NO_FILE, Attempt, Outcome, Parcel
from spine_segmentation.pacs.config import WebDestination
from spine_segmentation.pacs.spool import Spool
from spine_segmentation.pacs.store_report import judge_answer
from spine_segmentation.pacs.web_session import web_session

_TIMEOUT_SECONDS = (10.0, 60.0)


class WebSender:
    """Sends to one STOW-RS destination.

    Args:
        destination: Where to.
        spool: Where the objects are.

    Raises:
        UsageError: If the password file cannot be read.
    """

    def __init__(self, destination: WebDestination, spool: Spool) -> None:
        self._url, self._spool = f"{str(destination.url).rstrip('/')}/studies", spool
        self._session = web_session(destination.username, destination.password_file, destination.authority)

    def send(self, parcels: Sequence[Parcel]) -> list[Attempt]:
        """Send objects, each in a request of its own, so that each has its own answer.

        Args:
            parcels: The objects.

        Returns:
            How it went with each.
        """
        return [self._store(parcel) for parcel in parcels]

    def _store(self, parcel: Parcel) -> Attempt:
        boundary = uuid.uuid4().hex
        if not self._spool.is_intact(parcel.path, parcel.sha256):
            return NO_FILE
        content = self._spool.absolute(parcel.path).read_bytes()
        body = b"--%b\r\nContent-Type: application/dicom\r\n\r\n%b\r\n--%b--\r\n"
        headers = {
            "Content-Type": f'multipart/related; type="application/dicom"; boundary={boundary}',
            "Accept": "application/dicom+json",
        }
        try:
            response = self._session.post(
                self._url,
                data=body % (boundary.encode(), content, boundary.encode()),
                headers=headers,
                timeout=_TIMEOUT_SECONDS,
                allow_redirects=False,  # a redirected POST becomes a GET, without the object
            )
        except requests.RequestException as error:
            return Attempt(Outcome.UNREACHABLE, type(error).__name__)
        return judge_answer(response.status_code, response.content)
