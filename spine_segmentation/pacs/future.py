"""Times that lie in the future: the machine's clock was ahead when they were noted, and was set back since.

Or it stands in the past now and the times are right, which is for the caller to rule out.
"""

from __future__ import annotations

import time

from spine_segmentation.pacs.ledger import Ledger

_STATEMENTS = (
    "UPDATE job SET created_at=:now WHERE state IN ('READY', 'RUNNING') AND created_at>:now",
    "UPDATE job SET finished_at=:now WHERE finished_at>:now",
    "UPDATE delivery SET sent_at=:now WHERE state='SENT' AND sent_at>:now",
    "UPDATE refusal SET refused_at=:now WHERE refused_at>:now",
    "UPDATE removed_destination SET noticed_at=:now WHERE noticed_at>:now",
    "UPDATE commitment SET requested_at=:now WHERE requested_at>:now",
)


def end_future(ledger: Ledger) -> None:
    """Count them as now, so that nothing waits for longer than its time from here on.

    Args:
        ledger: Where they are.
    """
    values = {"now": time.time()}
    with ledger.transaction() as db:
        for statement in _STATEMENTS:
            db.execute(statement, values)
