"""What the service and its worker process say to each other: one JSON document a line."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict

from spine_segmentation.pacs.config import Results


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Hello(_Message):
    """The worker's first word, once its networks are loaded."""

    model: str
    """Identity of everything that a result depends on, beside its input."""


class Request(_Message):
    """Process one series."""

    input: Path
    """Folder with its images and nothing else."""
    output: Path
    """Empty folder for the objects and ``status.json``."""
    version: int
    """1 for the first result of a series."""
    predecessors: tuple[str, ...]
    """Series Instance UIDs of the objects that are superseded; none for the first."""
    study_uid: str
    """The study."""
    results: Results
    """Which objects to write."""
    preview: bool
    """Also write a picture."""


class Reply(_Message):
    """The series is processed; ``status.json`` in the output folder says how it ended."""

    objects: tuple[str, ...]
    """Names of the DICOM files written."""
