"""Running the pipeline on a folder of annotated scans and scoring what it finds."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from spine_segmentation.errors import SpineError
from spine_segmentation.evaluation.label_mapping import LabelMapping
from spine_segmentation.evaluation.metrics import ScanScore, score_scan
from spine_segmentation.evaluation.pairs import annotated_pairs, images_without_mask, scan_name
from spine_segmentation.evaluation.record import Record
from spine_segmentation.evaluation.truth import read_truth, require_same_grid
from spine_segmentation.io.nifti import read_nifti
from spine_segmentation.progress import Progress
from spine_segmentation.results import SpineResult
from spine_segmentation.volume import Volume

logger = logging.getLogger(__name__)

Pipeline = Callable[[Volume], SpineResult]
"""What is evaluated: a ``SpinePipeline``, or anything that is called like one."""

CRASHES = (ArithmeticError, AssertionError, LookupError, MemoryError, OSError, RuntimeError, TypeError, ValueError)
"""Errors nobody raised on purpose; one scan that fails with any of these must not hide the scores of the others."""


class ScanEvaluation(Record):
    """One scan of an evaluation."""

    name: str
    """Name of the scan: that of its files without ``_img.nii.gz``."""
    set_name: str
    """Name of the set it belongs to."""
    seconds: float | None
    """Wall seconds of the pipeline, without reading and scoring; None if it did not come to that."""
    error: str | None
    """Why there is no result; None if there is one."""
    score: ScanScore | None
    """The scores, those of an empty result if the pipeline failed; None if image or mask cannot be used."""


class Evaluation(Record):
    """The scans of a folder, each with its scores or its error."""

    scans: tuple[ScanEvaluation, ...]
    """Every image with a mask, by name."""
    skipped: tuple[str, ...]
    """Names of the images without a mask, which were not looked at."""


def evaluate_folder(
    data: Path, pipeline: Pipeline, mapping: LabelMapping, progress: Progress | None = None
) -> Evaluation:
    """Run the pipeline on every image that has a mask and score the results.

    A scan on which the pipeline fails is scored like an empty result and stays in the evaluation, and so does, without
    a score, one whose image or mask cannot be used.

    Args:
        data: Folder of ``NAME_img.nii.gz`` and ``NAME_seg.nii.gz``, each pair on one grid.
        pipeline: What to evaluate.
        mapping: Meaning of the masks' values.
        progress: Called after each scan.

    Returns:
        All scans, and what was skipped.

    Raises:
        UnreadableFile: If there is no pair in the folder.
    """
    pairs = annotated_pairs(data)
    scans = []
    for image, mask in pairs:
        scans.append(_evaluate_scan(image, mask, pipeline, mapping))
        if progress is not None:
            progress(len(scans), len(pairs))
    skipped = tuple(scan_name(image) for image in images_without_mask(data))
    return Evaluation(scans=tuple(scans), skipped=skipped)


def _evaluate_scan(image: Path, mask: Path, pipeline: Pipeline, mapping: LabelMapping) -> ScanEvaluation:
    name = scan_name(image)
    set_name = mapping.set_name(name)
    try:
        volume, truth = read_pair(image, mask, mapping)
    except SpineError as error:
        return ScanEvaluation(name=name, set_name=set_name, seconds=None, error=describe_error(error), score=None)
    start = time.perf_counter()
    result, failure = _run(pipeline, volume)
    seconds = time.perf_counter() - start
    return ScanEvaluation(name=name, set_name=set_name, seconds=seconds, error=failure, score=score_scan(result, truth))


def read_pair(image: Path, mask: Path, mapping: LabelMapping) -> tuple[Volume, Volume]:
    """Read an image and what its mask says.

    Args:
        image: NIfTI file.
        mask: NIfTI file on the same grid.
        mapping: Meaning of the mask's values.

    Returns:
        Image, and structure ids.

    Raises:
        InputError: If a file cannot be used, or the two do not belong together.
    """
    volume, truth = read_nifti(image), read_truth(read_nifti(mask), mapping)
    require_same_grid(truth, volume)
    return volume, truth


def _run(pipeline: Pipeline, volume: Volume) -> tuple[SpineResult, str | None]:
    """Return the result, or an empty one with the reason."""
    try:
        result = pipeline(volume)
        require_same_grid(result.semantic, volume)
    except (SpineError, *CRASHES) as error:
        logger.exception("a scan failed")
        return SpineResult(volume, volume.with_array(np.zeros(volume.shape, np.uint8)), None, (), {}), describe_error(
            error
        )
    return result, None


def describe_error(error: BaseException) -> str:
    """Give an error's class and message in one line.

    Args:
        error: The error.

    Returns:
        ``"<class>: <message>"``, with the message's line breaks as spaces.
    """
    return f"{type(error).__name__}: {' '.join(str(error).split())}"
