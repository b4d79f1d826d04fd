"""The fault matrix: what is done to a running service, and the account that has to balance afterwards."""

from __future__ import annotations

import os
import random
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pydicom
from pydicom.uid import RLELossless
from pynetdicom import AE

from tests.pacs.lab import (
    AE_TITLE,
    OBJECTS_PER_RESULT,
    SENDER,
    Archive,
    ServiceProcess,
    free_port,
    make_config,
    make_series,
    send,
    source_of,
    wait_for,
)

_SETTLE_SECONDS = 600.0


@dataclass
class Account:
    """What was found after a run.

    Attributes:
        series: Series sent.
        images: Images acknowledged.
        lost: What is missing, one sentence each.
        doubled: What is there too often.
        litter: Files that nobody knows, and rows without their file.
        seconds: How long the run took.
    """

    series: int = 0
    images: int = 0
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    litter: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def balances(self) -> bool:
        return not (self.lost or self.doubled or self.litter)


class Bench:
    """A service, its archive, and series to send; a stubborn sender like any scanner."""

    def __init__(self, folder: Path, series: int, *, images: int = 5, seconds: str = "0.05", **sections: Any) -> None:
        self.archive = Archive().start()
        sections = {"readiness": {"quiet_seconds": 1.0}} | sections
        self.config = make_config(folder, free_port(), self.archive.port, **sections)
        self.service = ServiceProcess(self.config, "1", seconds)
        self.series = [make_series(folder / f"in{index}", images=images) for index in range(series)]
        self.acknowledged: set[str] = set()
        self.began = time.monotonic()

    def send_all(self, pause: float = 0.0) -> None:
        """Send every series, each image again and again until it is acknowledged."""
        for paths in self.series:
            self.send_stubbornly(paths)
            time.sleep(pause)

    def send_stubbornly(self, paths: list[Path]) -> None:
        waiting = [pydicom.dcmread(path) for path in paths]
        while waiting:
            statuses = send(self.service.port, waiting)
            done = [item for item, status in zip(waiting, statuses, strict=False) if status == 0]
            self.acknowledged |= {str(item.SOPInstanceUID) for item in done}
            waiting = [item for item in waiting if str(item.SOPInstanceUID) not in self.acknowledged]
            time.sleep(0.1 if waiting else 0)

    def settle(self) -> Account:
        """Wait until the service has nothing left to do, and draw up the account."""
        wanted = {str(pydicom.dcmread(paths[0]).SeriesInstanceUID) for paths in self.series}
        wait_for(lambda: self._is_settled(wanted), "the service does not come to rest", _SETTLE_SECONDS)
        account = Account(series=len(self.series), images=len(self.acknowledged))
        self._check_images(account)
        for series_uid in sorted(wanted):
            self._check_series(account, series_uid)
        with suppress(TimeoutError):  # the work folder goes a moment after the job has ended
            wait_for(lambda: not self.service.litter(), seconds=5)
        account.litter = self.service.litter()
        account.seconds = time.monotonic() - self.began
        return account

    def close(self) -> None:
        self.service.kill()
        self.archive.stop()

    def _is_settled(self, wanted: set[str]) -> bool:
        known = {row["series_uid"] for row in self.service.rows("SELECT series_uid FROM job")}
        return wanted <= known and self.service.is_idle()

    def _check_images(self, account: Account) -> None:
        stored = {row["sop_uid"]: row["path"] for row in self.service.rows("SELECT sop_uid, path FROM instance")}
        for uid in self.acknowledged:
            path = stored.get(uid)
            if path is None or pydicom.dcmread(self.service.spool / path).SOPInstanceUID != uid:
                account.lost.append(f"image {uid}")

    def _check_series(self, account: Account, series_uid: str) -> None:
        current = self.service.rows(
            "SELECT sop_uid FROM result JOIN job ON job.id=job_id WHERE series_uid=? AND state='DONE'", series_uid
        )
        if len(current) < OBJECTS_PER_RESULT:
            account.lost.append(f"result of {series_uid}")
        if len(current) > OBJECTS_PER_RESULT:
            account.doubled.append(f"result of {series_uid}")
        account.lost += [f"delivery {row['sop_uid']}" for row in current if row["sop_uid"] not in self.archive.objects]
        superseded = self.service.rows(
            "SELECT sop_uid FROM result JOIN job ON job.id=job_id WHERE series_uid=? AND state<>'DONE'", series_uid
        )
        explained = {row["sop_uid"] for row in (*current, *superseded)}
        there = [str(item.SOPInstanceUID) for item in self.archive.datasets if source_of(item) == series_uid]
        account.doubled += [f"result {uid}" for uid in there if uid not in explained]


Fault = Callable[[Path, int], Account]


def killed(victim: str) -> Fault:
    """SIGKILL of the service, of its worker or of everything, so many times in a run."""

    def run(folder: Path, moments: int) -> Account:
        bench = Bench(folder, 30 if moments >= 20 else 8)
        dice = random.Random(moments)  # noqa: S311
        bench.service.start()
        sender = threading.Thread(target=bench.send_all, args=(0.3,), daemon=True)
        sender.start()
        for _ in range(moments):
            time.sleep(dice.uniform(0.2, 6.0))
            if victim == "worker":
                bench.service.kill_worker()
                continue
            if victim == "everything":
                bench.service.kill_worker()
                bench.archive.stop()
            bench.service.kill()
            bench.service.start()
            if victim == "everything":
                bench.archive.start()
        sender.join(_SETTLE_SECONDS)
        return _close(bench)

    return run


def destination_down(folder: Path, moments: int) -> Account:
    """The destination is away for the whole run, and comes back."""
    bench = Bench(folder, 10)
    bench.archive.stop()
    bench.service.start()
    bench.send_all()
    wait_for(lambda: bench.service.job_states()["DONE"] == 10)
    bench.archive.start()
    return _close(bench)


def disk_full(folder: Path, moments: int) -> Account:
    """The spool's disk fills up and is emptied again, so many times."""
    mount = folder / "disk"
    mount.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(mount)], check=True)
    try:
        bench = Bench(folder, 15, spool="disk/spool", receiver={"min_free_bytes": 1})
        bench.service.start()
        sender = threading.Thread(target=bench.send_all, args=(0.2,), daemon=True)
        sender.start()
        for _ in range(moments):
            time.sleep(1.5)
            _fill(mount / "filler")
            time.sleep(3.0)
            (mount / "filler").unlink()
        sender.join(_SETTLE_SECONDS)
        return _close(bench)
    finally:
        subprocess.run(["umount", "--lazy", str(mount)], check=True)


def _fill(path: Path) -> None:
    with suppress(OSError), path.open("wb", buffering=0) as filler:
        while filler.write(b"\0" * 1024):
            pass


def sender_aborts(folder: Path, moments: int) -> Account:
    """The sender aborts within every series, and sends it again."""
    bench = Bench(folder, moments)
    bench.service.start()
    for paths in bench.series:
        entity = AE(SENDER)
        entity.add_requested_context(pydicom.dcmread(paths[0]).SOPClassUID)
        association = entity.associate("127.0.0.1", bench.service.port, ae_title=AE_TITLE)
        for path in paths[:2]:
            if association.send_c_store(pydicom.dcmread(path)).Status == 0:
                bench.acknowledged.add(str(pydicom.dcmread(path).SOPInstanceUID))
        association.abort()
        bench.send_stubbornly(paths)
    return _close(bench)


def duplicates(folder: Path, moments: int) -> Account:
    """Every series comes from three senders at once, and again when it is finished."""
    bench = Bench(folder, moments)
    bench.service.start()
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda _: bench.send_all(), range(3)))
    bench.settle()
    bench.send_all()
    account = _close(bench)
    account.doubled += [f"delivery {uid}" for uid, times in bench.archive.stores.items() if times > 1]
    return account


def other_transfer_syntax(folder: Path, moments: int) -> Account:
    """Every image comes again run-length encoded."""
    bench = Bench(folder, moments, images=2)
    bench.service.start()
    bench.send_all()
    bench.settle()
    for path in [path for paths in bench.series for path in paths]:
        dataset = pydicom.dcmread(path)
        dataset.compress(RLELossless, generate_instance_uid=False)
        dataset.save_as(path)
    bench.send_all()
    account = _close(bench)
    if any(row["state"] == "SUPERSEDED" for row in bench.service.rows("SELECT state FROM job")):
        account.doubled.append("a job for another encoding")
    return account


def corrected_demographics(folder: Path, moments: int) -> Account:
    """Every series comes again under another patient name."""
    bench = Bench(folder, moments, images=2)
    bench.service.start()
    bench.send_all()
    bench.settle()
    for path in [path for paths in bench.series for path in paths]:
        dataset = pydicom.dcmread(path)
        dataset.PatientName = "Right^Name"
        dataset.save_as(path)
    bench.send_all()
    account = _close(bench)
    names = [str(item.PatientName) for item in bench.archive.datasets if item.Modality == "SEG"]
    if names.count("Right^Name") < moments:
        account.lost.append("a correction")
    return account


def other_pixels(folder: Path, moments: int) -> Account:
    """Every image comes again with other pixels, and is refused."""
    bench = Bench(folder, moments, images=2)
    bench.service.start()
    bench.send_all()
    for path in [path for paths in bench.series for path in paths]:
        dataset = pydicom.dcmread(path)
        dataset.PixelData = b"\1" * len(dataset.PixelData)
        if send(bench.service.port, [dataset]) != [0xC011]:
            raise AssertionError("other pixels were accepted")
    return _close(bench)


def parallel_associations(folder: Path, moments: int) -> Account:
    """Fifty senders at once."""
    bench = Bench(folder, 50, images=3)
    bench.service.start()
    with ThreadPoolExecutor(50) as pool:
        list(pool.map(bench.send_stubbornly, bench.series))
    return _close(bench)


def noise(folder: Path, moments: int) -> Account:
    """Random bytes on the port while series arrive."""
    bench = Bench(folder, 10)
    bench.service.start()
    sender = threading.Thread(target=bench.send_all, daemon=True)
    sender.start()
    for _ in range(moments):
        with suppress(OSError), socket.create_connection(("127.0.0.1", bench.service.port), timeout=2) as connection:
            connection.sendall(os.urandom(1 + int.from_bytes(os.urandom(2)) % 4000))
    sender.join(_SETTLE_SECONDS)
    return _close(bench)


def two_halves(folder: Path, moments: int) -> Account:
    """Every series comes in two halves with a pause that is longer than the quiet time."""
    bench = Bench(folder, moments, images=6)
    bench.service.start()
    for paths in bench.series:
        bench.send_stubbornly(paths[:3])
    bench.settle()
    for paths in bench.series:
        bench.send_stubbornly(paths[3:])
    return _close(bench)


def clock_set_back(folder: Path, moments: int) -> Account:
    """The service's wall clock is set back by a day, again and again, while series arrive."""
    offset = folder / "offset"
    offset.write_text("0")
    bench = Bench(folder, 10)
    bench.service.start(CLOCK_OFFSET=str(offset))
    sender = threading.Thread(target=bench.send_all, args=(0.4,), daemon=True)
    sender.start()
    for step in range(moments):
        time.sleep(1.0)
        offset.write_text(str(-86400 * (step + 1)))
    sender.join(_SETTLE_SECONDS)
    return _close(bench)


def _close(bench: Bench) -> Account:
    try:
        return bench.settle()
    finally:
        bench.close()


@dataclass(frozen=True)
class Entry:
    """One row of the matrix: the fault, how often it strikes in the short and in the full matrix."""

    fault: Fault
    short: int
    full: int


MATRIX: dict[str, Entry] = {
    "SIGKILL of the service": Entry(killed("service"), 2, 20),
    "SIGKILL of the worker": Entry(killed("worker"), 3, 20),
    "SIGKILL of service, worker and destination": Entry(killed("everything"), 1, 20),
    "destination down for the whole run": Entry(destination_down, 1, 1),
    "disk full": Entry(disk_full, 1, 5),
    "sender aborts within a series": Entry(sender_aborts, 3, 20),
    "duplicates, three senders at once": Entry(duplicates, 3, 20),
    "same image, other transfer syntax": Entry(other_transfer_syntax, 1, 5),
    "same image, corrected demographics": Entry(corrected_demographics, 1, 5),
    "same UID, other pixels": Entry(other_pixels, 1, 5),
    "50 associations at once": Entry(parallel_associations, 1, 1),
    "noise on the port": Entry(noise, 20, 200),
    "series in two halves": Entry(two_halves, 2, 10),
    "clock set back": Entry(clock_set_back, 2, 10),
}
