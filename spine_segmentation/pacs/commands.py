"""The commands ``serve``, ``queue`` and ``reconcile``."""

from __future__ import annotations

import logging
import sqlite3
import time
from enum import StrEnum
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from spine_segmentation.errors import UsageError

if TYPE_CHECKING:
    from spine_segmentation.pacs.ledger import Ledger
    from spine_segmentation.pacs.spool import Spool

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
queue = typer.Typer(help="Look at the queue of a service, and help it on.", no_args_is_help=True)
app.add_typer(queue, name="queue")
console = Console(markup=False, emoji=False)

_EXTRA = ("prometheus_client", "pynetdicom", "requests", "starlette", "uvicorn")
"""What the extra ``pacs`` installs, by name of import."""

Config = Annotated[Path, typer.Argument(metavar="CONFIG", help="Configuration of the service, YAML.")]
JobId = Annotated[int, typer.Argument(metavar="JOB", help="Number of the job.")]


class State(StrEnum):
    """The states of a job."""

    READY = "ready"
    RUNNING = "running"
    DONE = "done"
    SKIPPED = "skipped"
    FAILED = "failed"
    SUPERSEDED = "superseded"


@app.command()
def serve(config: Config) -> None:
    """Receive series by DICOM, segment them and send the results back. Research use only."""
    _require_extra()
    from spine_segmentation.pacs.config import load_config
    from spine_segmentation.pacs.service import Service

    logging.getLogger("spine_segmentation").setLevel(logging.INFO)
    Service(load_config(config)).run()


@app.command()
def reconcile(config: Config) -> None:
    """Have Orthanc send every recent MR series that has not reached the service."""
    _require_extra()
    from spine_segmentation.pacs.config import load_config
    from spine_segmentation.pacs.orthanc import OrthancClient
    from spine_segmentation.pacs.reconcile import Reconciler

    settings = load_config(config)
    if settings.orthanc is None:
        raise UsageError("no section 'orthanc'", expected="one in the configuration", remedy="add it; see docs/pacs.md")
    ledger, _ = _open(config)
    reconciler = Reconciler(settings.orthanc, settings.readiness.quiet_seconds, ledger, OrthancClient(settings.orthanc))
    console.print(f"{reconciler.sweep()} series were asked for")


@queue.command("list")
def list_jobs(
    config: Config,
    number: Annotated[int, typer.Option(min=1, help="So many, latest first.")] = 50,
    state: Annotated[State | None, typer.Option(case_sensitive=False, help="Those in this state alone.")] = None,
) -> None:
    """List jobs and what is not delivered."""
    ledger, _ = _open(config)
    wanted = state.upper() if state else None
    table = Table("job", "state", "created", "series", "images", "attempts", "undelivered", "dead", "reason")
    for row in ledger.rows(
        "SELECT job.*, (SELECT COUNT(*) FROM instance WHERE instance.series_uid=job.series_uid) AS images,"
        " (SELECT COUNT(*) FROM delivery JOIN result USING(sop_uid) WHERE job_id=job.id"
        "   AND delivery.state IN ('PENDING', 'SENT')) AS undelivered,"
        " (SELECT COUNT(*) FROM delivery JOIN result USING(sop_uid) WHERE job_id=job.id"
        "   AND delivery.state='DEAD') AS dead FROM job WHERE state=? OR ? IS NULL ORDER BY id DESC LIMIT ?",
        wanted,
        wanted,
        number,
    ):
        columns = ("images", "attempts", "undelivered", "dead", "reason")
        table.add_row(
            str(row["id"]), row["state"], _time(row["created_at"]), row["series_uid"], *(str(row[c]) for c in columns)
        )
    console.print(table)


@queue.command()
def show(config: Config, job_id: JobId) -> None:
    """Show one job and its deliveries."""
    ledger, _ = _open(config)
    job = _find(ledger, job_id)
    for key in ("id", "series_uid", "state", "reason", "model", "attempts"):
        console.print(f"{key}: {job[key]}", highlight=False)
    for key in ("created_at", "started_at", "finished_at"):
        console.print(f"{key}: {_time(job[key])}", highlight=False)
    for row in ledger.rows("SELECT delivery.*, path FROM delivery JOIN result USING(sop_uid) WHERE job_id=?", job_id):
        console.print(
            f"{row['sop_uid']} to {row['destination']}: {row['state']} {row['reason']}"
            f" (refused {row['refusals']} times; {row['path'] or 'deleted'})",
            highlight=False,
            soft_wrap=True,
        )


@queue.command()
def retry(
    config: Config,
    job_ids: Annotated[list[int] | None, typer.Argument(metavar="[JOB]...", help="Numbers of jobs.")] = None,
    all_failed: Annotated[
        bool, typer.Option("--all-failed", help="Every dead letter, and every failed job that no later one replaces.")
    ] = False,
) -> None:
    """Send dead letters again; without any, process a failed job again, or a finished one with a newer model."""
    if all_failed == bool(job_ids):
        raise UsageError("no jobs, or too many", expected="numbers of jobs or --all-failed", remedy="pass one of them")
    ledger, _ = _open(config)
    wanted = [_find(ledger, job_id)["id"] for job_id in job_ids] if job_ids else _failed(ledger)
    hopeless = [str(job_id) for job_id in dict.fromkeys(wanted) if not _retry(ledger, job_id)]
    if hopeless:
        raise UsageError(
            f"cannot be processed again: job {', '.join(hopeless)}",
            expected="jobs that have ended, whose images are there and have not changed since",
            remedy="send the series again",
        )


@queue.command()
def purge(
    config: Config,
    job_id: JobId,
    undelivered: Annotated[bool, typer.Option("--undelivered", help="Even if results were not delivered.")] = False,
) -> None:
    """Delete the images and results of a job's series, and of those that are named together with it."""
    from spine_segmentation.pacs.retention import purge as purge_group

    ledger, spool = _open(config)
    if not purge_group(ledger, spool, _group_of(ledger, job_id), undelivered=undelivered):
        raise UsageError(
            f"the series of job {job_id} is in work or not delivered",
            expected="a series that is finished and delivered",
            remedy="wait, or pass --undelivered to give up its results",
        )
    console.print("deleted")


@queue.command()
def readmit(config: Config, job_id: JobId) -> None:
    """Let deleted images of a job's series, and of those named together with it, come again, corrected or not."""
    from spine_segmentation.pacs.retention import readmit as readmit_group

    ledger, spool = _open(config)
    images = readmit_group(ledger, spool, _group_of(ledger, job_id))
    if not images:
        raise UsageError(
            f"the series of job {job_id} has no deleted images, or is in work",
            expected="a series whose images were deleted by retention or 'queue purge', or are missing from the spool",
            remedy="send the images: as long as the earlier ones are here, they are compared with them",
        )
    console.print(f"{images} images may come again")


def _group_of(ledger: Ledger, job_id: int) -> str:
    from spine_segmentation.pacs.content import group_of

    series_uid = _find(ledger, job_id)["series_uid"]
    with ledger.transaction() as db:
        return group_of(db, series_uid)


def _require_extra() -> None:
    """Make sure that the packages of the extra ``pacs`` are there, before an import fails."""
    missing = [package for package in _EXTRA if find_spec(package) is None]
    if missing:
        raise UsageError(
            f"packages that are not installed: {', '.join(missing)}",
            expected="those of the extra 'pacs'",
            remedy='pip install "spine-segmentation[pacs]"',
        )


def _open(config: Path) -> tuple[Ledger, Spool]:
    from spine_segmentation.pacs.config import load_config
    from spine_segmentation.pacs.ledger import Ledger
    from spine_segmentation.pacs.spool import Spool

    spool = Spool(load_config(config).spool)
    return Ledger(spool.ledger_file), spool


def _retry(ledger: Ledger, job_id: int) -> bool:
    """Try one job or its deliveries again, and say which; False if neither can be."""
    from spine_segmentation.pacs import deliveries, jobs

    dead = deliveries.resubmit(ledger, job_id)
    if dead:
        console.print(f"job {job_id}: {dead} deliveries are tried again", highlight=False)
    elif jobs.retry(ledger, job_id):
        console.print(f"job {job_id} is in the queue", highlight=False)
    else:
        return False
    return True


def _failed(ledger: Ledger) -> list[int]:
    """The jobs that have failed, are not purged nor replaced by a later one of the series, or have dead letters."""
    rows = ledger.rows(
        "SELECT id FROM job WHERE (state='FAILED' AND purged=0 AND id=(SELECT MAX(id) FROM job AS other"
        " WHERE other.series_uid=job.series_uid)) OR id IN"
        " (SELECT job_id FROM result JOIN delivery USING(sop_uid) WHERE delivery.state='DEAD') ORDER BY id"
    )
    return [row["id"] for row in rows]


def _find(ledger: Ledger, job_id: int) -> sqlite3.Row:
    row = ledger.row("SELECT * FROM job WHERE id=?", job_id)
    if row is None:
        raise UsageError(f"no job {job_id}", expected="a number of 'queue list'", remedy="check the number")
    return row


def _time(seconds: float | None) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds)) if seconds else ""
