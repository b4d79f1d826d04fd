"""Measure the queue: series of 20 images from several senders, with a stand-in for the networks or with the real ones.

python scripts/pacs_load.py --series 1000 --senders 4 --folder out/load
python scripts/pacs_load.py --series 20 --real --folder out/load-real
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
from contextlib import suppress
from pathlib import Path

import numpy as np
import pydicom
from pydicom.uid import generate_uid

sys.path.insert(0, str(Path(__file__).parents[1]))

from spine_segmentation.synth.dicom import write_study
from spine_segmentation.synth.generator import generate_volume
from tests.conftest import SEED
from tests.pacs.lab import Archive, ServiceProcess, free_port, make_config, make_series, storescu, wait_for
from tests.pacs.test_end_to_end import PROGRAM


def main() -> None:
    """Run a service, measure it, print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--series", type=int, default=1000)
    parser.add_argument("--images", type=int, default=20)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--senders", type=int, default=4)
    parser.add_argument("--real", action="store_true", help="the networks of the package, on a generated lumbar spine")
    parser.add_argument("--folder", type=Path, required=True)
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True)
    archive = Archive().start()
    config = make_config(arguments.folder, free_port(), archive.port, readiness={"quiet_seconds": 2.0})
    service = ServiceProcess(config, program=PROGRAM if arguments.real else None).start()
    try:
        print(json.dumps(measure(arguments, service, archive), indent=2))
    finally:
        service.stop()
        archive.stop()


def make_template(arguments: argparse.Namespace) -> list[pydicom.Dataset]:
    """Make the images of one series, of which all series sent are copies.

    Args:
        arguments: Of the command line: ``folder``, ``images``, ``size`` and ``real``.

    Returns:
        One data set per image.
    """
    folder = arguments.folder / "template"
    if arguments.real:
        scan = generate_volume(SEED, slices=arguments.images, rows=arguments.size, columns=arguments.size)
        paths = write_study(scan, folder, seed=SEED)
    else:
        paths = make_series(folder, images=arguments.images, size=arguments.size)
    return [pydicom.dcmread(path) for path in paths]


def measure(arguments: argparse.Namespace, service: ServiceProcess, archive: Archive) -> dict[str, object]:
    """Send everything and wait until it is delivered.

    Args:
        arguments: Of the command line: ``folder``, ``series``, ``images``, ``size``, ``senders`` and ``real``.
        service: The service, running.
        archive: Where it delivers to.

    Returns:
        Figures by name.
    """
    template = make_template(arguments)
    memory: dict[str, list[float]] = {"service": [], "worker": []}
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
        "memory of each MiB, after a tenth, half and all of the time": {
            name: [values[len(values) // 10], values[len(values) // 2], values[-1]] for name, values in memory.items()
        },
        "litter": len(service.litter()),
    }


def send_one(port: int, template: list[pydicom.Dataset], folder: Path) -> float:
    """Send one new series with dcmtk.

    Args:
        port: Of the service.
        template: Images to copy under new UIDs.
        folder: For the copies; made, and removed when they are sent.

    Returns:
        Seconds until all of it was acknowledged.

    Raises:
        RuntimeError: If it was not.
    """
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


def watch_memory(service: ServiceProcess, memory: dict[str, list[float]], done: threading.Event) -> None:
    """Note the resident memory of service and worker every second.

    Args:
        service: The processes to watch.
        memory: MiB, appended for ``service`` and ``worker``.
        done: Ends it.
    """
    while not done.wait(1.0):
        processes = {"service": service.process.pid} if service.process is not None else {}
        for name, pid in (processes | {"worker": next(iter(service.workers()), 0)}).items():
            with suppress(OSError):  # there is none at the moment
                pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
                memory[name].append(round(pages * resource.getpagesize() / 2**20, 1))


def percentiles(values: list[float]) -> list[float]:
    """Compute the 50th, 95th and 99th percentile.

    Args:
        values: In any unit, at least one.

    Returns:
        The three values, rounded to two digits.
    """
    return [round(float(value), 2) for value in np.percentile(values, [50, 95, 99])]


if __name__ == "__main__":
    main()
