"""A guess at the contrast of an MR series, from its description or its timing."""

from __future__ import annotations

import re

from pydicom.dataset import Dataset

from spine_segmentation.io.dicom_frames import datasets_of, first
from spine_segmentation.io.dicom_headers import number, text

WEIGHTING_KEYWORDS = (
    *("SeriesDescription", "ProtocolName", "ScanningSequence"),
    *("RepetitionTime", "EffectiveEchoTime", "EchoTime", "InversionTime"),
)
"""The attributes that :func:`guess_weighting` asks, beside the functional groups."""

_DESCRIPTIONS = (
    ("STIR", re.compile(r"stir|tirm|short.?tau", re.IGNORECASE)),
    ("DWI", re.compile(r"dwi|diff|(?<![a-z])adc(?![a-z])", re.IGNORECASE)),
    ("T2*w", re.compile(r"t2 ?\*|t2.?star|medic(?![a-z])|merge(?![a-z])", re.IGNORECASE)),
    ("T2w", re.compile(r"t2(?!\d)", re.IGNORECASE)),
    ("T1w", re.compile(r"t1(?!\d)", re.IGNORECASE)),
    ("PDw", re.compile(r"(?<![a-z])pd(?![a-z])|pdw|proton", re.IGNORECASE)),
)
_LONG_REPETITION_MS = 1500.0
_SHORT_REPETITION_MS = 1200.0
_LONG_ECHO_MS = 60.0
_SHORT_ECHO_MS = 40.0
_STIR_INVERSION_MS = (80.0, 300.0)


def guess_weighting(header: Dataset) -> str | None:
    """Guess the contrast: what the description says, else what repetition, echo and inversion time imply.

    Args:
        header: Of any image of the series, classic or enhanced.

    Returns:
        ``"T1w"``, ``"T2w"``, ``"T2*w"``, ``"PDw"``, ``"STIR"`` or ``"DWI"``; None if nothing tells.
    """
    words = f"{text(header, 'SeriesDescription')} {text(header, 'ProtocolName')}"
    named = next((name for name, pattern in _DESCRIPTIONS if pattern.search(words)), None)
    return named or _from_timing(header)


def _from_timing(header: Dataset) -> str | None:
    datasets = [*datasets_of(header, 0), header]
    repetition = first(datasets, ("RepetitionTime",), number)
    echo = first(datasets, ("EffectiveEchoTime", "EchoTime"), number)
    inversion = first(datasets, ("InversionTime",), number)
    sequence = text(header, "ScanningSequence").split("\\")
    if repetition is None or echo is None or "GR" in sequence:
        return None
    if inversion and _STIR_INVERSION_MS[0] <= inversion <= _STIR_INVERSION_MS[1]:
        return "STIR"
    return _from_spin_echo(repetition, echo)


def _from_spin_echo(repetition: float, echo: float) -> str | None:
    if repetition >= _LONG_REPETITION_MS and echo >= _LONG_ECHO_MS:
        return "T2w"
    if echo >= _SHORT_ECHO_MS:
        return None
    if repetition <= _SHORT_REPETITION_MS:
        return "T1w"
    return "PDw" if repetition >= _LONG_REPETITION_MS else None
