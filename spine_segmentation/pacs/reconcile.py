"""Finds series in Orthanc that should have reached us and did not, and has them sent.

A stable-series event is lost on a restart, a crash, a script error or while the receiver is down. This sweep does not
depend on it: a series is owed if Orthanc has MR images of it that the ledger does not know.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from spine_segmentation.errors import OutputError
from spine_segmentation.pacs import config
from spine_segmentation.pacs.ledger import Ledger
from spine_segmentation.pacs.orthanc import OrthancClient, answering, read_time

logger = logging.getLogger(__name__)

_PAGE = 200


class Reconciler:
    """Compares Orthanc with the ledger.

    Args:
        settings: The Orthanc, and how far to look back.
        quiet_seconds: A series that still grows there is left alone.
        ledger: What has reached us.
        client: The Orthanc.
    """

    def __init__(self, settings: config.Orthanc, quiet_seconds: float, ledger: Ledger, client: OrthancClient) -> None:
        self._settings, self._quiet_seconds = settings, quiet_seconds
        self._ledger, self._client = ledger, client

    def step(self) -> bool:
        """Have everything sent that is owed.

        Returns:
            False: there is nothing more to do at once.

        Raises:
            OutputError: As :meth:`sweep`.
        """
        self.sweep()
        return False

    def sweep(self) -> int:
        """Have everything sent that is owed; a series that cannot be sent does not hold up the others.

        Returns:
            How many series were asked for.

        Raises:
            OutputError: If Orthanc cannot be reached, or, after all others were asked for, could not send some.
        """
        owed = self.owed()
        failed = [identifier for identifier in owed if not self._send(identifier)]
        if failed:
            raise OutputError(
                f"Orthanc could not send {len(failed)} of {len(owed)} series that are owed",
                expected="every one of them",
                remedy="see Orthanc's log for the reason; they are asked for again in the next sweep",
            )
        return len(owed)

    def owed(self) -> list[str]:
        """List the Orthanc identifiers of the series that are owed.

        Series that have not changed within the look-back time are history and are never owed.

        Returns:
            Identifiers of MR series that lack images here and have been quiet for long enough.

        Raises:
            OutputError: If Orthanc cannot be reached, or its answer has another shape.
        """
        now = self._client.now()  # the clock that notes when a series has changed, however wrong it or ours may be
        newest = now - timedelta(seconds=self._quiet_seconds)
        oldest = now - timedelta(hours=self._settings.look_back_hours)
        with answering():
            return [
                str(series["ID"])
                for series in self._series()
                if dict(series["MainDicomTags"]).get("Modality") == "MR"
                and oldest <= read_time(series["LastUpdate"]) <= newest
                and self._lacks_images(series)
            ]

    def _series(self) -> Iterator[Any]:
        since = 0
        while page := self._client.get(f"/series?expand&since={since}&limit={_PAGE}"):
            yield from page
            since += len(page)

    def _lacks_images(self, series: Any) -> bool:  # noqa: ANN401
        known = self._ledger.row(
            "SELECT COUNT(*) AS images FROM instance WHERE series_uid=?", series["MainDicomTags"]["SeriesInstanceUID"]
        )
        return known is not None and known["images"] < len(series["Instances"])

    def _send(self, identifier: str) -> bool:
        logger.info("a series that did not reach us is asked for")
        job = {"Resources": [identifier], "Synchronous": True, "Permissive": False}
        try:
            self._client.post(f"/modalities/{self._settings.modality}/store", job)
        except OutputError as error:
            logger.warning("a series was not sent: %s", error)
            return False
        return True
