"""Deletes superseded results in Orthanc, once the version that took their place is delivered wherever it goes."""

from __future__ import annotations

import logging

from spine_segmentation.pacs.ledger import Ledger
from spine_segmentation.pacs.orthanc import OrthancClient

logger = logging.getLogger(__name__)

_DUE = (
    "SELECT old.sop_uid FROM result old JOIN job oldjob ON oldjob.id=old.job_id AND oldjob.state='SUPERSEDED'"
    " WHERE old.sop_uid NOT IN (SELECT sop_uid FROM withdrawal)"
    " AND 1=(SELECT MIN(delivery.state IN ('DELIVERED', 'CANCELLED')) AND MAX(delivery.state='DELIVERED')"
    "   FROM job new JOIN result ON result.job_id=new.id"
    "   JOIN delivery USING(sop_uid) WHERE new.series_uid=oldjob.series_uid AND new.state='DONE')"
)


class Withdrawal:
    """Removes what is out of date.

    Args:
        ledger: The results.
        client: The Orthanc.
    """

    def __init__(self, ledger: Ledger, client: OrthancClient) -> None:
        self._ledger, self._client = ledger, client

    def step(self) -> bool:
        """Delete what is due.

        Returns:
            False: there is nothing more to do at once.

        Raises:
            OutputError: If Orthanc cannot be reached; what is left is tried again.
        """
        for row in self._ledger.rows(_DUE):
            for identifier in self._client.find_instances(row["sop_uid"]):
                self._client.delete(f"/instances/{identifier}")
            with self._ledger.transaction() as db:
                db.execute("INSERT INTO withdrawal VALUES(?)", (row["sop_uid"],))
            logger.info("a superseded result was deleted in Orthanc")
        return False
