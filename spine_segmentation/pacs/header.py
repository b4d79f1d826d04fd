"""The few attributes of a received object that decide where it belongs, read without trust."""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass
from io import BytesIO

from pydicom import Dataset
from pydicom.filereader import read_dataset
from pydicom.tag import BaseTag, Tag
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian, ImplicitVRLittleEndian

from spine_segmentation.io.dicom_headers import UNREADABLE, text

_KEYWORDS = (
    "SOPClassUID", "SOPInstanceUID", "Modality", "Manufacturer", "StudyInstanceUID", "SeriesInstanceUID",
)  # fmt: skip
_TAGS: list[BaseTag | int] = [Tag(keyword) for keyword in _KEYWORDS]
_LAST_TAG = Tag("SeriesInstanceUID")
_UID = re.compile(r"[0-9]+(\.[0-9]+)+")
_CHUNK_BYTES = 1024 * 1024
_HEADER_BYTES = 4 * _CHUNK_BYTES
"""So much of a deflated object is kept to read its header from; the rest is inflated only to be measured."""


@dataclass(frozen=True)
class Identity:
    """Where an object belongs.

    Attributes:
        sop_class: SOP Class UID.
        sop_uid: SOP Instance UID.
        study_uid: Study Instance UID.
        series_uid: Series Instance UID.
        modality: Empty if absent.
        manufacturer: Empty if absent.
    """

    sop_class: str
    sop_uid: str
    study_uid: str
    series_uid: str
    modality: str
    manufacturer: str


def read_identity(encoded: bytes, transfer_syntax: str, max_bytes: int) -> Identity | None:
    """Read an object's identity.

    Args:
        encoded: The data set as the peer sent it, without file meta information.
        transfer_syntax: Its transfer syntax UID.
        max_bytes: How large it may be when inflated.

    Returns:
        The identity; None if the data set is malformed before its Series Instance UID, has a UID that consists of
        other than digits and dots, or is too large.
    """
    try:
        if transfer_syntax == DeflatedExplicitVRLittleEndian:
            encoded = _inflate(encoded, max_bytes)
        dataset = read_dataset(
            BytesIO(encoded),
            is_implicit_VR=transfer_syntax == ImplicitVRLittleEndian,
            is_little_endian=transfer_syntax != ExplicitVRBigEndian,
            stop_when=lambda tag, vr, length: tag > _LAST_TAG,
            specific_tags=_TAGS,
        )
        return _identity(dataset)
    except UNREADABLE:
        return None


def _identity(dataset: Dataset) -> Identity | None:
    sop_class, sop_uid, modality, manufacturer, study_uid, series_uid = (
        text(dataset, keyword) for keyword in _KEYWORDS
    )
    if not all(len(uid) <= 64 and _UID.fullmatch(uid) for uid in (sop_class, sop_uid, study_uid, series_uid)):
        return None
    return Identity(sop_class, sop_uid, study_uid, series_uid, modality, manufacturer)


def _inflate(encoded: bytes, max_bytes: int) -> bytes:
    """Inflate as far as the header may reach, and make sure that the rest stays within bounds.

    Raises:
        ValueError: If it does not.
        zlib.error: If it is not deflated.
    """
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    start, total, pending = b"", 0, encoded
    while pending and not inflater.eof:
        chunk = inflater.decompress(pending, _CHUNK_BYTES)
        pending = inflater.unconsumed_tail
        total += len(chunk)
        start += chunk[: _HEADER_BYTES - len(start)]
        if total > max_bytes:
            raise ValueError("a deflated object that inflates beyond the size limit")
    return start
