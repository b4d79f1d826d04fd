"""A small radiology department: senders, a destination that can be switched off, and a service in a process."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from socketserver import BaseServer
from typing import Any

import numpy as np
import pydicom
import pytest
import yaml
from pydicom.dataset import Dataset
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLosslessSV1,
    RLELossless,
    SegmentationStorage,
    generate_uid,
)
from pynetdicom import AE, AllStoragePresentationContexts, build_role, evt
from pynetdicom.sop_class import StorageCommitmentPushModel, Verification

from spine_segmentation.pacs.ledger import Ledger
from spine_segmentation.volume import Volume
from tests.dicom_factory import save, write_series

AE_TITLE, SENDER, ARCHIVE = "SPINESEG", "SCANNER", "ARCHIVE"
ROOT = Path(__file__).parents[2]
PATIENCE_SECONDS = 180.0
"""How long to wait for what takes seconds: the machine may be busy with other work."""
OBJECTS_PER_RESULT = 2
"""Segmentation and report, which is what is configured by default."""

STORESCU_OPTIONS: dict[str, str] = {
    ExplicitVRLittleEndian: "-xe",
    DeflatedExplicitVRLittleEndian: "-xd",
    RLELossless: "-xr",
    JPEGLosslessSV1: "-xs",
    JPEG2000Lossless: "-xv",
}
"""The transfer syntaxes that scanners and archives send, and what dcmtk's sender is told to propose each."""

needs_dcmtk = pytest.mark.skipif(shutil.which("storescu") is None, reason="dcmtk is not installed")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def serving(server: BaseServer) -> Iterator[None]:
    """Let a server answer in the background."""
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()


def wait_for(condition: Callable[[], Any], what: str = "", seconds: float = PATIENCE_SECONDS) -> Any:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.05)
    raise TimeoutError(what or getattr(condition, "__name__", "condition"))


def make_series(folder: Path, *, images: int = 5, command: int = 500, size: int = 16, **header: Any) -> list[Path]:
    """A small series; the brightest voxel commands the stand-in worker."""
    array = np.random.default_rng(0).integers(0, 400, (images, size, size)).astype(np.int16)
    array[0, 0, 0] = command
    return write_series(Volume.from_axes(array, "RIP", (4, 1, 1)), folder, **header)


def transcode(paths: Iterable[Path], syntax: str) -> None:
    """Write files anew in a transfer syntax without loss, with the same UIDs; the JPEG encoder is dcmtk's."""
    for path in paths:
        if syntax == JPEGLosslessSV1:
            subprocess.run(["dcmcjpeg", "+e1", path, path], check=True)
        else:
            save(pydicom.dcmread(path), path, syntax)


def make_config(folder: Path, port: int, archive_port: int, **sections: Any) -> Path:
    """A quick configuration with one C-STORE destination."""
    config: dict[str, Any] = {
        "spool": "spool",
        "receiver": {"port": port, "allowed_ae_titles": [SENDER, ARCHIVE], "min_free_bytes": 1000},
        "readiness": {"quiet_seconds": 0.5},
        "destinations": [
            {
                "kind": "c-store",
                "name": "archive",
                "ae_title": ARCHIVE,
                "host": "127.0.0.1",
                "port": archive_port,
                "storage_commitment": False,
            }
        ],
        "delivery": {"first_delay_seconds": 0.2, "longest_delay_seconds": 1.0, "max_refusals": 3},
        "status_page": None,
    }
    for name, content in sections.items():
        merge = isinstance(content, dict) and isinstance(config.get(name), dict)
        config[name] = {**config[name], **content} if merge else content
    path = folder / "serve.yaml"
    path.write_text(yaml.safe_dump(config))
    return path


def send(
    port: int, paths: Iterable[Path | Dataset], *, calling: str = SENDER, called: str = AE_TITLE, **options: Any
) -> list[int | None]:
    """Send objects on one association; the statuses are as far as it got, None where there was no answer."""
    entity = AE(calling)
    entity.dimse_timeout = entity.acse_timeout = entity.network_timeout = 30
    objects = [pydicom.dcmread(path) if isinstance(path, Path) else path for path in paths]
    for sop_class, syntax in {(item.SOPClassUID, item.file_meta.TransferSyntaxUID) for item in objects}:
        entity.add_requested_context(sop_class, syntax)
    association = entity.associate("127.0.0.1", port, ae_title=called, **options)
    statuses: list[int | None] = []
    for item in objects:
        if not association.is_established:
            return statuses
        statuses.append(association.send_c_store(item).get("Status"))
    association.release()
    return statuses


def storescu(port: int, folder: Path, *options: str, called: str = AE_TITLE) -> subprocess.CompletedProcess[str]:
    """dcmtk's sender."""
    command = ["storescu", "-aet", SENDER, "-aec", called, "+sd", "+r", *options, "127.0.0.1", str(port), str(folder)]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=120, check=False, env=os.environ | {"TCP_NODELAY": "1"}
    )


def source_of(dataset: Dataset) -> str:
    """The series that one of our objects was made of."""
    if dataset.Modality != "SR":
        return str(dataset.ReferencedSeriesSequence[0].SeriesInstanceUID)
    (evidence,) = dataset.CurrentRequestedProcedureEvidenceSequence
    images = [s for s in evidence.ReferencedSeriesSequence if _is_of_images(s)]
    return str(images[0].SeriesInstanceUID)


def _is_of_images(series: Dataset) -> bool:
    return series.ReferencedSOPSequence[0].ReferencedSOPClassUID != SegmentationStorage


class Archive:
    """A destination. It keeps what it gets, counts every C-STORE, and commits on request."""

    def __init__(self, port: int | None = None) -> None:
        self.port = port or free_port()
        self.objects: dict[str, bytes] = {}
        self.stores: Counter[str] = Counter()
        self.status = 0x0000
        self.refused = ""
        self.service_port = 0
        self.commits = True
        self.reports = 0
        self._server: Any = None
        self._entity = AE(ARCHIVE)
        self._entity.add_supported_context(Verification)
        for context in AllStoragePresentationContexts:
            self._entity.add_supported_context(context.abstract_syntax, context.transfer_syntax)

    def offer_commitment(self, service_port: int) -> None:
        self.service_port = service_port
        self._entity.add_supported_context(StorageCommitmentPushModel)

    def start(self) -> Archive:
        handlers = [(evt.EVT_C_STORE, self._store), (evt.EVT_N_ACTION, self._commit)]
        self._server = self._entity.start_server(("127.0.0.1", self.port), block=False, evt_handlers=handlers)
        return self

    def stop(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server = None

    @property
    def datasets(self) -> list[Dataset]:
        from io import BytesIO

        return [pydicom.dcmread(BytesIO(content)) for content in self.objects.values()]

    def sources(self) -> Counter[str]:
        """How many different results each source series has here: the most objects of one kind."""
        counts = Counter((source_of(item), item.SOPClassUID) for item in self.datasets)
        return Counter({source: number for (source, _), number in reversed(counts.most_common())})

    def _store(self, event: evt.Event) -> int:
        if event.request.AffectedSOPClassUID == self.refused:
            return 0xC123
        if self.status == 0:
            uid = str(event.request.AffectedSOPInstanceUID)
            self.stores[uid] += 1
            self.objects[uid] = event.encoded_dataset()
        return self.status

    def _commit(self, event: evt.Event) -> tuple[int, None]:
        request = event.action_information
        threading.Thread(target=self._report, args=(request,), daemon=True).start()
        return 0x0000, None

    def _report(self, request: Dataset) -> None:
        time.sleep(0.2)
        report = Dataset()
        report.TransactionUID = request.TransactionUID
        kept = [item for item in request.ReferencedSOPSequence if self.commits]
        lost = [item for item in request.ReferencedSOPSequence if not self.commits]
        report.ReferencedSOPSequence = kept
        if lost:
            for item in lost:
                item.FailureReason = 0x0112
            report.FailedSOPSequence = lost
        entity = AE(ARCHIVE)
        entity.add_requested_context(StorageCommitmentPushModel)
        roles = [build_role(StorageCommitmentPushModel, scp_role=True)]
        association = entity.associate("127.0.0.1", self.service_port, ae_title=AE_TITLE, ext_neg=roles)
        if association.is_established:
            status, _ = association.send_n_event_report(
                report, 2 if lost else 1, StorageCommitmentPushModel, "1.2.840.10008.1.20.1.1"
            )
            self.reports += status.get("Status") == 0
            association.release()


class ServiceProcess:
    """``serve`` with the stand-in worker, in a process of its own."""

    def __init__(self, config: Path, *arguments: str, program: Sequence[str] | None = None) -> None:
        self.config = config
        content = yaml.safe_load(config.read_text())
        self.port = int(content["receiver"]["port"])
        self.spool = config.parent / content["spool"]
        self.log = config.parent / "serve.log"
        self._command = [*(program or [sys.executable, "-m", "tests.pacs.stand_in_service"]), str(config), *arguments]
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, *, wait: bool = True, **variables: str) -> ServiceProcess:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self._command, cwd=ROOT, stdout=log, stderr=log, env=os.environ | {"OMP_NUM_THREADS": "1"} | variables
            )
        if wait:
            wait_for(self.is_listening, "the service does not listen")
        return self

    def is_listening(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def stop(self) -> int:
        if self.process is None:
            return 0
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(40)
        self.process = None
        return code

    def kill(self) -> None:
        """Take the power away from the service; its worker notices by itself."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def kill_worker(self) -> bool:
        """Kill the worker process, if there is one."""
        workers = self.workers()
        for pid in workers:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return bool(workers)

    def workers(self) -> list[int]:
        """Its worker process, if there is one."""
        return [pid for pid in self.children() if "worker" in _command_line(pid)]

    def children(self) -> list[int]:
        if self.process is None:
            return []
        found = []
        for task in Path(f"/proc/{self.process.pid}/task").iterdir():
            with suppress(OSError):  # the thread has ended
                found += [int(pid) for pid in (task / "children").read_text().split()]
        return found

    def rows(self, query: str, *values: Any) -> list[dict[str, Any]]:
        ledger = Ledger(self.spool / "ledger.sqlite")
        try:
            return [dict(row) for row in ledger.rows(query, *values)]
        finally:
            ledger.close()

    def job_states(self) -> Counter[str]:
        return Counter(row["state"] for row in self.rows("SELECT state FROM job"))

    def is_idle(self) -> bool:
        """Whether everything that was received is processed and delivered."""
        return not self.rows(
            "SELECT 1 FROM series WHERE state='RECEIVING' UNION ALL"
            " SELECT 1 FROM job WHERE state IN ('READY', 'RUNNING') UNION ALL"
            " SELECT 1 FROM delivery WHERE state IN ('PENDING', 'SENT')"
        )

    def litter(self) -> list[str]:
        """Files of the spool that the ledger does not know, and rows whose file is gone."""
        known = {row["path"] for row in self.rows("SELECT path FROM instance UNION SELECT path FROM result")} - {None}
        present = {str(path.relative_to(self.spool)) for path in self.spool.rglob("*") if path.is_file()}
        extra = {path for path in present - known if not path.startswith(("ledger", "lock"))}
        beside = {path for path in extra if path.startswith("results") and path.endswith(("status.json", ".png"))}
        return sorted(extra - beside) + sorted(known - present)

    def get(self, path: str, port: int) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            return 0, ""


def new_uids(dataset: Dataset) -> Dataset:
    """The same image under another UID."""
    dataset.SOPInstanceUID = generate_uid()
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    return dataset


def _command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""
