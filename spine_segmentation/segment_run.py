"""One run of ``segment``: one series or all series of a study are read, named and written."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from spine_segmentation.errors import InputError, NoSpineFound, UsageError
from spine_segmentation.io.dicom_seg import SegType
from spine_segmentation.io.dicom_sr import SrType
from spine_segmentation.io.load import LoadedInput, load_input
from spine_segmentation.io.output_folder import list_outputs, make_folder
from spine_segmentation.io.outputs import DEFAULT_FORMATS, DICOM_FORMATS, STATUS_FILE, check_formats, write_outputs
from spine_segmentation.io.status import write_status
from spine_segmentation.io.study_input import load_localizer, load_study, name_localizer
from spine_segmentation.labeling.anchors import Anchor
from spine_segmentation.pipeline import SpinePipeline, require_spine, shows_spine
from spine_segmentation.results import SpineResult
from spine_segmentation.study_run import process_study

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class SeriesResult:
    """What was found in one series.

    Attributes:
        name: Of its folder and in remarks; empty for the only one.
        loaded: The series.
        result: What was found.
    """

    name: str
    loaded: LoadedInput
    result: SpineResult


_Found = tuple[list[SeriesResult], dict[str, InputError]]
"""What was found, and why the other series of a study cannot be used, by their names."""


@dataclass(frozen=True)
class Job:
    """What is wanted of a run.

    Attributes:
        source: DICOM folder or file, or NIfTI file.
        series: Series Instance UID; None for the best suited series.
        study: All suitable series of the study.
        localizer: Another series by which the structures are numbered, see
            :func:`~spine_segmentation.io.study_input.load_localizer`.
        anchors: What is known about the levels of the series, of a study about those of the best suited one.
        only_semantic: Stop after the semantic map.
        formats: Members of ``outputs.FORMATS``.
        seg_type: Encoding of the segmentation.
        sr_type: Class of the structured report.

    Raises:
        UsageError: If these exclude one another, or a format is unknown or lacks another one that it needs.
    """

    source: Path
    series: str | None = None
    study: bool = False
    localizer: str | None = None
    anchors: tuple[Anchor, ...] = ()
    only_semantic: bool = False
    formats: frozenset[str] = DEFAULT_FORMATS
    seg_type: SegType = "binary"
    sr_type: SrType = "comprehensive3d"

    def __post_init__(self) -> None:
        check_formats(self.formats)
        if self.study and (self.series or self.localizer or self.only_semantic):
            raise _excluded("a study together with a series, a localizer or the semantic map alone", "--study alone")
        if self.only_semantic and (self.anchors or self.localizer):
            raise _excluded("anchors or a localizer where nothing is named", "a run that names structures")


def run_job(
    job: Job, load_pipeline: Callable[[], SpinePipeline], folder: Path, say: Callable[[str], None]
) -> list[SeriesResult]:
    """Read, process and write.

    Args:
        job: What is wanted.
        load_pipeline: Gives the networks; called when the input has been read.
        folder: An existing folder. Of a study every series gets a folder of its own in it, with a status of its own.
        say: Told what is being done.

    Returns:
        What was found; of a study the best suited series comes first. Remarks say which series were named together,
        which apart, and which were left out because they cannot be used.

    Raises:
        UsageError: If the input does not allow what is wanted, an anchor means no structure, or anchors contradict one
            another.
        NoSuitableSeries: If there is no sagittal spine MR series.
        InputError: If the input cannot be read or must not be used; of a study, if that is so of every series, or of
            any where there are anchors.
        ModelError: If the networks cannot be loaded.
        OutputError: If a file cannot be written.
    """
    process = _process_study if job.study else _process_series
    found, failures = process(job, load_pipeline, say)
    say("writing")
    for series in found:
        _write(series, folder / series.name, job)
    for name, error in failures.items():
        logger.warning("%s is left out: %s", name, error)
        make_folder(folder / name)
        write_status(folder / name / STATUS_FILE, "failed", error.exit_code, error=error)
    return found


def require_any_spine(found: Sequence[SeriesResult]) -> None:
    """Make sure that at least one series shows a spine.

    Args:
        found: From :func:`run_job`.

    Raises:
        NoSpineFound: If none does.
    """
    require_spine(next((series.result for series in found if shows_spine(series.result)), found[0].result))


def _process_series(job: Job, load_pipeline: Callable[[], SpinePipeline], say: Callable[[str], None]) -> _Found:
    loaded = load_input(job.source, job.series, only_best=bool(job.anchors))  # anchors are about that very series
    if job.formats <= DICOM_FORMATS and loaded.series is None:
        raise UsageError(
            "DICOM objects of a NIfTI file",
            expected="a DICOM series, whose patient and geometry they refer to",
            remedy="leave --format out, or pass the DICOM folder",
        )
    localizer = load_localizer(job.localizer, job.source, loaded) if job.localizer else None
    say("segmenting and naming")
    pipeline = load_pipeline()
    if localizer is None:
        result = pipeline(loaded.volume, only_semantic=job.only_semantic, anchors=job.anchors)
    else:
        volumes = {"the series": loaded.volume, name_localizer(localizer): localizer.volume}
        result = pipeline.study(volumes, anchors=job.anchors)[0]
    return [SeriesResult("", loaded, result)], {}


def _process_study(job: Job, load_pipeline: Callable[[], SpinePipeline], say: Callable[[str], None]) -> _Found:
    study = load_study(job.source)
    say("segmenting and naming all series")
    loaded = {name: one for group in study.groups for name, one in group.items()}
    volumes = [{name: one.volume for name, one in group.items()} for group in study.groups]
    outcomes = process_study(load_pipeline(), volumes, job.anchors)
    failures = study.failures | {name: error for name, error in outcomes.items() if isinstance(error, InputError)}
    found = [SeriesResult(name, loaded[name], one) for name, one in outcomes.items() if isinstance(one, SpineResult)]
    if failures and (not found or job.anchors):  # anchors are about the best suited series, which may be among them
        raise next(iter(failures.values()))
    remarks = [f"{name} was left out: it cannot be used." for name in failures]
    return [_remark(series, remarks) for series in found], failures


def _remark(series: SeriesResult, sentences: Sequence[str]) -> SeriesResult:
    labeling = series.result.labeling
    if labeling is None:
        return series
    labeling = replace(labeling, remarks=(*labeling.remarks, *sentences))
    return replace(series, result=replace(series.result, labeling=labeling))


def _write(series: SeriesResult, folder: Path, job: Job) -> None:
    make_folder(folder)
    write_outputs(
        series.result,
        folder,
        series=series.loaded.series,
        formats=job.formats if shows_spine(series.result) else frozenset({"json"}),
        seg_type=job.seg_type,
        sr_type=job.sr_type,
        identity=series.loaded.identity,
    )
    if series.name:
        _write_status(series.result, folder)


def _write_status(result: SpineResult, folder: Path) -> None:
    written = list_outputs(folder)
    try:
        require_spine(result)
        write_status(folder / STATUS_FILE, "succeeded", 0, outputs=written)
    except NoSpineFound as error:
        write_status(folder / STATUS_FILE, "failed", error.exit_code, error=error, outputs=written)


def _excluded(found: str, expected: str) -> UsageError:
    return UsageError(found, expected=expected, remedy="leave one of the options out")
