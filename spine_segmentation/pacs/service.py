"""All parts of ``serve``, put together."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Callable, Sequence
from types import FrameType

from spine_segmentation.errors import Interrupted
from spine_segmentation.pacs import jobs
from spine_segmentation.pacs.activity import Activity
from spine_segmentation.pacs.commitment import CommitmentListener, CommitmentRequester
from spine_segmentation.pacs.config import Destination, DicomDestination, ServeConfig
from spine_segmentation.pacs.delivery import Deliverer
from spine_segmentation.pacs.dicom_sender import DicomSender
from spine_segmentation.pacs.dispatch import Dispatcher
from spine_segmentation.pacs.intake import Intake
from spine_segmentation.pacs.ledger import Ledger
from spine_segmentation.pacs.loop import Loop
from spine_segmentation.pacs.metrics import ServiceCollector
from spine_segmentation.pacs.orthanc import OrthancClient
from spine_segmentation.pacs.readiness import Readiness
from spine_segmentation.pacs.receiver import Receiver
from spine_segmentation.pacs.reconcile import Reconciler
from spine_segmentation.pacs.removed_destinations import RemovedDestinations
from spine_segmentation.pacs.retention import Retention
from spine_segmentation.pacs.snapshot import Snapshot, take_snapshot
from spine_segmentation.pacs.spool import Spool
from spine_segmentation.pacs.status_page import StatusPage
from spine_segmentation.pacs.web_sender import WebSender
from spine_segmentation.pacs.withdrawal import Withdrawal
from spine_segmentation.pacs.worker import Worker, worker_command

logger = logging.getLogger(__name__)

_POLL_SECONDS = 0.5
_RETENTION_SECONDS = 60.0
_WITHDRAWAL_SECONDS = 5.0
_JOIN_SECONDS = 15.0


class Service:
    """One running ``serve``.

    Args:
        settings: The configuration.
        command: Command line of the worker; None for the one with the real networks.

    Raises:
        UsageError: If the configuration does not work, or another service runs on the spool.
        OutputError: If the spool cannot be created.
    """

    def __init__(self, settings: ServeConfig, command: Sequence[str] | None = None) -> None:
        self._settings = settings
        self._destinations = [destination.name for destination in settings.destinations]
        self._stop = threading.Event()
        self.spool = Spool(settings.spool)
        self.ledger = Ledger(self.spool.ledger_file)
        self.activity = Activity()
        self.intake = Intake(
            self.spool,
            self.ledger,
            min_free_bytes=settings.receiver.min_free_bytes,
            max_object_bytes=settings.receiver.max_object_bytes,
            corrected_headers=settings.receiver.corrected_headers,
            group=settings.readiness.group,
        )
        listener = CommitmentListener(self.ledger, settings.delivery.max_refusals)
        self.receiver = Receiver(settings.receiver, self.intake, self.activity, listener)
        processing = settings.processing
        self.worker = Worker(command or worker_command(processing), processing.timeout_seconds, self._stop)
        self._dispatcher = self._make_dispatcher()
        self._page = self._make_page()

    def run(self) -> None:
        """Work until SIGTERM or SIGINT, then end in order.

        Raises:
            UsageError: If another service runs on the spool.
            OutputError: If the address is taken.
            Interrupted: If a part of it failed beyond repair; its supervisor should start it again.
        """
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)
        with self.spool.exclusive():
            loops = self.start()
            self._stop.wait()
            self.stop(loops)
        if any(loop.has_failed for loop in loops):
            raise Interrupted("a part of the service failed", expected="none to", remedy="see the log; start it again")

    def start(self) -> list[Loop]:
        """Clean up after the last run, and start every part.

        Returns:
            The running threads.
        """
        litter = self.spool.sweep(self._known_paths())
        jobs.recover(self.ledger)
        logger.info("%d files of an earlier run were removed", litter)
        loops = [Loop(name, step, interval, self._stop) for name, step, interval in self._steps()]
        if self._page is not None:
            self._page.start()
        self.receiver.start()
        for loop in loops:
            loop.start()
        return loops

    def stop(self, loops: Sequence[Loop]) -> None:
        """End every part, the receiver first; what is unfinished is finished after the next start.

        Args:
            loops: From :meth:`start`.
        """
        logger.info("stopping")
        self.receiver.stop()
        self.intake.stop()
        self._stop.set()
        if self._page is not None:
            self._page.stop()
        for loop in loops:
            loop.join(_JOIN_SECONDS)
        self._dispatcher.stop()
        self.ledger.close()

    def find_trouble(self) -> str:
        """Say why the service is not ready for work.

        Returns:
            The reason; empty if the service is ready.
        """
        if not self.worker.is_up:
            return f"the worker is not up: {self.worker.trouble or 'it is being started'}"
        if self.spool.free_bytes() < self._settings.receiver.min_free_bytes:
            return "too little free space"
        return ""

    def snapshot(self) -> Snapshot:
        """Read the state of the queue.

        Returns:
            The numbers of the moment.
        """
        return take_snapshot(self.ledger, self.spool.root if self._previews else None)

    @property
    def _previews(self) -> bool:
        return self._settings.status_page is not None and self._settings.status_page.previews

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self._stop.set()

    def _known_paths(self) -> frozenset[str]:
        query = "SELECT path FROM instance WHERE path IS NOT NULL UNION SELECT path FROM result WHERE path IS NOT NULL"
        return frozenset(row["path"] for row in self.ledger.rows(query))

    def _steps(self) -> list[tuple[str, Callable[[], bool], float]]:
        settings = self._settings
        readiness = Readiness(settings.readiness, self.ledger, self.activity, settings.receiver.ae_title)
        retention = Retention(self.ledger, self.spool, settings.retention.keep_seconds)
        removed = RemovedDestinations(self.ledger, self._destinations, settings.retention.keep_seconds)
        steps: list[tuple[str, Callable[[], bool], float]] = [
            ("readiness", readiness.step, _POLL_SECONDS),
            ("dispatch", self._dispatcher.step, _POLL_SECONDS),
            ("retention", retention.step, _RETENTION_SECONDS),
            ("removed destinations", removed.step, _RETENTION_SECONDS),
        ]
        for destination in settings.destinations:
            steps.append((f"delivery to {destination.name}", self._make_deliverer(destination).step, _POLL_SECONDS))
        return steps + self._orthanc_steps()

    def _orthanc_steps(self) -> list[tuple[str, Callable[[], bool], float]]:
        orthanc = self._settings.orthanc
        if orthanc is None:
            return []
        steps: list[tuple[str, Callable[[], bool], float]] = []
        client = OrthancClient(orthanc)
        if orthanc.sweep_seconds is not None:
            reconciler = Reconciler(orthanc, self._settings.readiness.quiet_seconds, self.ledger, client)
            steps.append(("reconcile", reconciler.step, orthanc.sweep_seconds))
        if orthanc.delete_superseded:
            steps.append(("withdrawal", Withdrawal(self.ledger, OrthancClient(orthanc)).step, _WITHDRAWAL_SECONDS))
        return steps

    def _make_dispatcher(self) -> Dispatcher:
        return Dispatcher(
            self.spool,
            self.ledger,
            self.worker,
            destinations=self._destinations,
            results=self._settings.results,
            max_attempts=self._settings.processing.max_attempts,
            min_free_bytes=self._settings.receiver.min_free_bytes,
            previews=self._previews,
        )

    def _make_deliverer(self, destination: Destination) -> Deliverer:
        settings, ae_title = self._settings.delivery, self._settings.receiver.ae_title
        if not isinstance(destination, DicomDestination):
            sender = WebSender(destination, self.spool)
            return Deliverer(destination.name, sender, None, settings, self.ledger)
        wanted = destination.storage_commitment
        requester = CommitmentRequester(destination, ae_title, self.ledger) if wanted else None
        sender_ = DicomSender(destination, ae_title, self.spool)
        return Deliverer(destination.name, sender_, requester, settings, self.ledger)

    def _make_page(self) -> StatusPage | None:
        if self._settings.status_page is None:
            return None
        gauges: dict[str, tuple[str, Callable[[], float]]] = {
            "worker_up": ("Whether the worker is up", lambda: float(self.worker.is_up)),
            "worker_starts": ("Worker processes started", lambda: float(self.worker.starts)),
            "associations": ("Open associations", lambda: float(self.receiver.associations)),
            "spool_free_bytes": ("Free space of the spool", lambda: float(self.spool.free_bytes())),
            "busy_seconds": ("Time spent on jobs", lambda: self._dispatcher.seconds_busy),
        }
        collector = ServiceCollector(self.snapshot, self.intake.counts, gauges)
        return StatusPage(self._settings.status_page, self.snapshot, self.find_trouble, collector)
