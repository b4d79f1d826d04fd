"""The header of one DICOM file, read forgivingly."""

from __future__ import annotations

import logging
import math
import os
import re
import struct
import zlib
from pathlib import Path
from typing import Any, NoReturn

import pydicom
from pydicom.dataset import Dataset
from pydicom.errors import BytesLengthException, InvalidDicomError
from pydicom.multival import MultiValue
from pydicom.sequence import Sequence
from pydicom.uid import UID

from spine_segmentation.errors import TruncatedFile, UnreadableFile

logger = logging.getLogger(__name__)

ENHANCED_MR_CLASSES = frozenset(
    {
        "1.2.840.10008.5.1.4.1.1.4.1",  # Enhanced MR Image
        "1.2.840.10008.5.1.4.1.1.4.3",  # Enhanced MR Color Image
        "1.2.840.10008.5.1.4.1.1.4.4",  # Legacy Converted Enhanced MR Image
    }
)
"""SOP classes of multi-frame MR images."""

MR_CLASSES = ENHANCED_MR_CLASSES | {"1.2.840.10008.5.1.4.1.1.4"}
"""SOP classes of MR images."""

_NOT_IMAGES = frozenset(
    {
        "1.2.840.10008.5.1.4.1.1.4.2",  # MR Spectroscopy
        "1.2.840.10008.5.1.4.1.1.66.4",  # Segmentation
        "1.2.840.10008.5.1.4.1.1.66.5",  # Surface Segmentation
        "1.2.840.10008.5.1.4.1.1.66.7",  # Label Map Segmentation
    }
)
_SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
_MR_HINTS = ("RepetitionTime", "EchoTime", "MagneticFieldStrength", "InversionTime", "FlipAngle")
_OTHER_MODALITY_HINTS = {"KVP": "CT", "XRayTubeCurrent": "CT", "RadiopharmaceuticalInformationSequence": "PT"}
MODALITY_KEYWORDS = ("Modality", *_MR_HINTS, *_OTHER_MODALITY_HINTS)
"""The attributes that :func:`infer_modality` asks, beside the SOP class."""

_UID = re.compile(r"[0-9.]+")
"""The characters of a UID (PS3.5 9.1). Its length and leading zeros are not judged: scanners break those rules, and the
images are filed under what they say."""

_DIRECTORY = "DICOMDIR"
"""The name of the file that indexes a medium (PS3.10 8.6); on some it is in lower case."""

_PREAMBLE_BYTES = 128
_FIRST_GROUPS = (b"\x02\x00", b"\x08\x00", b"\x00\x08")
_START_BYTES = 1024
_STANDARD_UID = b"1.2.840.10008."
"""What the start of a damaged file without preamble holds if it is DICOM: a UID that the standard defines."""

_MALFORMED = (ValueError, TypeError, NotImplementedError, OverflowError, KeyError, BytesLengthException)
_CUT_OFF = (EOFError, OSError, struct.error)
UNREADABLE = (*_CUT_OFF, *_MALFORMED, AttributeError, RecursionError, zlib.error, InvalidDicomError)
"""What pydicom raises for files and data sets that are cut off, damaged or none."""


def read_header(path: Path, keywords: list[str] | None = None) -> Dataset | None:
    """Read a DICOM file up to its pixel data.

    Args:
        path: Any file. The 128-byte preamble may be absent.
        keywords: The attributes to read, those that tell an image among them; None reads all.

    Returns:
        The header, or None if the file is not DICOM; without a preamble only an image counts as DICOM.

    Raises:
        UnreadableFile: If the file cannot be opened.
        TruncatedFile: If the file is DICOM, but its header cannot be read to the end.
    """
    start = _read_start(path)
    has_preamble = start[_PREAMBLE_BYTES : _PREAMBLE_BYTES + 4] == b"DICM"
    if not has_preamble and start[:2] not in _FIRST_GROUPS:
        return None
    try:
        header = pydicom.dcmread(path, stop_before_pixels=True, force=True, specific_tags=keywords)
        return header if has_preamble or _STANDARD_UID in start or is_image(header) else None
    except UNREADABLE as error:
        if not has_preamble and _STANDARD_UID not in start:
            return None
        raise TruncatedFile(
            f"{path} is DICOM, but its header is cut off or damaged",
            expected="a complete file",
            remedy="copy or export it again, or remove it",
        ) from error


def is_image(header: Dataset) -> bool:
    """Tell whether the file holds an image.

    Args:
        header: Of any DICOM file.

    Returns:
        True if it has rows, or is of a class that must have them; segmentations do not count.
    """
    if sop_class(header) in _NOT_IMAGES or text(header, "Modality") == "SEG":
        return False
    return "Rows" in header or sop_class(header) in MR_CLASSES


def is_enhanced(header: Dataset) -> bool:
    """Tell whether the geometry is in functional groups; the SOP class is not asked, it is wrong too often.

    Args:
        header: Of an image.

    Returns:
        True if there are per-frame or shared functional groups.
    """
    return bool(items(header, "PerFrameFunctionalGroupsSequence") or items(header, "SharedFunctionalGroupsSequence"))


def sop_class(header: Dataset) -> str:
    """Look up the SOP class of a data set.

    Args:
        header: Of any DICOM file.

    Returns:
        The data set's SOP Class UID, else the one in the file meta information, else an empty string.
    """
    meta = getattr(header, "file_meta", None) or Dataset()
    return text(header, "SOPClassUID") or text(meta, "MediaStorageSOPClassUID")


def infer_modality(header: Dataset) -> str:
    """Read the modality, or infer it.

    Args:
        header: Of an image.

    Returns:
        The modality as stated, else as the SOP class or typical attributes imply; empty if nothing tells.
    """
    stated = text(header, "Modality")
    if stated:
        return stated
    uid = sop_class(header)
    if uid in MR_CLASSES:
        return "MR"
    if uid and not uid.startswith(_SECONDARY_CAPTURE) and " Image Storage" in UID(uid).name:
        return str(UID(uid).name).split(" Image Storage")[0]
    other = next((modality for keyword, modality in _OTHER_MODALITY_HINTS.items() if keyword in header), "")
    return other or ("MR" if is_enhanced(header) or any(keyword in header for keyword in _MR_HINTS) else "")


def text(header: Dataset, keyword: str) -> str:
    """Read an attribute as text.

    Args:
        header: Any data set.
        keyword: The attribute's DICOM keyword.

    Returns:
        The text; several values are joined by a backslash; empty if the attribute is absent or malformed.
    """
    value = _value(header, keyword)
    if value is None:
        return ""
    if isinstance(value, MultiValue):
        return "\\".join(str(part) for part in value)
    return " ".join(str(value).split())


def single_uid(header: Dataset, keyword: str) -> str:
    """Read an attribute as a UID.

    Args:
        header: Any data set.
        keyword: The attribute's DICOM keyword.

    Returns:
        The UID as it is, too long or with leading zeros if it is so; empty if the attribute is absent, has several
        values, or is no UID.
    """
    value = text(header, keyword)
    return value if is_uid(value) else ""


def is_uid(value: str) -> bool:
    """Tell whether a text can identify something.

    Args:
        value: Any text.

    Returns:
        True if it consists of digits and dots.
    """
    return _UID.fullmatch(value) is not None


def numbers(header: Dataset, keyword: str, count: int) -> tuple[float, ...] | None:
    """Read an attribute as finite numbers.

    Args:
        header: Any data set.
        keyword: The attribute's DICOM keyword.
        count: How many numbers it must have.

    Returns:
        Exactly ``count`` numbers; None if the attribute is absent or malformed.
    """
    value = _value(header, keyword)
    try:
        parsed = tuple(float(part) for part in (value if isinstance(value, MultiValue) else [value]))
    except _MALFORMED:
        return None
    return parsed if len(parsed) == count and all(map(math.isfinite, parsed)) else None


def number(header: Dataset, keyword: str) -> float | None:
    """Read an attribute as one finite number.

    Args:
        header: Any data set.
        keyword: The attribute's DICOM keyword.

    Returns:
        The number; None if the attribute is absent, malformed or has several values.
    """
    parsed = numbers(header, keyword, 1)
    return parsed[0] if parsed else None


def items(header: Dataset, keyword: str) -> list[Dataset]:
    """List the items of a sequence.

    Args:
        header: Any data set.
        keyword: The sequence's DICOM keyword.

    Returns:
        The items; none if the sequence is absent.
    """
    value = _value(header, keyword)
    return list(value) if isinstance(value, Sequence) else []


def files_under(folder: Path) -> list[Path]:
    """List all regular files at any depth.

    Args:
        folder: A folder or a file.

    Returns:
        The files, in a fixed order: for a DICOMDIR those of its folder, for another file that one.

    Raises:
        UnreadableFile: If the path does not exist, or a folder in it cannot be looked into: there may be slices in it.
    """
    try:
        if not folder.is_file():
            return _walk(folder)
        return _walk(folder.parent) if folder.name.upper() == _DIRECTORY else [folder]
    except OSError as error:
        raise _unreadable(Path(error.filename or folder), error) from error


def _walk(folder: Path) -> list[Path]:
    found = (Path(parent, name) for parent, _, names in os.walk(folder, onerror=_refuse) for name in names)
    return sorted(path for path in found if path.is_file())


def _refuse(error: OSError) -> NoReturn:
    raise error


def _value(header: Dataset, keyword: str) -> Any:  # noqa: ANN401
    try:
        return header.get(keyword)
    except (*_CUT_OFF, *_MALFORMED):
        logger.debug("attribute %s is malformed", keyword)
        return None


def _read_start(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_START_BYTES)
    except OSError as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: OSError) -> UnreadableFile:
    return UnreadableFile(
        f"{path} cannot be read ({error.strerror})",
        expected="a readable file or folder",
        remedy="check the spelling of the path and its permissions",
    )
