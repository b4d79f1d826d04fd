"""``status.json``: how a run ended, for whoever started it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from spine_segmentation.errors import (
    DuplicatePosition,
    MissingSlice,
    MixedOrientation,
    MixedPixelSpacing,
    NoSpineFound,
    NoSuitableSeries,
    SpineError,
    UnsupportedOrientation,
)
from spine_segmentation.io.atomic import atomic_path
from spine_segmentation.io.product import product_version

State = Literal["succeeded", "failed"]

SCHEMA_VERSION = "1.0"
"""The first number changes when a field is removed or changes its meaning, the second when one is added."""


_IMPERSONAL = {
    NoSuitableSeries,
    MissingSlice,
    MixedOrientation,
    MixedPixelSpacing,
    DuplicatePosition,
    UnsupportedOrientation,
    NoSpineFound,
}
"""Errors, not their subclasses, that say what was found in numbers and fixed words; others may quote a path."""


class ErrorEntry(BaseModel):
    """Why a run failed."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    type: str
    """Name of the error's class, e.g. "MissingSlice"."""
    message: str
    """What was expected and what to do, and what was found where that names no path; never patient data."""


class StatusDocument(BaseModel):
    """The content of status.json."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    schema_version: str = SCHEMA_VERSION
    """Version of this schema."""
    state: State
    """Whether the run came to its end."""
    exit_code: int
    """0 written, 2 usage, 3 no suitable series, 4 bad input, 5 no spine found, 70 internal error, 128 + n ended by
    signal n: 130 stopped by SIGINT, 143 by SIGTERM, 137 killed (SIGKILL; written in the container alone)."""
    error: ErrorEntry | None
    """Why it failed; null if it did not."""
    outputs: tuple[str, ...]
    """Names of the files that were written, in the folder of this one."""
    software_version: str
    """Version of the program."""


def write_status(
    path: Path, state: State, exit_code: int, *, error: Exception | None = None, outputs: Sequence[Path] = ()
) -> None:
    """Write how a run ended.

    Args:
        path: The file to write; it appears complete or not at all.
        state: Whether the run came to its end.
        exit_code: The exit code of the process.
        error: Why it failed. Paths stay out, because they often name the patient, and so do messages of errors that
            are not this package's own: they may quote a header.
        outputs: The files that were written.

    Raises:
        OutputError: If the file cannot be written.
    """
    document = StatusDocument(
        state=state,
        exit_code=exit_code,
        error=_entry(error) if error is not None else None,
        outputs=tuple(output.name for output in outputs),
        software_version=product_version(),
    )
    with atomic_path(path) as temporary:
        temporary.write_text(document.model_dump_json(indent=2) + "\n", encoding="utf-8")


def _entry(error: Exception) -> ErrorEntry:
    return ErrorEntry(type=type(error).__name__, message=_message(error))


def _message(error: Exception) -> str:
    if not isinstance(error, SpineError):
        return "internal error; the log says more"
    if type(error) in _IMPERSONAL:
        return str(error)
    return f"Expected: {error.expected}. What to do: {error.remedy}."
