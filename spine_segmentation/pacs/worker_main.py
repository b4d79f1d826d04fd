"""The worker process: it keeps the networks in memory and processes one series or study after the other.

Requests come on standard input, replies go to what was standard output when it started. It ends with its service: a
closed standard input is the end.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TextIO

from pydantic import BaseModel

from spine_segmentation.errors import InputError, MixedStudies, NoSuitableSeries, SpineError
from spine_segmentation.io.dicom_choice import choose_series
from spine_segmentation.io.dicom_reader import DicomSeries
from spine_segmentation.io.dicom_series import SeriesSummary, list_series
from spine_segmentation.io.montage import write_montage
from spine_segmentation.io.outputs import OVERLAY_FILE, STATUS_FILE
from spine_segmentation.io.product import product_version
from spine_segmentation.io.status import write_status
from spine_segmentation.io.study_input import name_series, read_study
from spine_segmentation.pacs.objects import Version, write_objects
from spine_segmentation.pacs.protocol import Hello, Reply, Request, SeriesRequest
from spine_segmentation.process_setup import quiet_readers
from spine_segmentation.results import ModelIdentity, Outcome, SpineResult
from spine_segmentation.run_status import INTERNAL_ERROR, RunStatus
from spine_segmentation.termination import exit_on_error
from spine_segmentation.volume import Volume

logger = logging.getLogger(__name__)

Process = Callable[[Sequence[Mapping[str, Volume]]], Mapping[str, Outcome]]
"""Processes groups of series that share a frame of reference, as ``study_run.process_study`` does."""

_Finding = tuple[SpineResult, DicomSeries] | SpineError
"""What was found in a series, or why nothing was."""


def serve_requests(load: Callable[[], tuple[Process, tuple[ModelIdentity, ...]]]) -> None:
    """Load the model, say hello or why there is none, and answer requests until standard input is closed.

    Args:
        load: Gives the pipeline and the identities of its networks.

    Raises:
        SpineError: If the model cannot be loaded.
    """
    quiet_readers()
    replies = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # nothing that a library prints may get between the replies
    try:
        process, models = load()
    except SpineError as error:
        _say(replies, Hello(trouble=str(error)))
        raise
    _say(replies, Hello(model=_identity(models)))
    for line in sys.stdin:
        _say(replies, answer(Request.model_validate_json(line), process))


def _say(replies: TextIO, message: BaseModel) -> None:
    replies.write(message.model_dump_json() + "\n")
    replies.flush()


def answer(request: Request, process: Process) -> Reply:
    """Process the series of one study; a ``status.json`` each says how that ended.

    Args:
        request: What to do.
        process: The pipeline.

    Returns:
        The names of the DICOM files written, series by series.

    Raises:
        SystemExit: If the error is not the input's fault: the service then starts another process.
    """
    with RunStatus(request.folder):
        objects = _process(request, process)
    return Reply(objects=objects)


def _process(request: Request, process: Process) -> tuple[tuple[str, ...], ...]:
    findings = _find(request, process)
    return tuple(_conclude(request, series, findings[number]) for number, series in enumerate(request.series))


def _find(request: Request, process: Process) -> dict[int, _Finding]:
    """Read and process every series: what was found, by its number, or why it is nothing for us."""
    chosen, findings = _choose(request)
    names = name_series([summary for summary, _ in chosen.values()])
    study = read_study(dict(zip(names, chosen.values(), strict=True)))
    sources = {name: one.series for group in study.groups for name, one in group.items() if one.series is not None}
    outcomes = process([{name: one.volume for name, one in group.items()} for group in study.groups])
    found = study.failures | dict(outcomes)
    for number, name in zip(chosen, names, strict=True):
        outcome = found[name]
        findings[number] = outcome if isinstance(outcome, SpineError) else (outcome, sources[name])
    return findings


def _choose(request: Request) -> tuple[dict[int, tuple[SeriesSummary, str]], dict[int, _Finding]]:
    """Look into every folder: the series in it, by its number, or why it is nothing for us."""
    chosen: dict[int, tuple[SeriesSummary, str]] = {}
    unsuitable: dict[int, _Finding] = {}
    for number, series in enumerate(request.series):
        try:
            chosen[number] = choose_series([_only_series(series.input)])
        except (NoSuitableSeries, InputError) as error:
            unsuitable[number] = error
    return chosen, unsuitable


def _only_series(folder: Path) -> SeriesSummary:
    """Describe the one series of a folder; it is no substitute: originals of the study may be still to come.

    Raises:
        MixedStudies: If its images are of several studies: it is not for us to choose.
        SpineError: As ``list_series``.
    """
    summaries = list_series(folder)
    if len(summaries) > 1:
        raise MixedStudies(
            f"{len(summaries)} series in one folder",
            expected="one series of one study",
            remedy="send the images of each study under a Series Instance UID of its own",
        )
    return replace(summaries[0], substitute=False)


def _conclude(request: Request, series: SeriesRequest, finding: _Finding) -> tuple[str, ...]:
    """Write the objects of a series, and how it ended; an error that is not the input's fault concerns all series."""
    if series.output is None:
        return ()
    try:
        objects = _write(request, series, series.output, finding)
    except SpineError as error:
        if error.exit_code == INTERNAL_ERROR:
            raise
        logger.error("%s", error)
        write_status(series.output / STATUS_FILE, "failed", error.exit_code, error=error)
        return ()
    write_status(series.output / STATUS_FILE, "succeeded", 0, outputs=objects)
    return tuple(path.name for path in objects)


def _write(request: Request, series: SeriesRequest, folder: Path, finding: _Finding) -> list[Path]:
    if isinstance(finding, SpineError):
        raise finding
    result, source = finding
    version = Version(series.version, series.predecessors, request.study_uid)
    objects = write_objects(result, source, folder, version, request.results)
    if request.preview:
        write_montage(result, folder / OVERLAY_FILE)
    return objects


def _identity(models: tuple[ModelIdentity, ...]) -> str:
    networks = [f"{model.name} {model.version} {model.sha256[:16]}" for model in models]
    return "; ".join([f"software {product_version()}", *networks])


def main(device: str, models: str) -> None:
    """Run the worker with the real networks.

    Args:
        device: A torch device.
        models: Folder with the bundles; empty for those of the package.

    Raises:
        SystemExit: If the networks cannot be loaded, with the exit code of the error.
    """
    from spine_segmentation.pipeline import SpinePipeline
    from spine_segmentation.study_run import process_study

    def load() -> tuple[Process, tuple[ModelIdentity, ...]]:
        pipeline = SpinePipeline(device, Path(models) if models else None)
        return partial(process_study, pipeline), (pipeline.segmenter.identity, pipeline.labeler.identity)

    logging.basicConfig(level=logging.WARNING, format="worker: %(message)s")
    with exit_on_error():
        serve_requests(load)


if __name__ == "__main__":
    main(*sys.argv[1:3])
