"""What the service and its worker process say to each other: one JSON document a line."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict

from spine_segmentation.pacs.config import Results


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Hello(_Message):
    """The worker's first word, once its networks are loaded, or cannot be."""

    model: str = ""
    """Identity of everything that a result depends on, beside its input; empty if there is no model."""
    trouble: str = ""
    """Why there is none; empty if there is one."""


class SeriesRequest(_Message):
    """One series of a request."""

    input: Path
    """Folder with its images and nothing else."""
    output: Path | None = None
    """Empty folder for its objects and ``status.json``; null if it only takes part in the naming."""
    version: int = 1
    """1 for the first result of a series."""
    predecessors: tuple[str, ...] = ()
    """Series Instance UIDs of the objects that are superseded; none for the first."""


class Request(_Message):
    """Process the series of one study, with one numbering."""

    folder: Path
    """Existing folder; ``status.json`` in it says whether the worker did its work, whatever came of the series."""
    series: tuple[SeriesRequest, ...]
    """The series; none twice."""
    study_uid: str
    """Their study."""
    results: Results
    """Which objects to write."""
    preview: bool
    """Also write a picture."""


class Reply(_Message):
    """The series are processed; ``status.json`` in each one's output folder says how that ended."""

    objects: tuple[tuple[str, ...], ...]
    """For each series of the request the names of the DICOM files written."""
