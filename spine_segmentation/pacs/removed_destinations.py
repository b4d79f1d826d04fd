"""Deliveries to destinations that the configuration no longer names.

They wait for as long as finished work is kept, because a destination may be missing by mistake: where it is back in
time, they go on. Then they are cancelled, so that their results can be deleted.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Sequence

from spine_segmentation.pacs.ledger import Ledger

logger = logging.getLogger(__name__)

_RETURNED = "DELETE FROM removed_destination WHERE name IN (SELECT value FROM json_each(?))"
_REMOVED = (
    "INSERT INTO removed_destination SELECT DISTINCT destination, ? FROM delivery"
    " WHERE state IN ('PENDING', 'SENT', 'DEAD') AND destination NOT IN (SELECT value FROM json_each(?))"
    " ON CONFLICT DO NOTHING RETURNING name"
)
_OVERDUE = (
    "UPDATE delivery SET state='CANCELLED', reason='destination removed from the configuration'"
    " WHERE state IN ('PENDING', 'SENT', 'DEAD')"
    " AND destination IN (SELECT name FROM removed_destination WHERE noticed_at<?)"
)


class RemovedDestinations:
    """Notices them, and cancels their deliveries in time.

    Args:
        ledger: The deliveries.
        destinations: Names of the destinations that there are.
        keep_seconds: How long the deliveries to others wait from when they are noticed.
    """

    def __init__(self, ledger: Ledger, destinations: Sequence[str], keep_seconds: float) -> None:
        self._ledger, self._destinations, self._keep_seconds = ledger, json.dumps(destinations), keep_seconds

    def step(self) -> bool:
        """Look through the deliveries.

        Returns:
            False: there is nothing more to do at once.
        """
        now = time.time()
        with self._ledger.transaction() as db:
            db.execute(_RETURNED, (self._destinations,))
            noticed = db.execute(_REMOVED, (now, self._destinations)).fetchall()
            cancelled = db.execute(_OVERDUE, (now - self._keep_seconds,)).rowcount
        for (name,) in noticed:
            logger.warning("%s is not in the configuration, but not all results were delivered to it", name)
        if cancelled:
            logger.warning("%d deliveries to removed destinations were cancelled", cancelled)
        return False
