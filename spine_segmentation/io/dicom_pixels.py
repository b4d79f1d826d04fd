"""Decoding of the pixels of one DICOM file."""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pydicom
from pydicom.dataset import Dataset, FileDataset
from pydicom.pixels import iter_pixels
from pydicom.uid import (
    JPEG2000,
    UID,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)

from spine_segmentation.errors import TruncatedFile, UndecodablePixels, UnreadableFile
from spine_segmentation.io.dicom_headers import number

_CUT_OFF = (EOFError, struct.error, zlib.error)
_DECODER_FAILURES = (RuntimeError, ValueError, AttributeError, TypeError, KeyError, IndexError, OSError, OverflowError)
_DECODERS = {
    RLELossless: "pydicom",
    JPEGLSLossless: "pyjpegls",
    JPEGLSNearLossless: "pyjpegls",
    JPEG2000Lossless: "pylibjpeg",
    JPEG2000: "pylibjpeg",
}
"""The one decoder to use; GDCM is no second choice, because it ends the process on damaged data."""

_PIXELS = {"PixelData": None, "FloatPixelData": 32, "DoubleFloatPixelData": 64}


def decode(path: Path, frame_numbers: Sequence[int]) -> Iterator[npt.NDArray[np.float32]]:
    """Decode frames of a file, one at a time, to stored values.

    Args:
        path: A DICOM file with grey-scale pixels.
        frame_numbers: From 1, in any order.

    Yields:
        One float32 array of shape (rows, columns) per frame number, before rescaling.

    Raises:
        UnreadableFile: If the file cannot be opened.
        TruncatedFile: If it ends before its pixels do.
        UndecodablePixels: If the pixels cannot be decoded, or are not aligned to the right in their words.
    """
    dataset = _read(path)
    _require_right_aligned(dataset, path)
    _require_all_bytes(dataset, path)
    frames = iter_pixels(dataset, indices=[k - 1 for k in frame_numbers], decoding_plugin=decoder_of(dataset))
    for _ in frame_numbers:
        try:
            stored = next(frames)
        except (*_CUT_OFF, *_DECODER_FAILURES, StopIteration) as error:
            raise _undecodable(path, dataset, error) from error
        yield stored.astype(np.float32)


def decoder_of(dataset: Dataset) -> str:
    """Name the decoder to use for the pixels of a data set.

    Args:
        dataset: With file meta information that states the transfer syntax.

    Returns:
        The name of pydicom's plugin; empty where any will do.
    """
    return _DECODERS.get(dataset.file_meta.TransferSyntaxUID, "")


def _read(path: Path) -> FileDataset:
    """Read the whole data set, with what decoders need and poor files lack."""
    try:
        dataset = pydicom.dcmread(path, force=True)
    except (*_CUT_OFF, ValueError, KeyError, OverflowError) as error:
        raise _truncated(path, "ends in the middle of its content") from error
    except OSError as error:
        raise UnreadableFile(
            f"{path} cannot be read ({error.strerror})", expected="a readable file", remedy="check its permissions"
        ) from error
    if "TransferSyntaxUID" not in dataset.file_meta:
        dataset.file_meta.TransferSyntaxUID = _plain_syntax(dataset)
    for keyword, value in (("SamplesPerPixel", 1), ("PhotometricInterpretation", "MONOCHROME2")):
        if keyword not in dataset:
            setattr(dataset, keyword, value)
    return dataset


def _plain_syntax(dataset: FileDataset) -> UID:
    implicit, little_endian = dataset.original_encoding
    if implicit:
        return ImplicitVRLittleEndian
    return ExplicitVRLittleEndian if little_endian else ExplicitVRBigEndian


def _require_right_aligned(dataset: FileDataset, path: Path) -> None:
    """Decoders take the lowest bits of each word; PS3.5 8.1.1 puts the pixels there."""
    stored, high = number(dataset, "BitsStored"), number(dataset, "HighBit")
    if stored and high is not None and high != stored - 1:
        raise UndecodablePixels(
            f"{path} states {stored:g} bits stored and the high bit {high:g}",
            expected=f"the high bit {stored - 1:g}, one less than the bits stored",
            remedy="export the original images from the scanner or PACS, with pixels aligned to the right",
        )


def _require_all_bytes(dataset: FileDataset, path: Path) -> None:
    keyword = next((name for name in _PIXELS if name in dataset), None)
    if keyword is None:
        raise _truncated(path, "ends before its pixels")
    try:
        element = dataset[keyword]
    except _DECODER_FAILURES as error:
        raise _undecodable(path, dataset, error) from error
    if element.is_undefined_length:
        return
    values = [number(dataset, name) or 0 for name in ("Rows", "Columns", "SamplesPerPixel")]
    bits = _PIXELS[keyword] or number(dataset, "BitsAllocated") or 0
    expected = math.prod(map(int, [*values, number(dataset, "NumberOfFrames") or 1, bits])) // 8
    if len(element.value or b"") < expected:
        raise _truncated(path, f"holds {len(element.value or b'')} of {expected} bytes of pixels")


def _truncated(path: Path, flaw: str) -> TruncatedFile:
    return TruncatedFile(f"{path} {flaw}", expected="a complete file", remedy="copy or export it again")


def _undecodable(path: Path, dataset: FileDataset, error: Exception) -> UndecodablePixels:
    syntax = dataset.file_meta.TransferSyntaxUID.name
    return UndecodablePixels(
        f"the pixels of {path} ({syntax}) cannot be decoded ({type(error).__name__})",
        expected="pixels in a known transfer syntax, undamaged",
        remedy="export the series again, best uncompressed (Explicit VR Little Endian)",
    )
