"""The output folder of one run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from spine_segmentation.errors import UsageError
from spine_segmentation.io.dicom_seg import SegType, write_segmentation
from spine_segmentation.io.dicom_sr import SrType, write_report
from spine_segmentation.io.montage import write_montage
from spine_segmentation.io.nifti import write_nifti
from spine_segmentation.io.result_json import InputIdentity, result_document, write_result
from spine_segmentation.io.secondary_capture import write_capture
from spine_segmentation.results import SpineResult

if TYPE_CHECKING:
    from spine_segmentation.io.dicom_reader import DicomSeries

DICOM_FORMATS = frozenset({"seg", "sr", "sc"})
"""What needs a DICOM series: Segmentation, Structured Report, Secondary Capture of the overlay."""

FORMATS = DICOM_FORMATS | {"nifti", "json", "png"}
"""What can be written: DICOM objects, label maps, result document, overlay picture."""

DEFAULT_FORMATS = FORMATS - {"sr", "sc"}
"""What is written unless formats are named."""

SEGMENTATION_FILE = "segmentation.dcm"
REPORT_FILE = "report.dcm"
CAPTURE_FILE = "overlay.dcm"
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
    formats: frozenset[str] = DEFAULT_FORMATS,
    seg_type: SegType = "binary",
    sr_type: SrType = "comprehensive3d",
    identity: InputIdentity | None = None,
) -> list[Path]:
    """Write a result in the formats asked for, each file complete or not at all.

    DICOM objects are written only for a DICOM series in which structures were found. The result document comes last:
    where it is, everything else is.

    Args:
        result: The result.
        folder: An existing folder; files of the same name are replaced.
        series: The source series; None for NIfTI and arrays.
        formats: Members of ``FORMATS``.
        seg_type: Encoding of the segmentation.
        sr_type: Class of the structured report.
        identity: The input's identity; None takes it from the series, or from the voxels without one.

    Returns:
        The files written.

    Raises:
        UsageError: If a format is unknown, or a report is asked for without the segmentation that it refers to.
        OutputError: If a file cannot be written.
    """
    check_formats(formats)
    written = []
    if series is not None and result.labeling is not None and result.labeling.structures:
        written += _write_objects(result, series, folder, formats, seg_type, sr_type)
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


def check_formats(formats: frozenset[str]) -> None:
    """Make sure that the formats can be written together.

    Args:
        formats: What shall be written.

    Raises:
        UsageError: If one is not in ``FORMATS``, or a report is asked for without the segmentation that it refers to.
    """
    if unknown := formats - FORMATS:
        raise UsageError(
            f"formats {sorted(unknown)}", expected=f"some of {sorted(FORMATS)}", remedy="correct the list of formats"
        )
    if "sr" in formats and "seg" not in formats:
        raise UsageError(
            "a structured report without a segmentation",
            expected="both: the report refers to the segments",
            remedy="add the format seg",
        )


def _write_objects(
    result: SpineResult,
    series: DicomSeries,
    folder: Path,
    formats: frozenset[str],
    seg_type: SegType,
    sr_type: SrType,
) -> list[Path]:
    segmentation, report, capture = (folder / name for name in (SEGMENTATION_FILE, REPORT_FILE, CAPTURE_FILE))
    if "seg" in formats:
        write_segmentation(result, series, segmentation, seg_type)
    if "sr" in formats:
        write_report(result, series, segmentation, report, sr_type)
    if "sc" in formats:
        write_capture(result, series, capture)
    chosen = {"seg": segmentation, "sr": report, "sc": capture}
    return [path for name, path in chosen.items() if name in formats]


def _write_label_maps(result: SpineResult, folder: Path) -> list[Path]:
    write_nifti(result.semantic, folder / SEMANTIC_FILE)
    if result.labeling is None:
        return [folder / SEMANTIC_FILE]
    write_nifti(result.labeling.labels, folder / LABELS_FILE)
    return [folder / LABELS_FILE, folder / SEMANTIC_FILE]
