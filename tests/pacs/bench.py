"""A running service with series to send, and the account that has to balance whatever was done to it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import pydicom
from pydicom import Dataset

from tests.pacs.lab import (
    OBJECTS_PER_RESULT,
    Archive,
    ServiceProcess,
    free_port,
    make_config,
    make_series,
    send,
    source_of,
    wait_for,
)
from tests.pacs.orthanc import AE_TITLE as ORTHANC
from tests.pacs.site import Site

SETTLE_SECONDS = 600.0


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

    def __init__(self, folder: Path, series: int, *, images: int = 5, **sections: Any) -> None:
        self.archive = Archive()
        self.config = make_config(
            folder, free_port(), self.archive.port, **({"readiness": {"quiet_seconds": 1.0}} | sections)
        )
        self.service = ServiceProcess(self.config, "1", "0.05")
        self.series = [make_series(folder / f"in{index}", images=images) for index in range(series)]
        self.acknowledged: set[str] = set()
        self.began = time.monotonic()

    def start(self, **variables: str) -> None:
        self.archive.start()
        self.service.start(**variables)

    def stop(self) -> None:
        self.service.kill()
        self.archive.stop()

    def delivered(self) -> list[Dataset]:
        """The results at the destination."""
        return self.archive.datasets

    def send(self, objects: list[Dataset]) -> list[int | None]:
        return send(self.service.port, objects)

    def send_all(self, pause: float = 0.0) -> None:
        """Send every series, each image again and again until it is acknowledged."""
        for paths in self.series:
            self.send_stubbornly(paths)
            time.sleep(pause)

    @contextmanager
    def sending(self, pause: float = 0.0) -> Iterator[None]:
        """Send every series while the block does its mischief."""
        sender = threading.Thread(target=self.send_all, args=(pause,), daemon=True)
        sender.start()
        yield
        sender.join(SETTLE_SECONDS)

    def send_stubbornly(self, paths: list[Path]) -> None:
        waiting = [pydicom.dcmread(path) for path in paths]
        while waiting:
            statuses = self.send(waiting)
            done = [item for item, status in zip(waiting, statuses, strict=False) if status == 0]
            self.acknowledged |= {str(item.SOPInstanceUID) for item in done}
            waiting = [item for item in waiting if str(item.SOPInstanceUID) not in self.acknowledged]
            time.sleep(0.1 if waiting else 0)

    def change(self, edit: Callable[[Dataset], object]) -> None:
        """Change every image; its UID stays."""
        for path in [path for paths in self.series for path in paths]:
            dataset = pydicom.dcmread(path)
            edit(dataset)
            dataset.save_as(path)

    def settle(self) -> Account:
        """Wait until the service has nothing left to do, and draw up the account."""
        wanted = {str(pydicom.dcmread(paths[0]).SeriesInstanceUID) for paths in self.series}
        wait_for(lambda: self.is_settled(wanted), "the service does not come to rest", SETTLE_SECONDS)
        account = Account(series=len(self.series), images=len(self.acknowledged))
        self._check_images(account)
        results = self.delivered()
        for series_uid in sorted(wanted):
            self._check_series(account, series_uid, results)
        with suppress(TimeoutError):  # the work folder goes a moment after the job has ended
            wait_for(lambda: not self.service.litter(), seconds=5)
        account.litter = self.service.litter()
        account.seconds = time.monotonic() - self.began
        return account

    def is_settled(self, wanted: set[str]) -> bool:
        """Whether every series has a job, and nothing is left to do."""
        known = {row["series_uid"] for row in self.service.rows("SELECT series_uid FROM job")}
        return wanted <= known and self.service.is_idle()

    def _check_images(self, account: Account) -> None:
        stored = {row["sop_uid"]: row["path"] for row in self.service.rows("SELECT sop_uid, path FROM instance")}
        for uid in self.acknowledged:
            path = stored.get(uid)
            if path is None or pydicom.dcmread(self.service.spool / path).SOPInstanceUID != uid:
                account.lost.append(f"image {uid}")

    def _check_series(self, account: Account, series_uid: str, results: list[Dataset]) -> None:
        query = "SELECT sop_uid, state FROM result JOIN job ON job.id=job_id WHERE series_uid=?"
        made = {row["sop_uid"]: row["state"] for row in self.service.rows(query, series_uid)}
        current = [uid for uid, state in made.items() if state == "DONE"]
        there = {str(item.SOPInstanceUID) for item in results if source_of(item) == series_uid}
        if len(current) < OBJECTS_PER_RESULT:
            account.lost.append(f"result of {series_uid}")
        if len(current) > OBJECTS_PER_RESULT:
            account.doubled.append(f"result of {series_uid}")
        account.lost += [f"delivery {uid}" for uid in current if uid not in there]
        account.doubled += [f"result {uid}" for uid in there if uid not in made]


class OrthancBench(Bench):
    """The same with a real Orthanc in front: it gets the series, and is the destination."""

    def __init__(self, folder: Path, series: int) -> None:
        super().__init__(folder, series)
        self.site = Site(folder, destinations=["orthanc"])
        self.config, self.service = self.site.config, self.site.service

    def start(self, **variables: str) -> None:
        self.service.start(**variables)

    def stop(self) -> None:
        self.site.close()

    def delivered(self) -> list[Dataset]:
        return [pydicom.dcmread(BytesIO(file)) for kind in ("SEG", "SR") for file in self.site.orthanc.files(kind)]

    def send(self, objects: list[Dataset]) -> list[int | None]:
        return send(self.site.orthanc.dicom, objects, called=ORTHANC)

    def is_settled(self, wanted: set[str]) -> bool:
        """Also, that everything has come through Orthanc."""
        here = {row["sop_uid"] for row in self.service.rows("SELECT sop_uid FROM instance")}
        return self.acknowledged <= here and super().is_settled(wanted)


@contextmanager
def running(bench: Bench, **variables: str) -> Iterator[Bench]:
    """Start everything, and stop it whatever happens."""
    bench.start(**variables)
    try:
        yield bench
    finally:
        bench.stop()
