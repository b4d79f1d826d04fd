"""The fault matrix: what is done to a running service."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pydicom
from pydicom.uid import RLELossless
from pynetdicom import AE

from tests.pacs.bench import Account, Bench, OrthancBench, running
from tests.pacs.lab import AE_TITLE, SENDER, wait_for

Fault = Callable[[Path, int], Account]


def moments_of(number: int) -> Iterator[None]:
    """Wait for one random moment after the other."""
    dice = random.Random(number)  # noqa: S311
    for _ in range(number):
        yield time.sleep(dice.uniform(0.2, 6.0))


def service_killed(folder: Path, moments: int) -> Account:
    """SIGKILL of the service at random moments; its worker notices by itself."""
    with running(Bench(folder, 30 if moments >= 20 else 8)) as bench:
        with bench.sending(0.3):
            for _ in moments_of(moments):
                bench.service.kill()
                bench.service.start()
        return bench.settle()


def worker_killed(folder: Path, moments: int) -> Account:
    """SIGKILL of the worker."""
    with running(Bench(folder, 30 if moments >= 20 else 8)) as bench:
        with bench.sending(0.3):
            for _ in moments_of(moments):
                bench.service.kill_worker()
        return bench.settle()


def everything_killed(folder: Path, moments: int) -> Account:
    """SIGKILL of service and worker, and the destination is down until both are up again."""
    with running(Bench(folder, 30 if moments >= 20 else 8)) as bench:
        with bench.sending(0.3):
            for _ in moments_of(moments):
                bench.service.kill_worker()
                bench.stop()
                bench.start()
        return bench.settle()


def orthanc_killed(folder: Path, moments: int) -> Account:
    """SIGKILL of the Orthanc that routes series to the service and keeps its results."""
    with running(OrthancBench(folder, 20 if moments >= 20 else 5)) as bench:
        with bench.sending(0.3):
            for _ in moments_of(moments):
                bench.site.orthanc.stop(signal.SIGKILL)
                bench.site.orthanc.start()
        return bench.settle()


def destination_down(folder: Path, moments: int) -> Account:
    """The destination is away for the whole run, and comes back."""
    with running(Bench(folder, 10)) as bench:
        bench.archive.stop()
        bench.send_all()
        wait_for(lambda: bench.service.job_states()["DONE"] == 10)
        bench.archive.start()
        return bench.settle()


def disk_full(folder: Path, moments: int) -> Account:
    """The spool's disk fills up and is emptied again, so many times."""
    mount = folder / "disk"
    mount.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(mount)], check=True)
    try:
        with running(Bench(folder, 15, spool="disk/spool", receiver={"min_free_bytes": 1})) as bench:
            with bench.sending(0.2):
                for _ in range(moments):
                    time.sleep(1.5)
                    _fill(mount / "filler")
                    time.sleep(3.0)
                    (mount / "filler").unlink()
            return bench.settle()
    finally:
        subprocess.run(["umount", "--lazy", str(mount)], check=True)


def _fill(path: Path) -> None:
    with suppress(OSError), path.open("wb", buffering=0) as filler:
        while filler.write(b"\0" * 1024):
            pass


def sender_aborts(folder: Path, moments: int) -> Account:
    """The sender aborts within every series, and sends it again."""
    with running(Bench(folder, moments)) as bench:
        for paths in bench.series:
            entity = AE(SENDER)
            entity.add_requested_context(pydicom.dcmread(paths[0]).SOPClassUID)
            association = entity.associate("127.0.0.1", bench.service.port, ae_title=AE_TITLE)
            for path in paths[:2]:
                if association.send_c_store(pydicom.dcmread(path)).Status == 0:
                    bench.acknowledged.add(str(pydicom.dcmread(path).SOPInstanceUID))
            association.abort()
            bench.send_stubbornly(paths)
        return bench.settle()


def duplicates(folder: Path, moments: int) -> Account:
    """Every series comes from three senders at once, and again when it is finished."""
    with running(Bench(folder, moments)) as bench:
        with ThreadPoolExecutor(3) as pool:
            list(pool.map(lambda _: bench.send_all(), range(3)))
        bench.settle()
        bench.send_all()
        account = bench.settle()
        account.doubled += [f"delivery {uid}" for uid, times in bench.archive.stores.items() if times > 1]
        return account


def other_transfer_syntax(folder: Path, moments: int) -> Account:
    """Every image comes again run-length encoded."""
    with running(Bench(folder, moments, images=2)) as bench:
        bench.send_all()
        bench.settle()
        bench.change(lambda dataset: dataset.compress(RLELossless, generate_instance_uid=False))
        bench.send_all()
        account = bench.settle()
        if bench.service.job_states()["SUPERSEDED"]:
            account.doubled.append("a job for another encoding")
        return account


def corrected_demographics(folder: Path, moments: int) -> Account:
    """Every series comes again under another patient name."""
    with running(Bench(folder, moments, images=2)) as bench:
        bench.send_all()
        bench.settle()
        bench.change(lambda dataset: setattr(dataset, "PatientName", "Right^Name"))
        bench.send_all()
        account = bench.settle()
        names = [str(item.PatientName) for item in bench.delivered() if item.Modality == "SEG"]
        if names.count("Right^Name") < moments:
            account.lost.append("a correction")
        return account


def other_pixels(folder: Path, moments: int) -> Account:
    """Every image comes again with other pixels, and is refused."""
    with running(Bench(folder, moments, images=2)) as bench:
        bench.send_all()
        bench.change(lambda dataset: setattr(dataset, "PixelData", b"\1" * len(dataset.PixelData)))
        for path in [path for paths in bench.series for path in paths]:
            if bench.send([pydicom.dcmread(path)]) != [0xC011]:
                raise AssertionError("other pixels were accepted")
        return bench.settle()


def parallel_associations(folder: Path, moments: int) -> Account:
    """Fifty senders at once."""
    with running(Bench(folder, 50, images=3)) as bench:
        with ThreadPoolExecutor(50) as pool:
            list(pool.map(bench.send_stubbornly, bench.series))
        return bench.settle()


def noise(folder: Path, moments: int) -> Account:
    """Random bytes on the port while series arrive."""
    with running(Bench(folder, 10)) as bench:
        with bench.sending():
            for _ in range(moments):
                address = ("127.0.0.1", bench.service.port)
                with suppress(OSError), socket.create_connection(address, timeout=2) as connection:
                    connection.sendall(os.urandom(1 + int.from_bytes(os.urandom(2)) % 4000))
        return bench.settle()


def two_halves(folder: Path, moments: int) -> Account:
    """Every series comes in two halves with a pause that is longer than the quiet time."""
    with running(Bench(folder, moments, images=6)) as bench:
        for paths in bench.series:
            bench.send_stubbornly(paths[:3])
        bench.settle()
        for paths in bench.series:
            bench.send_stubbornly(paths[3:])
        return bench.settle()


def clock_set_back(folder: Path, moments: int) -> Account:
    """The service's wall clock is set back by a day, again and again, while series arrive."""
    offset = folder / "offset"
    offset.write_text("0")
    with running(Bench(folder, 10), CLOCK_OFFSET=str(offset)) as bench:
        with bench.sending(0.4):
            for step in range(moments):
                time.sleep(1.0)
                offset.write_text(str(-86400 * (step + 1)))
        return bench.settle()


@dataclass(frozen=True)
class Entry:
    """One row of the matrix: the fault, how often it strikes in the short and in the full matrix."""

    fault: Fault
    short: int
    full: int


MATRIX: dict[str, Entry] = {
    "SIGKILL of the service": Entry(service_killed, 2, 20),
    "SIGKILL of the worker": Entry(worker_killed, 3, 20),
    "SIGKILL of service, worker and destination": Entry(everything_killed, 1, 20),
    "Orthanc killed and restarted": Entry(orthanc_killed, 2, 20),
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
