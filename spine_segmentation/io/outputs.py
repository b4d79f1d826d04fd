"""The output folder of one run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from spine_segmentation.errors import UsageError
from spine_segmentation.io.dicom_seg import SegType, write_segmentation
from spine_segmentation.io.montage import write_montage
from spine_segmentation.io.nifti import write_nifti
from spine_segmentation.io.result_json import InputIdentity, result_document, write_result
from spine_segmentation.results import SpineResult

if TYPE_CHECKING:
    from spine_segmentation.io.dicom_reader import DicomSeries

FORMATS = frozenset({"seg", "nifti", "json", "png"})
"""What can be written: DICOM Segmentation, label maps, result document, overlay picture."""

SEGMENTATION_FILE = "segmentation.dcm"
LABELS_FILE = "labels.nii.gz"
SEMANTIC_FILE = "semantic.nii.gz"
RESULT_FILE = "result.json"
OVERLAY_FILE = "overlay.png"
STATUS_FILE = "status.json"


def write_outputs(
    result: SpineResult,
    folder: Path,
    *,
    series: DicomSeries | None,
    formats: frozenset[str] = FORMATS,
    seg_type: SegType = "binary",
    identity: InputIdentity | None = None,
) -> list[Path]:
    """Write a result in the formats asked for, each file complete or not at all.

    A DICOM Segmentation is written only for a DICOM series in which structures were found. The result document comes
    last: where it is, everything else is.

    Args:
        result: The result.
        folder: An existing folder; files of the same name are replaced.
        series: The source series; None for NIfTI and arrays.
        formats: Members of ``FORMATS``.
        seg_type: Encoding of the segmentation.
        identity: The input's identity; None takes it from the series, or from the voxels without one.

    Returns:
        The files written.

    Raises:
        UsageError: If a format is unknown.
        OutputError: If a file cannot be written.
    """
    if unknown := formats - FORMATS:
        raise UsageError(
            f"formats {sorted(unknown)}", expected=f"some of {sorted(FORMATS)}", remedy="correct the list of formats"
        )
    written = []
    if "seg" in formats and series is not None and result.labeling is not None and result.labeling.structures:
        write_segmentation(result, series, folder / SEGMENTATION_FILE, seg_type)
        written.append(folder / SEGMENTATION_FILE)
    if "nifti" in formats:
        written += _write_label_maps(result, folder)
    if "png" in formats:
        write_montage(result, folder / OVERLAY_FILE)
        written.append(folder / OVERLAY_FILE)
    if "json" in formats:
        source = identity or (InputIdentity.of_series(series) if series else InputIdentity.of_array(result.image))
        write_result(result_document(result, source), folder / RESULT_FILE)
        written.append(folder / RESULT_FILE)
    return written


def _write_label_maps(result: SpineResult, folder: Path) -> list[Path]:
    write_nifti(result.semantic, folder / SEMANTIC_FILE)
    if result.labeling is None:
        return [folder / SEMANTIC_FILE]
    write_nifti(result.labeling.labels, folder / LABELS_FILE)
    return [folder / LABELS_FILE, folder / SEMANTIC_FILE]
