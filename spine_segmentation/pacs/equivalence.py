"""Whether two objects with the same UID are the same image; decided in a process of its own, for decoders can crash."""

from __future__ import annotations

import logging
import multiprocessing
import resource
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from enum import StrEnum
from pathlib import Path

import numpy as np
import pydicom
from pydicom import Dataset
from pydicom.errors import BytesLengthException, InvalidDicomError

logger = logging.getLogger(__name__)

_MEMORY_BYTES = 4 * 1024**3
_TIMEOUT_SECONDS = 60.0

_PIXELS = {"PixelData", "FloatPixelData", "DoubleFloatPixelData"}
_GEOMETRY = {
    "SOPClassUID", "StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID", "ImagePositionPatient",
    "ImageOrientationPatient", "PixelSpacing", "SliceThickness", "SpacingBetweenSlices", "NumberOfFrames",
    "RescaleSlope", "RescaleIntercept", "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence",
}  # fmt: skip
"""What must agree beside the decoded pixels: everything that decides where a voxel lies, whose it is and what it is."""

_ENCODING = {"PhotometricInterpretation", "PlanarConfiguration"}
"""What may change with the transfer syntax while the pixels stay as they are."""

_UNREADABLE = (
    ValueError, TypeError, LookupError, AttributeError, NotImplementedError, RuntimeError, OSError, EOFError,
    MemoryError, BytesLengthException, InvalidDicomError,
)  # fmt: skip


class Relation(StrEnum):
    """How the second of two objects of one UID relates to the first."""

    SAME = "same image and header, encoded in another way"
    HEADER = "same image with another header"
    DIFFERENT = "another image"
    UNKNOWN = "the comparison failed"


def relate(first: Path, second: Path) -> Relation:
    """Compare two objects of one UID.

    Args:
        first: A DICOM file.
        second: Another one.

    Returns:
        How they relate; ``DIFFERENT`` where one of them cannot be decoded, ``UNKNOWN`` where the comparison crashed
        or took too long.
    """
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, context, initializer=_limit_memory) as pool:
        try:
            return pool.submit(_relate, first, second).result(_TIMEOUT_SECONDS)
        except (BrokenProcessPool, TimeoutError):
            logger.error("two objects of one UID could not be compared")
            for process in list((pool._processes or {}).values()):
                process.kill()
            return Relation.UNKNOWN


def _limit_memory() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))


def _relate(first: Path, second: Path) -> Relation:
    try:
        one, other = pydicom.dcmread(first), pydicom.dcmread(second)
        if _texts(one, _GEOMETRY) != _texts(other, _GEOMETRY) or not _same_pixels(one, other):
            return Relation.DIFFERENT
        keywords = set(one.dir()) | set(other.dir())
        keywords -= _PIXELS | _ENCODING
        return Relation.SAME if _texts(one, keywords) == _texts(other, keywords) else Relation.HEADER
    except _UNREADABLE:
        return Relation.DIFFERENT


def _texts(dataset: Dataset, keywords: set[str]) -> list[str]:
    """Values that do not depend on the transfer syntax, in a fixed order."""
    return [str(dataset.get(keyword)) for keyword in sorted(keywords)]


def _same_pixels(one: Dataset, other: Dataset) -> bool:
    if not any(keyword in one or keyword in other for keyword in _PIXELS):
        return True
    return np.array_equal(one.pixel_array, other.pixel_array)
