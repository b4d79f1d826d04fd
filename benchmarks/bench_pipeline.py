"""Time and memory of the whole way from DICOM files to results, for one synthetic lumbar scan.

Run ``python benchmarks/bench_pipeline.py OUT``: prints a table and writes ``OUT/bench_pipeline.json``.
The first run shows what a one-off call costs, the following ones what a resident process does.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from spine_segmentation.process_setup import prepare_process

if TYPE_CHECKING:
    from spine_segmentation.pipeline import SpinePipeline

SEED = 7
SCAN: dict[str, Any] = {
    "region": "lumbar",
    "slices": 20,
    "slice_spacing": 4.0,
    "pixel_size": 0.6,
    "rows": 512,
    "columns": 512,
}
"""A large clinical lumbar scan: 20 slices of 512 x 512."""

WARM_RUNS = 3

Seconds = dict[str, float]


def main(
    out: Annotated[Path, typer.Argument(help="Folder for bench_pipeline.json.")],
    device: Annotated[str, typer.Option(help="Torch device.")] = "cpu",
) -> None:
    """Measure every step once cold and three times warm."""
    prepare_process()
    with tempfile.TemporaryDirectory() as name:
        study = Path(name) / "study"
        generator = multiprocessing.get_context("spawn").Process(target=write_synthetic_study, args=(study,))
        generator.start()
        generator.join()
        if generator.exitcode:
            sys.exit("the synthetic study could not be written")
        report = measure(study, device)
    out.mkdir(parents=True, exist_ok=True)
    (out / "bench_pipeline.json").write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    Console().print(table(report))


def write_synthetic_study(folder: Path) -> None:
    """Generate the scan; in a process of its own, so that it does not count in time or memory.

    Args:
        folder: Where to write its DICOM files.

    Raises:
        OutputError: If a file cannot be written.
    """
    from spine_segmentation.synth import generate_volume
    from spine_segmentation.synth.dicom import write_study

    write_study(generate_volume(SEED, weighting="T2w", **SCAN), folder, seed=SEED)


def measure(study: Path, device: str) -> dict[str, Any]:
    """Import the library, load the networks and process the study several times.

    Args:
        study: Folder of DICOM files.
        device: Torch device.

    Returns:
        The content of ``bench_pipeline.json``; times in seconds, memory in MiB.
    """
    once: Seconds = {}
    with timed("import", once):
        import torch

        import spine_segmentation.io.dicom_reader
        import spine_segmentation.io.outputs  # noqa: F401
        from spine_segmentation.io.product import product_version
        from spine_segmentation.pipeline import SpinePipeline
    with timed("load networks", once):
        pipeline = SpinePipeline(device)
        models = [pipeline.segmenter.identity, pipeline.labeler.identity]
    runs = [process(study, pipeline) for _ in range(1 + WARM_RUNS)]
    return {
        "version": product_version(),
        "models": {model.name: model.version for model in models},
        "scan": SCAN,
        "device": device,
        "processors": len(os.sched_getaffinity(0)),
        "threads": torch.get_num_threads(),
        "once": once,
        "first": runs[0],
        "first_total_after_import": once["load networks"] + runs[0]["total"],
        "warm_median": {step: statistics.median(run[step] for run in runs[1:]) for step in runs[0]},
        "peak_memory_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def process(study: Path, pipeline: SpinePipeline) -> Seconds:
    """Process the study once, from files to files.

    Args:
        study: Folder of DICOM files.
        pipeline: With its networks loaded.

    Returns:
        Wall seconds per step.
    """
    from spine_segmentation.io.dicom_choice import choose_series
    from spine_segmentation.io.dicom_reader import read_series
    from spine_segmentation.io.dicom_series import list_series
    from spine_segmentation.io.outputs import write_outputs

    seconds: Seconds = {}
    with tempfile.TemporaryDirectory() as out, timed("total", seconds):
        with timed("read", seconds):
            series = read_series(choose_series(list_series(study))[0])
        result = pipeline(series.volume)
        seconds |= result.timings
        for form in ("seg", "nifti", "json", "png"):
            with timed(f"write {form}", seconds):
                write_outputs(result, Path(out), series=series, formats=frozenset({form}))
    return seconds


@contextmanager
def timed(step: str, seconds: Seconds) -> Iterator[None]:
    """Note the wall seconds of a block.

    Args:
        step: What to call it.
        seconds: Where to note it.

    Yields:
        Nothing.
    """
    start = time.perf_counter()
    yield
    seconds[step] = time.perf_counter() - start


def table(report: dict[str, Any]) -> Table:
    """Show a report to people.

    Args:
        report: From :func:`measure`.

    Returns:
        One row per step.
    """
    title = f"{report['device']}, {report['threads']} threads, peak memory {report['peak_memory_mib']:.0f} MiB"
    rows = Table("Step", "First, s", f"Warm, s (median of {WARM_RUNS})", title=title)
    for step, value in report["once"].items():
        rows.add_row(step, f"{value:.2f}", "")
    for step, value in report["first"].items():
        rows.add_row(step, f"{value:.2f}", f"{report['warm_median'][step]:.2f}")
    rows.add_row("total after import", f"{report['first_total_after_import']:.2f}", "")
    return rows


if __name__ == "__main__":
    typer.run(main)
