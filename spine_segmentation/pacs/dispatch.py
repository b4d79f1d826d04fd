"""Gives jobs to the worker and records what comes of them."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from pathlib import Path

import pydicom
from pydantic import ValidationError

from spine_segmentation.io.outputs import STATUS_FILE
from spine_segmentation.io.status import StatusDocument
from spine_segmentation.pacs import jobs
from spine_segmentation.pacs.config import Results
from spine_segmentation.pacs.jobs import Job, ResultObject
from spine_segmentation.pacs.ledger import Ledger
from spine_segmentation.pacs.protocol import Reply, Request
from spine_segmentation.pacs.spool import Spool
from spine_segmentation.pacs.worker import Worker

logger = logging.getLogger(__name__)

_SKIPPED = {3, 5}
"""Exit codes that say: this series is nothing for us."""
_BAD_INPUT = 4
_LATER_SECONDS = 15.0
"""A job that could not be done for want of space, or whose worker crashed, waits so long."""


class Dispatcher:
    """Processes one job after the other.

    Args:
        spool: The files.
        ledger: The jobs.
        worker: Does the work.
        destinations: Names of the destinations that results go to.
        results: Which objects a result has.
        max_attempts: So many crashes make a job fail.
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
        previews: bool,
    ) -> None:
        self._spool, self._ledger, self._worker = spool, ledger, worker
        self._destinations, self._results = destinations, results
        self._max_attempts, self._previews = max_attempts, previews
        self._not_before: dict[int, float] = {}
        self.seconds_busy = 0.0

    def step(self) -> bool:
        """Process the next job.

        Returns:
            Whether there was one.

        Raises:
            OSError: If a file cannot be read or written; the job is back in the queue.
            sqlite3.Error: If the ledger cannot be written.
        """
        if not self._worker.start():
            return False
        if self._ledger.row("SELECT 1 FROM job WHERE state='RUNNING'"):  # its end could not be recorded
            jobs.recover(self._ledger)
        now = time.monotonic()
        self._not_before = {job_id: due for job_id, due in self._not_before.items() if due > now}
        job = jobs.claim(self._ledger, self._worker.model, tuple(self._not_before))
        if job is None:
            return False
        try:
            self._process(job)
        except OSError as error:
            self._later(job, f"files cannot be read or written ({error.strerror})")
        self.seconds_busy += time.monotonic() - now
        return True

    def stop(self) -> None:
        """End the worker and put what it was doing back into the queue."""
        self._worker.kill()
        jobs.recover(self._ledger)

    def _process(self, job: Job) -> None:
        work = self._spool.open_work(job.inputs)
        try:
            reply = self._worker.run(self._request(job, work))
            self._record(job, work, reply, _read_status(work / "output" / STATUS_FILE))
        finally:
            self._spool.close_work(work)

    def _request(self, job: Job, work: Path) -> Request:
        return Request(
            input=work / "input",
            output=work / "output",
            version=job.version,
            predecessors=job.predecessors,
            study_uid=job.study_uid,
            results=self._results,
            preview=self._previews,
        )

    def _crashed(self, job: Job) -> None:
        """Treat a job whose worker is gone; stopped with the service it does not count as an attempt."""
        stopped = self._worker.is_stopping
        logger.log(logging.INFO if stopped else logging.ERROR, "the worker ended during job %d", job.id)
        if stopped:
            jobs.give_back(self._ledger, job.id, "", crashed=False, max_attempts=self._max_attempts)
        else:
            self._count_attempt(job, "the worker crashed or took too long")

    def _count_attempt(self, job: Job, reason: str) -> None:
        """Give a job back that may have been the worker's undoing; the others come first."""
        self._not_before[job.id] = time.monotonic() + _LATER_SECONDS
        jobs.give_back(self._ledger, job.id, reason, crashed=True, max_attempts=self._max_attempts)

    def _record(self, job: Job, work: Path, reply: Reply | None, status: StatusDocument | None) -> None:
        if status is not None and status.state == "failed":
            self._failed(job, status)
        elif status is None or reply is None:
            self._crashed(job)
        else:
            self._succeeded(job, work, reply)

    def _succeeded(self, job: Job, work: Path, reply: Reply) -> None:
        folder = self._spool.publish(work, f"job-{job.id}")
        results = [_describe(self._spool, f"{folder}/{name}") for name in reply.objects]
        if not jobs.finish(self._ledger, job, results, self._destinations):
            self._spool.remove_folder(folder)
        logger.info("job %d is done", job.id)

    def _failed(self, job: Job, status: StatusDocument) -> None:
        error = status.error
        reason = f"{error.type}: {error.message}" if error else "unknown"
        if status.exit_code in _SKIPPED:
            jobs.end(self._ledger, job.id, "SKIPPED", reason)
        elif status.exit_code == _BAD_INPUT:
            jobs.end(self._ledger, job.id, "FAILED", reason)
        elif error and error.type == "OutputError":
            self._later(job, reason)
        else:
            self._count_attempt(job, reason)

    def _later(self, job: Job, reason: str) -> None:
        logger.warning("job %d waits: %s", job.id, reason)
        self._not_before[job.id] = time.monotonic() + _LATER_SECONDS
        jobs.give_back(self._ledger, job.id, reason, crashed=False, max_attempts=self._max_attempts)


def _read_status(path: Path) -> StatusDocument | None:
    try:
        return StatusDocument.model_validate_json(path.read_bytes())
    except (FileNotFoundError, ValidationError):
        return None


def _describe(spool: Spool, path: str) -> ResultObject:
    header = pydicom.dcmread(spool.absolute(path), specific_tags=["SOPClassUID", "SOPInstanceUID", "SeriesInstanceUID"])
    return ResultObject(str(header.SOPInstanceUID), str(header.SOPClassUID), str(header.SeriesInstanceUID), path)
