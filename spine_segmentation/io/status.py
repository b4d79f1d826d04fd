"""``status.json``: how a run ended, for whoever started it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from spine_segmentation.errors import SpineError
from spine_segmentation.io.atomic import atomic_path
from spine_segmentation.io.product import product_version

State = Literal["succeeded", "failed"]

SCHEMA_VERSION = "1.0"
"""The first number changes when a field is removed or changes its meaning, the second when one is added."""


class ErrorEntry(BaseModel):
    """Why a run failed."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    type: str
    """Name of the error's class, e.g. "MissingSlice"."""
    message: str
    """What was found, what was expected and what to do."""


class StatusDocument(BaseModel):
    """The content of status.json."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    schema_version: str = SCHEMA_VERSION
    """Version of this schema."""
    state: State
    """Whether the run came to its end."""
    exit_code: int
    """0 written, 2 usage, 3 no suitable series, 4 bad input, 5 no spine found, 70 internal error."""
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
        error: Why it failed. Only messages of this package's own errors are written: others may quote a header.
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
    message = str(error) if isinstance(error, SpineError) else "internal error; the log says more"
    return ErrorEntry(type=type(error).__name__, message=message)
