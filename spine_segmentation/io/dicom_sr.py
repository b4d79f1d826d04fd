"""Named structures and their measurements as a DICOM Structured Report that refers to the segmentation (TID 1500)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pydicom
from highdicom import sr
from pydicom import Dataset
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code as DicomCode

from spine_segmentation.anatomy import CATEGORY, GENERIC_IVD, GENERIC_VERTEBRA, Code, Kind
from spine_segmentation.errors import UsageError
from spine_segmentation.io.dicom_object import dicom_code, equipment, object_file, series_number
from spine_segmentation.io.presentation import structure_code
from spine_segmentation.io.product import PRODUCT_NAME, product_version
from spine_segmentation.io.report_codes import (
    ANCHORS,
    BASIS,
    CUT,
    ENUMERATION,
    LEVEL_STATUS,
    LEVELS,
    OTHER_SERIES,
    OUTER_SLICE,
    SEQUENCE_PROBABILITY,
    STATEMENTS,
    VISIBILITY,
    coding_scheme,
)
from spine_segmentation.io.source_headers import repaired_headers
from spine_segmentation.io.uids import content_digest, derived_uid, result_uids
from spine_segmentation.measurements import Length, measure
from spine_segmentation.results import Instance, Labeling, ModelIdentity, NamedStructure, SpineResult

if TYPE_CHECKING:
    from spine_segmentation.io.dicom_reader import DicomSeries

SrType = Literal["comprehensive3d", "comprehensive", "enhanced"]

SERIES_DESCRIPTION = "Spine measurements (research use)"
SERIES_NUMBER_BASE = 10000
"""The series number of a report is this plus the last three digits of the source's."""

_DOCUMENTS = {
    "comprehensive3d": sr.Comprehensive3DSR,
    "comprehensive": sr.ComprehensiveSR,
    "enhanced": sr.EnhancedSR,
}
_LENGTHS = {
    Length.ANTERIOR_HEIGHT: (codes.DCM.Height, codes.SCT.Anterior),
    Length.MIDDLE_HEIGHT: (codes.DCM.Height, codes.SCT.Central),
    Length.POSTERIOR_HEIGHT: (codes.DCM.Height, codes.SCT.Posterior),
    Length.DEPTH: (codes.SCT.Depth, None),
    Length.DISC_HEIGHT: (codes.DCM.Height, None),
}
"""Concept of each length, and the part of the structure that it is taken at (topographical modifier)."""

_LABELLING = "Labelling of the levels"
"""Tracking identifier of the statements on the labelling as a whole."""


def write_report(
    result: SpineResult, series: DicomSeries, segmentation: Path, path: Path, sr_type: SrType = "comprehensive3d"
) -> None:
    """Write what was found as one Structured Report in a series of its own.

    There is one volumetric ROI group (TID 1411) per segment: finding, finding site (its level), reference to the
    segment, volume, certainty of the level, and lengths where they can be measured. A further group states whether the
    levels are determined, how the vertebrae are enumerated, and what the levels rest on beside the series itself. UIDs
    are a hash of sources, networks, segmentation and content. All types have the same content.

    Args:
        result: The result that the segmentation shows.
        series: The source series.
        segmentation: The segmentation, in its final form.
        path: The file to write; it appears complete or not at all.
        sr_type: ``"comprehensive3d"``, or an older class for systems that refuse it.

    Raises:
        UsageError: If the result has no labelling, or the segmentation is one of another series or result.
        UnusableHeader: If the source's header does not allow a valid object.
        OutputError: If the file cannot be written.
    """
    with object_file(path, "a structured report") as temporary:
        report = _encode(result, series, pydicom.dcmread(segmentation, stop_before_pixels=True), sr_type)
        report.save_as(temporary, enforce_file_format=True)


def _encode(result: SpineResult, series: DicomSeries, segmentation: Dataset, sr_type: SrType) -> Dataset:
    """Build the object; the patient's name is set last, because highdicom quotes unusual names in warnings."""
    sources = repaired_headers(series)
    first = sources[0]
    labeling = _checked_labeling(result, first, segmentation)
    patient_name, first.PatientName = first.PatientName, ""
    options = {"type": sr_type, "segmentation": segmentation.SOPInstanceUID, "content": content_digest(labeling)}
    options["comments"] = "\n".join(_comments(labeling))
    source_uids = [source.SOPInstanceUID for source in sources]
    instance_uid, series_uid = result_uids(source_uids, result.models, options, "report")
    report = _DOCUMENTS[sr_type](
        evidence=[*sources, segmentation],
        content=_content(labeling, segmentation, first.SeriesInstanceUID, result.models),
        series_instance_uid=series_uid,
        series_number=series_number(first, SERIES_NUMBER_BASE),
        sop_instance_uid=instance_uid,
        instance_number=1,
        is_complete=True,
        is_final=True,
        series_description=SERIES_DESCRIPTION,
        coding_schemes=[coding_scheme()],
        **equipment(result.models),
    )
    report.PatientName = patient_name
    return report


def _checked_labeling(result: SpineResult, source: Dataset, segmentation: Dataset) -> Labeling:
    """Take the labelling out of a result, if the segmentation shows it."""
    labels = {segment.SegmentLabel for segment in segmentation.get("SegmentSequence", ())}
    references = segmentation.get("ReferencedSeriesSequence", ())
    is_of_series = source.SeriesInstanceUID in {reference.SeriesInstanceUID for reference in references}
    titles = {structure.title for structure in result.labeling.structures} if result.labeling else set()
    if result.labeling is None or not is_of_series or not titles & labels:
        raise UsageError(
            "a segmentation and a result that do not belong together",
            expected="the segmentation that was written of this result and series",
            remedy="write the segmentation first, and pass it",
        )
    return result.labeling


def _content(
    labeling: Labeling, segmentation: Dataset, source_series: str, models: tuple[ModelIdentity, ...]
) -> sr.MeasurementReport:
    segments = {segment.SegmentLabel: segment for segment in segmentation.SegmentSequence}
    source, lengths = sr.SourceSeriesForSegmentation(source_series), measure(labeling)
    groups = [
        sr.VolumetricROIMeasurementsAndQualitativeEvaluations(
            tracking_identifier=sr.TrackingIdentifier(segment.TrackingUID, segment.TrackingID),
            referenced_segment=sr.ReferencedSegment(
                segmentation.SOPClassUID, segmentation.SOPInstanceUID, segment.SegmentNumber, source_series=source
            ),
            **_findings(structure, lengths.get(structure.id, {})),
        )
        for structure in labeling.structures
        if (segment := segments.get(structure.title)) is not None
    ]
    return sr.MeasurementReport(
        observation_context=sr.ObservationContext(observer_device_context=_observer(models)),
        procedure_reported=codes.cid100.MRIUnspecifiedBodyRegion,
        imaging_measurements=[_labelling_group(labeling, source_series), *groups],
        title=codes.DCM.ImagingMeasurementReport,
    )


def _observer(models: tuple[ModelIdentity, ...]) -> sr.ObserverContext:
    made_by = equipment(models)
    device = sr.DeviceObserverIdentifyingAttributes(
        uid=derived_uid("device", product_version(), made_by["device_serial_number"]),
        name=f"{PRODUCT_NAME} {product_version()}",
        manufacturer_name=made_by["manufacturer"],
        model_name=made_by["manufacturer_model_name"],
        serial_number=made_by["device_serial_number"],
    )
    return sr.ObserverContext(codes.DCM.Device, device)


def _algorithm() -> sr.AlgorithmIdentification:
    return sr.AlgorithmIdentification(PRODUCT_NAME, product_version())


def _findings(structure: NamedStructure, lengths: dict[Length, float]) -> dict[str, Any]:
    """What is said about one structure; a certainty only where the level is determined: it is that of the name."""
    site = dicom_code(structure_code(structure))
    measurements = [sr.Measurement(codes.SCT.Volume, round(structure.instance.volume), codes.UCUM.CubicMillimeter)]
    if structure.name is not None:
        measurements.append(_percentage(codes.DCM.CertaintyOfFinding, structure.confidence))
    measurements += [_length(length, millimetres, site) for length, millimetres in lengths.items()]
    return {
        "finding_category": dicom_code(CATEGORY),
        "finding_type": dicom_code(GENERIC_VERTEBRA if structure.kind is Kind.VERTEBRA else GENERIC_IVD),
        "finding_sites": [sr.FindingSite(site)],
        "algorithm_id": _algorithm(),
        "measurements": measurements,
        "qualitative_evaluations": _visibility(structure.instance),
    }


def _visibility(instance: Instance) -> list[sr.QualitativeEvaluation]:
    """What keeps a structure from being whole in the image."""
    flaws = {CUT: not instance.fully_visible, OUTER_SLICE: instance.reaches_outer_slice}
    return [_statement(VISIBILITY, flaw) for flaw, present in flaws.items() if present]


def _length(length: Length, millimetres: float, site: DicomCode) -> sr.Measurement:
    concept, part = _LENGTHS[length]
    places = [sr.FindingSite(site, topographical_modifier=part)] if part else None
    return sr.Measurement(concept, round(millimetres, 1), codes.UCUM.Millimeter, finding_sites=places)


def _percentage(concept: DicomCode, share: float) -> sr.Measurement:
    return sr.Measurement(concept, round(100 * share, 1), codes.UCUM.Percent)


def _labelling_group(labeling: Labeling, source_series: str) -> sr.MeasurementsAndQualitativeEvaluations:
    """State whether and how the levels are determined, how probable they are, and how the vertebrae are enumerated."""
    variants = [_statement(ENUMERATION, STATEMENTS[statement]) for statement in labeling.variant.parts]
    group = sr.MeasurementsAndQualitativeEvaluations(
        tracking_identifier=sr.TrackingIdentifier(derived_uid("tracking", source_series, _LABELLING), _LABELLING),
        finding_category=dicom_code(CATEGORY),
        finding_type=codes.SCT.Spine,
        algorithm_id=_algorithm(),
        measurements=[_percentage(dicom_code(SEQUENCE_PROBABILITY), labeling.confidence)],
        qualitative_evaluations=[_statement(LEVELS, LEVEL_STATUS[labeling.status]), *variants, *_basis(labeling)],
    )
    for sentence in _comments(labeling):
        group[0].ContentSequence.append(
            sr.TextContentItem(codes.DCM.Comment, sentence, sr.RelationshipTypeValues.CONTAINS)
        )
    return group


def _basis(labeling: Labeling) -> list[sr.QualitativeEvaluation]:
    used = {OTHER_SERIES: labeling.companions, ANCHORS: labeling.anchors}
    return [_statement(BASIS, source) for source, titles in used.items() if titles]


def _comments(labeling: Labeling) -> list[str]:
    """Sentences on the levels and what they rest on: highdicom has no place for them, but TID 1501 may be extended."""
    candidates = () if labeling.status == "determined" else labeling.candidates
    possible = (f"Possible: {candidate.title} ({100 * candidate.probability:.0f} %)." for candidate in candidates)
    return [*possible, *(f"Known beforehand: {anchor}." for anchor in labeling.anchors), *labeling.remarks]


def _statement(question: Code, answer: Code) -> sr.QualitativeEvaluation:
    return sr.QualitativeEvaluation(dicom_code(question), dicom_code(answer))
