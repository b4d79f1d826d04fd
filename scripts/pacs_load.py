"""Measure the queue: series of 20 images from several senders, a stand-in for the networks.

python scripts/pacs_load.py --series 1000 --senders 4 --folder out/load
"""

from __future__ import annotations

import argparse
import copy
import json
import resource
import shutil
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pydicom
from pydicom.uid import generate_uid

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.pacs.lab import Archive, ServiceProcess, free_port, make_config, make_series, storescu, wait_for


def main() -> None:
    """Run a service, measure it, print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--series", type=int, default=1000)
    parser.add_argument("--images", type=int, default=20)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--senders", type=int, default=4)
    parser.add_argument("--folder", type=Path, required=True)
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True)
    archive = Archive().start()
    config = make_config(arguments.folder, free_port(), archive.port, readiness={"quiet_seconds": 2.0})
    service = ServiceProcess(config).start()
    try:
        print(json.dumps(measure(arguments, service, archive), indent=2))
    finally:
        service.stop()
        archive.stop()


def measure(arguments: argparse.Namespace, service: ServiceProcess, archive: Archive) -> dict[str, object]:
    """Send everything and wait until it is delivered."""
    paths = make_series(arguments.folder / "template", images=arguments.images, size=arguments.size)
    template = [pydicom.dcmread(path) for path in paths]
    memory: list[float] = []
    done = threading.Event()
    watcher = threading.Thread(target=watch_memory, args=(service, memory, done), daemon=True)
    watcher.start()
    began = time.monotonic()
    with ThreadPoolExecutor(arguments.senders) as pool:
        folders = [arguments.folder / f"series{number}" for number in range(arguments.series)]
        latencies = list(pool.map(lambda folder: send_one(service.port, template, folder), folders))
    received = time.monotonic() - began
    wait_for(lambda: service.job_states()["DONE"] == arguments.series and service.is_idle(), seconds=7200)
    finished = time.monotonic() - began
    done.set()
    waits = [row["seconds"] for row in service.rows(
        "SELECT MAX(sent_at)-MIN(job.created_at) AS seconds FROM job JOIN result ON job_id=job.id"
        " JOIN delivery USING(sop_uid) GROUP BY job.id")]  # fmt: skip
    return {
        "series": arguments.series,
        "images per second received": round(arguments.series * arguments.images / received, 1),
        "series per minute, sent to delivered": round(60 * arguments.series / finished, 1),
        "seconds to acknowledge a series, p50 p95 p99": percentiles(latencies),
        "seconds from complete to delivered, p50 p95 p99": percentiles(waits),
        "objects at the archive": len(archive.objects),
        "sources with other than one result": sum(count != 1 for count in archive.sources().values()),
        "service memory MiB, after start, middle, end": [
            memory[3 * len(memory) // 10],
            memory[len(memory) // 2],
            memory[-1],
        ],
        "litter": len(service.litter()),
    }


def send_one(port: int, template: list[pydicom.Dataset], folder: Path) -> float:
    """Send one new series with dcmtk; returns the seconds until all of it was acknowledged."""
    series_uid = generate_uid()
    folder.mkdir()
    for number, image in enumerate(template):
        dataset = copy.deepcopy(image)
        dataset.SeriesInstanceUID, dataset.SOPInstanceUID = series_uid, generate_uid()
        dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
        dataset.save_as(folder / f"{number}.dcm")
    began = time.monotonic()
    sent = storescu(port, folder)
    seconds = time.monotonic() - began
    shutil.rmtree(folder)
    if sent.returncode:
        raise RuntimeError(sent.stderr)
    return seconds


def watch_memory(service: ServiceProcess, memory: list[float], done: threading.Event) -> None:
    """Note the service's resident memory, MiB, every second."""
    while not done.wait(1.0):
        if service.process is not None:
            pages = int(Path(f"/proc/{service.process.pid}/statm").read_text().split()[1])
            memory.append(round(pages * resource.getpagesize() / 2**20, 1))


def percentiles(values: list[float]) -> list[float]:
    """Compute the 50th, 95th and 99th percentile."""
    return [round(float(value), 2) for value in np.percentile(values, [50, 95, 99])]


if __name__ == "__main__":
    main()
