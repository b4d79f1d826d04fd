"""Gives jobs to the worker and records what comes of them."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pydicom
from pydantic import ValidationError

from spine_segmentation.errors import DiskFull
from spine_segmentation.io.outputs import STATUS_FILE
from spine_segmentation.io.status import StatusDocument
from spine_segmentation.pacs import jobs
from spine_segmentation.pacs.claims import Batch, claim
from spine_segmentation.pacs.config import Results
from spine_segmentation.pacs.jobs import Job, ResultObject
from spine_segmentation.pacs.ledger import Ledger
from spine_segmentation.pacs.protocol import Request, SeriesRequest
from spine_segmentation.pacs.spool import EXHAUSTED, Spool
from spine_segmentation.pacs.worker import Worker

logger = logging.getLogger(__name__)

_SKIPPED = {3, 5}
"""Exit codes that say: this series is nothing for us."""
_BAD_INPUT = 4
_LATER_SECONDS = 15.0
"""A job that could not be done for want of space, or whose worker crashed, waits so long."""
_LONGER = 4.0
"""With each further attempt it waits so many times longer: a passing trouble, such as want of memory, shall be over."""
_LONGEST_SECONDS = 3600.0
"""It waits no longer than so, however many attempts it may have."""


class Dispatcher:
    """Processes one job, or the jobs of one study, after the other.

    Args:
        spool: The files.
        ledger: The jobs.
        worker: Does the work.
        destinations: Names of the destinations that results go to.
        results: Which objects a result has.
        max_attempts: So many attempts that end in a crash, or for another reason beside the input, make a job fail.
        min_free_bytes: Below this much free space a worker that says nothing more is no crash: not even that may fit.
        previews: Whether pictures are made.
    """

    def __init__(
        self,
        spool: Spool,
        ledger: Ledger,
        worker: Worker,
        *,
        destinations: Sequence[str],
        results: Results,
        max_attempts: int,
        min_free_bytes: int,
        previews: bool,
    ) -> None:
        self._spool, self._ledger, self._worker = spool, ledger, worker
        self._destinations, self._results = destinations, results
        self._max_attempts, self._min_free_bytes, self._previews = max_attempts, min_free_bytes, previews
        self._not_before: dict[int, float] = {}
        self.seconds_busy = 0.0

    def step(self) -> bool:
        """Process the next job.

        Returns:
            Whether there was one.

        Raises:
            sqlite3.Error: If the ledger cannot be written.
        """
        if not self._worker.start():
            return False
        if self._ledger.row("SELECT 1 FROM job WHERE state='RUNNING'"):  # its end could not be recorded
            jobs.recover(self._ledger)
        now = time.monotonic()
        self._not_before = {job_id: due for job_id, due in self._not_before.items() if due > now}
        batch = claim(self._ledger, self._worker.model, self._max_attempts, tuple(self._not_before))
        if batch is None:
            return False
        self._process(batch)
        self.seconds_busy += time.monotonic() - now
        return True

    def stop(self) -> None:
        """End the worker and put what it was doing back into the queue."""
        self._worker.kill()
        jobs.recover(self._ledger)

    def _process(self, batch: Batch) -> None:
        waiting = list(batch.jobs)
        try:
            with self._work_folder(batch) as work:
                reply = self._worker.run(self._request(batch, work))
                whole = _read_status(work / STATUS_FILE)
                for job in batch.jobs:
                    number = list(batch.series).index(job.series_uid)
                    self._record(job, work / str(number) / "output", whole, reply.objects[number] if reply else None)
                    waiting.remove(job)
        except OSError as error:
            reason = f"files cannot be read or written ({error.strerror})"
            treat = self._later if error.errno in EXHAUSTED else self._count_attempt
            for job in waiting:
                treat(job, reason)

    @contextmanager
    def _work_folder(self, batch: Batch) -> Iterator[Path]:
        work = self._spool.open_work([*batch.series.values()])
        try:
            yield work
        finally:
            self._spool.close_work(work)

    def _request(self, batch: Batch, work: Path) -> Request:
        jobs_of = {job.series_uid: job for job in batch.jobs}
        return Request(
            folder=work,
            series=tuple(
                _series_request(work / str(number), jobs_of.get(series_uid))
                for number, series_uid in enumerate(batch.series)
            ),
            study_uid=batch.jobs[0].study_uid,
            results=self._results,
            preview=self._previews,
        )

    def _crashed(self, job: Job) -> None:
        """Treat a job whose worker is gone: no attempt where the service was stopped or the disk is full."""
        stopped = self._worker.is_stopping
        logger.log(logging.INFO if stopped else logging.ERROR, "the worker ended during job %d", job.id)
        if stopped:
            jobs.give_back(self._ledger, job.id, "", crashed=False, max_attempts=self._max_attempts)
        elif self._spool.free_bytes() < self._min_free_bytes:
            self._later(job, "the worker ended, and there is too little free space")
        else:
            self._count_attempt(job, "the worker crashed or took too long")

    def _count_attempt(self, job: Job, reason: str) -> None:
        """Give a job back that may fail for good; the others come first."""
        logger.warning("job %d has failed: %s", job.id, reason)
        if job.attempts + 1 < self._max_attempts:  # else the operator's word is waited for, and nothing after it
            self._not_before[job.id] = time.monotonic() + wait_after(job.attempts)
        jobs.give_back(self._ledger, job.id, reason, crashed=True, max_attempts=self._max_attempts)

    def _record(self, job: Job, output: Path, whole: StatusDocument | None, objects: tuple[str, ...] | None) -> None:
        """Record what came of a job; the worker's own trouble is that of every job it had."""
        status = whole if whole is None or whole.state == "failed" else _read_status(output / STATUS_FILE)
        if status is not None and status.state == "failed":
            self._failed(job, status)
        elif status is None or objects is None:
            self._crashed(job)
        else:
            self._succeeded(job, output, objects)

    def _succeeded(self, job: Job, output: Path, objects: Sequence[str]) -> None:
        folder = self._spool.publish(output, f"job-{job.id}")
        results = [_describe(self._spool, f"{folder}/{name}") for name in objects]
        reason = "named apart: processing it with its study had failed" if job.apart else ""
        if not jobs.finish(self._ledger, job, results, self._destinations, reason):
            self._spool.remove_folder(folder)
        logger.info("job %d is done", job.id)

    def _failed(self, job: Job, status: StatusDocument) -> None:
        error = status.error
        reason = f"{error.type}: {error.message}" if error else "unknown"
        if status.exit_code in _SKIPPED:
            jobs.end(self._ledger, job.id, "SKIPPED", reason)
        elif status.exit_code == _BAD_INPUT:
            jobs.end(self._ledger, job.id, "FAILED", reason)
        elif error and error.type == DiskFull.__name__:
            self._later(job, reason)
        else:
            self._count_attempt(job, reason)

    def _later(self, job: Job, reason: str) -> None:
        """Give a job back for which there is no space now, however often."""
        logger.warning("job %d waits: %s", job.id, reason)
        self._not_before[job.id] = time.monotonic() + _LATER_SECONDS
        jobs.give_back(self._ledger, job.id, reason, crashed=False, max_attempts=self._max_attempts)


def wait_after(attempts: int) -> float:
    """Tell how long a job waits after an attempt that failed.

    Args:
        attempts: How many had failed before.

    Returns:
        Seconds.
    """
    return min(_LONGEST_SECONDS, _LATER_SECONDS * _LONGER ** min(attempts, 10))


def _series_request(folder: Path, job: Job | None) -> SeriesRequest:
    """Ask for the objects of a job; without one the series only takes part in the naming."""
    if job is None:
        return SeriesRequest(input=folder / "input")
    return SeriesRequest(
        input=folder / "input", output=folder / "output", version=job.version, predecessors=job.predecessors
    )


def _read_status(path: Path) -> StatusDocument | None:
    try:
        return StatusDocument.model_validate_json(path.read_bytes())
    except (FileNotFoundError, ValidationError):
        return None


def _describe(spool: Spool, path: str) -> ResultObject:
    header = pydicom.dcmread(spool.absolute(path), specific_tags=["SOPClassUID", "SOPInstanceUID", "SeriesInstanceUID"])
    return ResultObject(
        sop_uid=str(header.SOPInstanceUID),
        sop_class=str(header.SOPClassUID),
        series_uid=str(header.SeriesInstanceUID),
        path=path,
        sha256=spool.digest(path),
    )
