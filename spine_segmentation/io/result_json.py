"""``result.json``: everything a program needs to know about a result, without patient data."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field

from spine_segmentation.anatomy import Kind
from spine_segmentation.io.atomic import atomic_path
from spine_segmentation.io.dicom_headers import single_uid
from spine_segmentation.io.product import PRODUCT_NAME, product_version
from spine_segmentation.measurements import Length, measure
from spine_segmentation.results import Candidate, Labeling, NamedStructure, SpineResult, Status
from spine_segmentation.volume import Volume

if TYPE_CHECKING:
    from spine_segmentation.io.dicom_reader import DicomSeries

InputKind = Literal["dicom", "nifti", "array"]

SCHEMA_VERSION = "1.2"
"""The first number changes when a field is removed or changes its meaning, the second when one is added."""


class _Document(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class InputIdentity(_Document):
    """Which input a result belongs to, without saying whose it is."""

    kind: InputKind
    """Where the image came from."""
    shape: tuple[int, int, int]
    """Number of slices, rows and columns of the input's own grid."""
    spacing_mm: tuple[float, float, float]
    """Distance between voxel centres along slices, rows and columns."""
    sha256: str
    """Hash of the sorted SOP Instance UIDs, joined by line feeds (dicom; where they do not tell the images apart,
    followed by voxels and affine), of the file (nifti), or of the voxels and the affine (array)."""
    choice: str = ""
    """Why this series was chosen among those found."""
    warnings: tuple[str, ...] = ()
    """What was remarkable about the input."""

    @classmethod
    def of_series(cls, series: DicomSeries) -> InputIdentity:
        """Identify a DICOM series.

        Args:
            series: The series that was read.

        Returns:
            The identity; ``sha256`` is of the SOP Instance UIDs, or of those and the content where they do not tell the
            images apart.
        """
        uids = sorted(single_uid(source, "SOPInstanceUID") for source in series.sources)
        content = "\n".join(uids).encode()
        if "" in uids or len(set(uids)) < len(uids):
            content += _content(series.volume)
        return cls._of(series.volume, "dicom", content, choice=series.choice, warnings=series.warnings)

    @classmethod
    def of_nifti(cls, path: Path, volume: Volume) -> InputIdentity:
        """Identify a NIfTI file.

        Args:
            path: The file.
            volume: The image that was read from it.

        Returns:
            The identity; ``sha256`` is of the file.

        Raises:
            OSError: If the file cannot be read.
        """
        return cls._of(volume, "nifti", path.read_bytes())

    @classmethod
    def of_array(cls, volume: Volume) -> InputIdentity:
        """Identify an image in memory.

        Args:
            volume: The image.

        Returns:
            The identity; ``sha256`` is of the voxels and the affine.
        """
        return cls._of(volume, "array", _content(volume))

    @classmethod
    def _of(
        cls, volume: Volume, kind: InputKind, content: bytes, choice: str = "", warnings: tuple[str, ...] = ()
    ) -> InputIdentity:
        first, second, third = (round(step, 6) for step in volume.spacing)
        digest = hashlib.sha256(content).hexdigest()
        spacing = (first, second, third)
        return cls(kind=kind, shape=volume.shape, spacing_mm=spacing, sha256=digest, choice=choice, warnings=warnings)


class ModelEntry(_Document):
    """A network that took part."""

    name: str
    """Name of its bundle."""
    version: str
    """Version of its bundle."""
    sha256: str
    """Hash of its weights file."""


class SoftwareEntry(_Document):
    """The program that wrote the document."""

    name: str
    """Name of the distribution."""
    version: str
    """Version of the distribution."""


class StructureEntry(_Document):
    """One vertebra or intervertebral disc."""

    id: int
    """Its value in labels.nii.gz: 1 to 55, or 100 + k (200 + k) for the k-th undetermined vertebra (disc)."""
    name: str | None
    """Its level, e.g. "L4" or "L4-L5"; null where it is undetermined."""
    title: str
    """What to show: the name, or e.g. "Vertebra 2 (level undetermined)"."""
    best_name: str
    """Its most likely level, whether determined or not."""
    kind: Kind
    """vertebra or ivd."""
    confidence: float = Field(ge=0, le=1)
    """Posterior probability of best_name."""
    runner_up: str | None
    """Its second most likely level."""
    runner_up_confidence: float = Field(ge=0, le=1)
    """Posterior probability of runner_up."""
    centroid_mm: tuple[float, float, float]
    """Centre in patient coordinates, LPS: to the patient's left, to posterior, to superior."""
    volume_mm3: float = Field(ge=0)
    """Volume of what the image shows of it; the whole only where it is fully visible and reaches no outer slice."""
    fully_visible: bool
    """False where the field of view cuts it, above, below, in front or behind; the slices to the sides do not count."""
    reaches_outer_slice: bool
    """True where it has voxels in the first or last slice and may go on beside the image."""
    lengths_mm: dict[Length, float] = {}
    """Heights of a vertebral body in front, in the middle and behind, and its depth; height of a disc. Empty where they
    cannot be measured."""


class CandidateEntry(_Document):
    """One possible naming of all structures."""

    names: tuple[str, ...]
    """Vertebrae and discs, top to bottom, without false ones."""
    probability: float = Field(ge=0, le=1)
    """Posterior probability that none of the vertebrae (where there are only discs, of these) has another name."""


class LabellingEntry(_Document):
    """How sure the levels are, taken together."""

    status: Status
    """determined: one naming is likely enough; ambiguous: two or three are together, and no name is given;
    undetermined: not even these."""
    confidence: float = Field(ge=0, le=1)
    """Posterior probability that no vertebra has another name than the given or most likely one."""
    candidates: tuple[CandidateEntry, ...]
    """The most likely namings, best first: one if determined, two or three if ambiguous; if undetermined the three
    most likely ones."""
    runner_up: tuple[str, ...]
    """Vertebrae of the second most likely naming, top to bottom."""
    runner_up_confidence: float = Field(ge=0, le=1)
    """Posterior probability of that naming."""
    variant: str
    """"normal", an enumeration variant such as "L6 present", or "cannot tell from this field of view"."""
    variant_odds: float | None
    """Posterior odds for variant against all other numbers of vertebrae; null if it cannot be told."""
    anchors: tuple[str, ...]
    """What the user had said about the levels, as on the command line."""
    remarks: tuple[str, ...]
    """Sentences on what the names rest on."""


class ResultDocument(_Document):
    """The content of result.json."""

    schema_version: str = SCHEMA_VERSION
    """Version of this schema."""
    software: SoftwareEntry
    """What wrote the document."""
    models: tuple[ModelEntry, ...]
    """The networks that took part."""
    input: InputIdentity
    """The image that was processed."""
    labelling: LabellingEntry | None
    """The verdict on the levels; null where only the semantic map was asked for."""
    structures: tuple[StructureEntry, ...]
    """Every structure found, top to bottom, undetermined ones included."""
    timings_s: dict[str, float]
    """Wall time of each stage, seconds."""


def result_document(result: SpineResult, source: InputIdentity) -> ResultDocument:
    """Describe a result.

    Args:
        result: The result.
        source: The input it belongs to.

    Returns:
        The document to write, without patient data.
    """
    structures = result.labeling.structures if result.labeling else ()
    lengths = measure(result.labeling) if result.labeling else {}
    return ResultDocument(
        software=SoftwareEntry(name=PRODUCT_NAME, version=product_version()),
        models=tuple(ModelEntry(name=m.name, version=m.version, sha256=m.sha256) for m in result.models),
        input=source,
        labelling=_labelling(result.labeling) if result.labeling else None,
        structures=tuple(_structure(structure, lengths.get(structure.id, {})) for structure in structures),
        timings_s={stage: round(seconds, 3) for stage, seconds in result.timings.items()},
    )


def write_result(document: ResultDocument, path: Path) -> None:
    """Write a result document as JSON.

    Args:
        document: What to write.
        path: The file to write; it appears complete or not at all.

    Raises:
        OutputError: If the file cannot be written.
    """
    with atomic_path(path) as temporary:
        temporary.write_text(document.model_dump_json(indent=2) + "\n", encoding="utf-8")


def _content(volume: Volume) -> bytes:
    return volume.array.tobytes() + volume.affine.tobytes()


def _labelling(labeling: Labeling) -> LabellingEntry:
    return LabellingEntry(
        status=labeling.status,
        confidence=labeling.confidence,
        candidates=tuple(_candidate(candidate) for candidate in labeling.candidates),
        runner_up=labeling.runner_up,
        runner_up_confidence=labeling.runner_up_confidence,
        variant=labeling.variant,
        variant_odds=labeling.variant_odds,
        anchors=labeling.anchors,
        remarks=labeling.remarks,
    )


def _candidate(candidate: Candidate) -> CandidateEntry:
    names = tuple(name for name in candidate.names if name is not None)
    return CandidateEntry(names=names, probability=candidate.probability)


def _structure(structure: NamedStructure, lengths: dict[Length, float]) -> StructureEntry:
    x, y, z = (round(float(coordinate), 2) for coordinate in structure.instance.centroid)
    return StructureEntry(
        id=structure.id,
        name=structure.name,
        title=structure.title,
        best_name=structure.best_name,
        kind=structure.kind,
        confidence=structure.confidence,
        runner_up=structure.runner_up,
        runner_up_confidence=structure.runner_up_confidence,
        centroid_mm=(x, y, z),
        volume_mm3=round(float(structure.instance.volume), 1),
        fully_visible=structure.instance.fully_visible,
        reaches_outer_slice=structure.instance.reaches_outer_slice,
        lengths_mm={length: round(value, 1) for length, value in lengths.items()},
    )
