"""What the service is doing at this moment, in numbers; nothing here says who a patient is."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from spine_segmentation.pacs.ledger import Ledger

_RUNS = 20
_HOUR_SECONDS = 3600.0


@dataclass(frozen=True)
class Run:
    """One of the last jobs.

    Attributes:
        job_id: Its number.
        state: As in the ledger.
        images: How many images its series has.
        seconds: How long it took; None if it never ran.
        finished_at: When it ended, seconds since the epoch.
        reason: Why it was skipped or failed.
        preview: A picture of the result; None if there is none.
    """

    job_id: int
    state: str
    images: int
    seconds: float | None
    finished_at: float
    reason: str
    preview: Path | None


@dataclass(frozen=True)
class Snapshot:
    """The state of the queue.

    Attributes:
        receiving: Series that are not complete yet.
        jobs: Number of jobs by state.
        deliveries: Number of deliveries by destination and state.
        refusals: Number of objects that contradict what was accepted, by the reason why they were refused.
        finished_last_hour: Jobs that ended within the last hour.
        oldest_waiting_seconds: Age of the oldest job that waits; 0 if none does.
        runs: The last jobs, latest first.
    """

    receiving: int
    jobs: dict[str, int]
    deliveries: dict[tuple[str, str], int]
    refusals: dict[str, int]
    finished_last_hour: int
    oldest_waiting_seconds: float
    runs: tuple[Run, ...]


def take_snapshot(ledger: Ledger, preview_root: Path | None) -> Snapshot:
    """Read the numbers from the ledger.

    Args:
        ledger: The ledger.
        preview_root: The spool, if previews may be shown; None otherwise.

    Returns:
        The numbers of the moment.
    """
    now = time.time()
    waiting = _number(ledger, "SELECT MIN(created_at) FROM job WHERE state IN ('READY', 'RUNNING')")
    jobs = ledger.rows("SELECT state, COUNT(*) AS n FROM job GROUP BY state")
    deliveries = ledger.rows("SELECT destination, state, COUNT(*) AS n FROM delivery GROUP BY state, destination")
    refusals = ledger.rows("SELECT reason, COUNT(*) AS n FROM refusal GROUP BY reason")
    return Snapshot(
        receiving=int(_number(ledger, "SELECT COUNT(*) FROM series WHERE state='RECEIVING'")),
        jobs={row["state"]: row["n"] for row in jobs},
        deliveries={(row["destination"], row["state"]): row["n"] for row in deliveries},
        refusals={row["reason"]: row["n"] for row in refusals},
        finished_last_hour=int(_number(ledger, "SELECT COUNT(*) FROM job WHERE finished_at>?", now - _HOUR_SECONDS)),
        oldest_waiting_seconds=max(0.0, now - waiting) if waiting else 0.0,
        runs=_runs(ledger, preview_root),
    )


def _runs(ledger: Ledger, preview_root: Path | None) -> tuple[Run, ...]:
    rows = ledger.rows(
        "SELECT job.*, (SELECT COUNT(*) FROM instance WHERE instance.series_uid=job.series_uid) AS images,"
        " (SELECT path FROM result WHERE job_id=job.id LIMIT 1) AS path"
        " FROM job WHERE finished_at IS NOT NULL ORDER BY finished_at DESC, id DESC LIMIT ?",
        _RUNS,
    )
    return tuple(
        Run(
            job_id=row["id"],
            state=row["state"],
            images=row["images"],
            seconds=row["finished_at"] - row["started_at"] if row["started_at"] else None,
            finished_at=row["finished_at"],
            reason=row["reason"],
            preview=_preview(preview_root, row["path"]),
        )
        for row in rows
    )


def _preview(root: Path | None, path: str | None) -> Path | None:
    from spine_segmentation.io.outputs import OVERLAY_FILE

    if root is None or path is None:
        return None
    picture = root / Path(path).with_name(OVERLAY_FILE)
    return picture if picture.is_file() else None


def _number(ledger: Ledger, query: str, *values: float) -> float:
    row = ledger.row(query, *values)
    return float(row[0]) if row is not None and row[0] is not None else 0.0
