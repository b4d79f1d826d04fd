"""Named structures as a DICOM Segmentation in the geometry of the source series."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt
from highdicom import AlgorithmIdentificationSequence
from highdicom.color import CIELabColor
from highdicom.seg import Segmentation, SegmentDescription
from pydicom import DataElement, Dataset
from pydicom.sr.codedict import codes
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage, RLELossless

from spine_segmentation.anatomy import CATEGORY
from spine_segmentation.errors import NoSpineFound, UsageError
from spine_segmentation.io.dicom_object import dicom_code, equipment, object_file, series_number
from spine_segmentation.io.presentation import structure_code, structure_color
from spine_segmentation.io.product import PRODUCT_NAME, product_version
from spine_segmentation.io.source_headers import repaired_headers
from spine_segmentation.io.uids import content_digest, derived_uid, result_uids
from spine_segmentation.results import Labeling, ModelIdentity, NamedStructure, SpineResult

if TYPE_CHECKING:
    from spine_segmentation.io.dicom_reader import DicomSeries

SegType = Literal["binary", "labelmap"]

SERIES_DESCRIPTION = "Spine levels (research use)"
SERIES_NUMBER_BASE = 9000
"""The series number of a segmentation is this plus the last three digits of the source's."""

_TRANSFER_SYNTAX = {"binary": ExplicitVRLittleEndian, "labelmap": RLELossless}
"""One-bit frames cannot be run-length encoded; label maps shrink thirtyfold."""

_GEOMETRY_TOLERANCE_MM = 1e-3


def write_segmentation(result: SpineResult, series: DicomSeries, path: Path, seg_type: SegType = "binary") -> None:
    """Write the named structures as one DICOM Segmentation instance in a series of its own.

    There is one segment per structure that has voxels, top to bottom, numbered from 1; frames without a voxel of
    their segment are omitted, and so is what lies below S1. Frames have the source's positions and refer to the source
    images they were derived from. UIDs are a hash of sources, networks, encoding and content.

    Args:
        result: The result on the grid of ``series.volume``.
        series: The source series.
        path: The file to write; it appears complete or not at all.
        seg_type: ``"binary"``, which every viewer reads, or ``"labelmap"``, which is smaller. A label map
            describes its background as segment 0, as the standard wants; some viewers then shift colours by one.

    Raises:
        UsageError: If the result has no labelling or lies on another grid than the series.
        NoSpineFound: If no structure has a voxel: a segmentation without segments cannot be.
        UnusableHeader: If the source's header does not allow a valid object.
        OutputError: If the file cannot be written.
    """
    labeling = _checked_labeling(result, series)
    present = _present(labeling)
    numbers = _segment_numbers(labeling, present)
    with object_file(path, "a segmentation") as temporary:
        segmentation = _encode(numbers, present, series, result.models, seg_type, content_digest(labeling))
        segmentation.save_as(temporary, enforce_file_format=True)


def _checked_labeling(result: SpineResult, series: DicomSeries) -> Labeling:
    """Take the labelling out of a result, if it lies on the grid of the series."""
    if result.labeling is None:
        raise UsageError(
            "a result without named structures",
            expected="the result of a run with labelling",
            remedy="run the labeler, or write the semantic map as NIfTI",
        )
    labels, image = result.labeling.labels, series.volume
    if labels.shape != image.shape or not np.allclose(labels.affine, image.affine, atol=_GEOMETRY_TOLERANCE_MM):
        raise UsageError(
            f"a result of shape {labels.shape} on another grid than the series, {image.shape}",
            expected="a result on the grid of the source series",
            remedy="pass the series that the result was computed from",
        )
    return result.labeling


def _present(labeling: Labeling) -> tuple[NamedStructure, ...]:
    """Select the structures that have voxels, top to bottom."""
    counts = np.bincount(labeling.labels.array.ravel(), minlength=256)
    present = tuple(structure for structure in labeling.structures if counts[structure.id])
    if not present:
        raise NoSpineFound(
            "a label map without a single named voxel",
            expected="at least one vertebra or disc",
            remedy="check that the image shows a spine; a segmentation without segments cannot be written",
        )
    return present


def _segment_numbers(labeling: Labeling, present: tuple[NamedStructure, ...]) -> npt.NDArray[np.uint8]:
    """Replace structure ids by segment numbers; every other value becomes background."""
    lookup = np.zeros(256, dtype=np.uint8)
    lookup[[structure.id for structure in present]] = np.arange(1, len(present) + 1)
    numbers: npt.NDArray[np.uint8] = lookup[labeling.labels.array]
    return numbers


def _encode(
    numbers: npt.NDArray[np.uint8],
    present: tuple[NamedStructure, ...],
    series: DicomSeries,
    models: tuple[ModelIdentity, ...],
    seg_type: SegType,
    content: str,
) -> Segmentation:
    """Build the object; the patient's name is set last, because highdicom quotes unusual names in warnings."""
    sources = repaired_headers(series)
    first = sources[0]
    patient_name, first.PatientName = first.PatientName, ""
    frames = ",".join(str(number) for number in series.frame_numbers)
    options = {"segmentation type": seg_type, "content": content, "frames": frames}
    source_uids = [source.SOPInstanceUID for source in sources]
    classes = {source.SOPInstanceUID: source.SOPClassUID for source in sources}
    purposes = ("instance", "series", "dimensions")
    instance_uid, series_uid, dimension_uid = result_uids(source_uids, models, options, "segmentation", purposes)
    if not series.is_enhanced:
        for source in sources:  # highdicom takes several images of single-frame classes alone
            source.SOPClassUID = MRImageStorage
    segmentation = Segmentation(
        source_images=sources,
        pixel_array=numbers,
        segmentation_type=seg_type.upper(),
        segment_descriptions=_descriptions(present, first.SeriesInstanceUID, models),
        series_instance_uid=series_uid,
        series_number=series_number(first, SERIES_NUMBER_BASE),
        sop_instance_uid=instance_uid,
        instance_number=1,
        **equipment(models),
        content_label="SPINE",
        content_description="Vertebrae and intervertebral discs",
        content_creator_name="",
        series_description=SERIES_DESCRIPTION,
        transfer_syntax_uid=_TRANSFER_SYNTAX[seg_type],
    )
    segmentation.PatientName = patient_name
    _set_dimension_uid(segmentation, dimension_uid)
    _restore_classes(segmentation, classes)
    if series.is_enhanced:
        _refer_to_original_frames(segmentation, series.frame_numbers)
    return segmentation


def _descriptions(
    present: tuple[NamedStructure, ...], source_series: str, models: tuple[ModelIdentity, ...]
) -> list[SegmentDescription]:
    algorithm = AlgorithmIdentificationSequence(
        name=PRODUCT_NAME,
        family=codes.cid7162.ArtificialIntelligence,
        version=product_version(),
        source=PRODUCT_NAME,
        parameters={model.name: f"{model.version} sha256:{model.sha256}" for model in models} or None,
    )
    return [
        _description(number, structure, source_series, algorithm) for number, structure in enumerate(present, start=1)
    ]


def _description(
    number: int, structure: NamedStructure, source_series: str, algorithm: AlgorithmIdentificationSequence
) -> SegmentDescription:
    description = SegmentDescription(
        segment_number=number,
        segment_label=structure.title,
        segmented_property_category=dicom_code(CATEGORY),
        segmented_property_type=dicom_code(structure_code(structure)),
        algorithm_type="AUTOMATIC",
        algorithm_identification=algorithm,
        tracking_id=structure.title,
        tracking_uid=derived_uid("tracking", source_series, structure.title),
        display_color=CIELabColor.from_rgb(*structure_color(structure)),
    )
    description.SegmentDescription = _sentence(structure)
    return description


def _sentence(structure: NamedStructure) -> str:
    """Say what is known about the level of a segment, e.g. ``"confidence 0.98; runner-up L2 0.01"``."""
    if structure.name is None:
        parts = ["level undetermined", f"most likely {structure.best_name} {structure.confidence:.2f}"]
    else:
        parts = [f"confidence {structure.confidence:.2f}"]
    if structure.runner_up is not None:
        parts.append(f"runner-up {structure.runner_up} {structure.runner_up_confidence:.2f}")
    if not structure.instance.fully_visible:
        parts.append("cut by the field of view")
    return "; ".join(parts)


def _set_dimension_uid(segmentation: Segmentation, uid: str) -> None:
    """Replace the random UID that ties the dimension indices together."""
    for item in (*segmentation.DimensionOrganizationSequence, *segmentation.DimensionIndexSequence):
        item.DimensionOrganizationUID = uid


def _restore_classes(segmentation: Segmentation, classes: dict[str, str]) -> None:
    """Refer to every source image by the class that it is filed under."""

    def restore(item: Dataset, element: DataElement) -> None:
        if element.keyword == "ReferencedSOPInstanceUID" and element.value in classes:
            item.ReferencedSOPClassUID = classes[element.value]

    segmentation.walk(restore)


def _refer_to_original_frames(segmentation: Segmentation, frame_numbers: tuple[int, ...]) -> None:
    """Turn references to the n-th chosen frame into references to its number in the source, each once."""
    frames = segmentation.PerFrameFunctionalGroupsSequence
    items = [frame.DerivationImageSequence[0].SourceImageSequence[0] for frame in frames]
    for reference in {id(item): item for item in items}.values():  # frames at one position share the item
        reference.ReferencedFrameNumber = frame_numbers[int(reference.ReferencedFrameNumber) - 1]
