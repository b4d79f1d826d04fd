"""Frame: one image of a series and where it lies, the same for classic and enhanced files."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from pydicom.dataset import Dataset

from spine_segmentation.io.dicom_headers import is_enhanced, items, number, numbers, text

Attribute = float | str
T = TypeVar("T")

ATTRIBUTES = {
    "stack": ("StackID",),
    "echo time": ("EffectiveEchoTime", "EchoTime"),
    "echo number": ("EchoNumbers",),
    "image type": ("FrameType", "ImageType"),
    "signal component": ("ComplexImageComponent",),
    "temporal position": ("TemporalPositionIndex", "TemporalPositionIdentifier"),
    "b-value": ("DiffusionBValue",),
    "inversion time": ("InversionTime",),
    "trigger time": ("NominalCardiacTriggerDelayTime", "TriggerTime"),
    "acquisition number": ("FrameAcquisitionNumber", "AcquisitionNumber"),
    "sequence name": ("SequenceName",),
    "acquisition time": ("FrameAcquisitionDateTime", "AcquisitionDateTime", "AcquisitionTime"),
    "content time": ("ContentTime",),
    "instance number": ("InstanceNumber",),
}
"""What can tell images at one position apart, in the order in which it is tried, and its DICOM keywords."""

MACROS = (
    "PlanePositionSequence",
    "PlaneOrientationSequence",
    "PixelMeasuresSequence",
    "PixelValueTransformationSequence",
    "FrameContentSequence",
    "MREchoSequence",
    "MRImageFrameTypeSequence",
    "MRDiffusionSequence",
    "MRTimingAndRelatedParametersSequence",
    "MRModifierSequence",
    "CardiacSynchronizationSequence",
)
"""The functional groups of enhanced MR that are read."""

NO_FUNCTIONAL_GROUPS = "it is a multi-frame image without functional groups, which say where each frame lies"
WRONG_FRAME_COUNT = "its number of frames differs from that of its per-frame functional groups"

ORTHOGONALITY_TOLERANCE = 1e-2
"""Largest scalar product of the two image axes, and largest deviation of their length from 1."""


@dataclass(frozen=True)
class Frame:
    """One image of a series.

    Attributes:
        path: Its file.
        number: Its place in the file, from 1.
        enhanced: Whether its geometry comes from functional groups.
        size: (rows, columns).
        position: Centre of its first pixel, LPS, mm; None if it is absent or malformed.
        orientation: Unit vectors along which the column index, then the row index grows; None as above.
        pixel_spacing: Distance between rows, then between columns, mm; None as above.
        slice_spacing: Distance to the next slice as the header states it, else the slice thickness, mm; None as above.
        slope: Rescale slope.
        intercept: Rescale intercept.
        attributes: What may tell it from other images at the same position; names as in ``ATTRIBUTES``.
    """

    path: Path
    number: int
    enhanced: bool
    size: tuple[int, int]
    position: tuple[float, ...] | None
    orientation: tuple[float, ...] | None
    pixel_spacing: tuple[float, float] | None
    slice_spacing: float | None
    slope: float
    intercept: float
    attributes: dict[str, Attribute]

    @property
    def has_geometry(self) -> bool:
        """Whether its place in the patient is known."""
        return None not in (self.position, self.orientation, self.pixel_spacing)


def frames_of(header: Dataset, path: Path) -> list[Frame]:
    """List the frames a file describes.

    A multi-frame file without functional groups counts as one frame without geometry.

    Args:
        header: Its header.
        path: The file.

    Returns:
        At most as many frames as the file announces; none if its header ends before the image size.
    """
    rows, columns = number(header, "Rows"), number(header, "Columns")
    if not rows or not columns:
        return []
    size = (int(rows), int(columns))
    return [_frame(header, path, index, size) for index in range(_count(header))]


def find_frame_flaw(header: Dataset) -> str | None:
    """Say what is wrong with the number of frames.

    Args:
        header: Of a classic or enhanced file.

    Returns:
        A sentence about the image; None if nothing is wrong.
    """
    if not is_enhanced(header):
        return None if _announced(header) == 1 else NO_FUNCTIONAL_GROUPS
    return None if _announced(header) == _described(header) else WRONG_FRAME_COUNT


def datasets_of(header: Dataset, index: int) -> list[Dataset]:
    """List the data sets in which the attributes of one frame are looked up.

    The header of a multi-frame file without functional groups says nothing about its single frames.

    Args:
        header: Of a classic or enhanced file.
        index: Of the frame, from 0.

    Returns:
        The data sets, most specific first; none where nothing speaks of the frame.
    """
    if not is_enhanced(header):
        return [header] if _announced(header) == 1 else []
    per_frame = items(header, "PerFrameFunctionalGroupsSequence")
    groups = [*per_frame[index : index + 1], *items(header, "SharedFunctionalGroupsSequence")[:1]]
    return [item for group in groups for macro in MACROS for item in items(group, macro)[:1]]


def single_frame_header(header: Dataset) -> Dataset:
    """Lay out the header of an enhanced image of one frame like that of a classic image.

    Args:
        header: With functional groups for one frame; it is not changed.

    Returns:
        A copy with what ``MACROS`` hold at its top level, and without functional groups.
    """
    flat = copy.deepcopy(header)
    for dataset in reversed(datasets_of(header, 0)):
        flat.update(dataset)
    for keyword in ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"):
        flat.pop(keyword, None)
    return flat


def first(datasets: list[Dataset], keywords: tuple[str, ...], read: Callable[[Dataset, str], T | None]) -> T | None:
    """Return the first value that is there.

    Args:
        datasets: Where to look, in order.
        keywords: What to look for, in order.
        read: One of the readers in ``dicom_headers``.

    Returns:
        The value; None if no data set has any of the attributes, or all are empty or malformed.
    """
    values = (read(dataset, keyword) for keyword in keywords for dataset in datasets if keyword in dataset)
    return next((value for value in values if value not in (None, "")), None)


def order_of(value: Attribute) -> tuple[bool, float, str]:
    """Make values of attributes comparable.

    Args:
        value: A number or a text.

    Returns:
        A key to sort by: numbers by size, before texts.
    """
    return (True, 0.0, value) if isinstance(value, str) else (False, value, "")


def _announced(header: Dataset) -> int:
    return max(1, int(number(header, "NumberOfFrames") or 1))


def _described(header: Dataset) -> int:
    return max(1, len(items(header, "PerFrameFunctionalGroupsSequence")))


def _count(header: Dataset) -> int:
    return min(_announced(header), _described(header))


def _frame(header: Dataset, path: Path, index: int, size: tuple[int, int]) -> Frame:
    datasets = datasets_of(header, index)
    slope = first(datasets, ("RescaleSlope",), number)
    return Frame(
        path=path,
        number=index + 1,
        enhanced=is_enhanced(header),
        size=size,
        position=first(datasets, ("ImagePositionPatient",), lambda d, keyword: numbers(d, keyword, 3)),
        orientation=first(datasets, ("ImageOrientationPatient",), _orientation),
        pixel_spacing=first(datasets, ("PixelSpacing",), _pixel_spacing),
        slice_spacing=first(datasets, ("SpacingBetweenSlices", "SliceThickness"), _length),
        slope=1.0 if slope is None else slope,
        intercept=first(datasets, ("RescaleIntercept",), number) or 0.0,
        attributes={name: _find_attribute(datasets, keywords) for name, keywords in ATTRIBUTES.items()},
    )


def _length(dataset: Dataset, keyword: str) -> float | None:
    return abs(number(dataset, keyword) or 0.0) or None


def _pixel_spacing(dataset: Dataset, keyword: str) -> tuple[float, float] | None:
    rows, columns = numbers(dataset, keyword, 2) or (0.0, 0.0)
    return (rows, columns) if min(rows, columns) > 0 else None


def _orientation(dataset: Dataset, keyword: str) -> tuple[float, ...] | None:
    """Two orthogonal unit vectors, or None if the six numbers are not that."""
    values = numbers(dataset, keyword, 6)
    axes = np.array(values or np.zeros(6)).reshape(2, 3)
    lengths = np.linalg.norm(axes, axis=1)
    if np.abs(lengths - 1).max() > ORTHOGONALITY_TOLERANCE or abs(axes[0] @ axes[1]) > ORTHOGONALITY_TOLERANCE:
        return None
    return tuple((axes / lengths[:, None]).ravel().tolist())


def _find_attribute(datasets: list[Dataset], keywords: tuple[str, ...]) -> Attribute:
    values = (_attribute(dataset, keyword) for keyword in keywords for dataset in datasets if keyword in dataset)
    return next((value for value in values if value != ""), "")


def _attribute(dataset: Dataset, keyword: str) -> Attribute:
    value = number(dataset, keyword)
    return text(dataset, keyword) if value is None else value
