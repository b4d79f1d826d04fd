"""The tables of the DICOM conformance statement, computed from what the code does."""

from __future__ import annotations

from collections.abc import Iterable

from pydicom.uid import (
    UID,
    Comprehensive3DSRStorage,
    ComprehensiveSRStorage,
    EnhancedSRStorage,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    SecondaryCaptureImageStorage,
    SegmentationStorage,
)
from pynetdicom import AllStoragePresentationContexts
from pynetdicom.sop_class import (  # type: ignore[attr-defined]
    StorageCommitmentPushModel,
    StudyRootQueryRetrieveInformationModelFind,
    Verification,
)

from spine_segmentation.pacs.calling import DEFAULT_SYNTAXES
from spine_segmentation.pacs.statuses import MEANINGS, StoreStatus

_RESULTS = (
    SegmentationStorage,
    Comprehensive3DSRStorage,
    ComprehensiveSRStorage,
    EnhancedSRStorage,
    SecondaryCaptureImageStorage,
)
WRITTEN = dict.fromkeys(_RESULTS, (ExplicitVRLittleEndian,))
"""The classes that results have, with the transfer syntaxes that they are written in."""

REQUESTED = (Verification, StorageCommitmentPushModel, StudyRootQueryRetrieveInformationModelFind)
"""The further classes that associations are asked for, as SCU."""

BEGIN, END = "<!-- tables: begin -->", "<!-- tables: end -->"
"""The marks between which the tables stand in ``docs/dicom-conformance.md``."""


def tables() -> str:
    """Write all tables as Markdown."""
    return "\n\n".join(
        [
            "### SOP classes as SCP\n\n" + _table(("SOP class", "UID", "role"), _provided()),
            "### SOP classes as SCU\n\n" + _table(("SOP class", "UID", "transfer syntaxes proposed"), _used()),
            "### Statuses of C-STORE responses\n\n" + _table(("status", "name", "meaning"), _statuses()),
        ]
    )


def _provided() -> Iterable[tuple[str, ...]]:
    yield (Verification.name, Verification, "SCP")
    yield (StorageCommitmentPushModel.name, StorageCommitmentPushModel, "SCU, receives the reports")
    for context in AllStoragePresentationContexts:
        yield (UID(context.abstract_syntax or "").name, str(context.abstract_syntax), "SCP")


def _used() -> Iterable[tuple[str, ...]]:
    for sop_class, syntaxes in WRITTEN.items():
        names = ", ".join(syntax.name for syntax in (*syntaxes, ImplicitVRLittleEndian))
        yield (sop_class.name, sop_class, names)
    for sop_class in REQUESTED:
        yield (UID(sop_class).name, sop_class, ", ".join(UID(syntax).name for syntax in DEFAULT_SYNTAXES))


def _statuses() -> Iterable[tuple[str, ...]]:
    return ((f"0x{status:04X}", status.name, MEANINGS[status]) for status in StoreStatus)


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
