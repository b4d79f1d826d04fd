"""Write the tables of ``docs/pacs.md`` and ``docs/dicom-conformance.md``, made of what the service goes by.

    python scripts/write_pacs_tables.py

Each table stands between two marks; the tests compare it with what would be written.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydicom.uid import UID, ExplicitVRLittleEndian
from pynetdicom import AllStoragePresentationContexts

from spine_segmentation.markdown import table
from spine_segmentation.pacs import config
from spine_segmentation.pacs.association import ACSE_TIMEOUT_SECONDS, REQUEST_BYTES, BoundedServer
from spine_segmentation.pacs.calling import ANSWER_TIMEOUT_SECONDS, CONNECT_TIMEOUT_SECONDS, DEFAULT_SYNTAXES
from spine_segmentation.pacs.commitment import COMMITMENT, ECHO
from spine_segmentation.pacs.dicom_sender import sendable_in
from spine_segmentation.pacs.objects import WRITTEN
from spine_segmentation.pacs.query import FIND
from spine_segmentation.pacs.receiver import DIMSE_TIMEOUT_SECONDS, SERVICES
from spine_segmentation.pacs.statuses import MEANINGS, StoreStatus

DOCS = Path(__file__).parents[1] / "docs"
CONFIGURATION, STATEMENT = DOCS / "pacs.md", DOCS / "dicom-conformance.md"

BEGIN, END = "<!-- tables: begin -->", "<!-- tables: end -->"
"""The marks between which the tables stand."""


def main() -> None:
    """Write both documents anew."""
    for path, tables in ((CONFIGURATION, key_table()), (STATEMENT, conformance_tables())):
        before, _, rest = path.read_text().partition(BEGIN)
        _, _, after = rest.partition(END)
        path.write_text(f"{before}{BEGIN}\n\n{tables}\n\n{END}{after}")


def written_tables(path: Path) -> str:
    """Read the tables of a document.

    Args:
        path: The document.

    Returns:
        What stands between the marks.
    """
    return path.read_text().partition(BEGIN)[2].partition(END)[0].strip()


def key_table() -> str:
    """Write every key of the configuration as Markdown.

    Returns:
        A table of the keys with default, fixed choices and meaning.
    """
    return table(("key", "default", "choices", "meaning"), _rows(config.ServeConfig, "")).rstrip()


def conformance_tables() -> str:
    """Write all tables of the conformance statement as Markdown.

    Returns:
        The tables with their headings.
    """
    return "\n".join(
        [
            "### SOP classes as SCP\n\n" + table(("SOP class", "UID", "role"), _provided()),
            "### SOP classes as SCU\n\n" + table(("SOP class", "UID", "transfer syntaxes proposed"), _used()),
            "### Statuses of C-STORE responses\n\n" + table(("status", "name", "meaning"), _statuses()),
            "### Associations\n\n" + table(("", ""), _associations()),
        ]
    ).rstrip()


def _rows(section: type[BaseModel], prefix: str) -> Iterator[tuple[str, ...]]:
    for name, field in section.model_fields.items():
        leaves = list(_leaves(field.annotation))
        sections = [leaf for leaf in leaves if isinstance(leaf, type) and issubclass(leaf, BaseModel)]
        choices = ", ".join(f"`{leaf}`" for leaf in leaves if isinstance(leaf, str))
        for subsection in sections:
            meaning = field.description or subsection.__doc__ or ""
            yield (f"`{prefix}{name}`", _default(field), choices, _one_line(meaning))
            yield from _rows(subsection, f"{prefix}{name}.")
        if not sections:
            yield (f"`{prefix}{name}`", _default(field), choices, _one_line(field.description or ""))


def _leaves(annotation: Any) -> Iterator[Any]:  # noqa: ANN401
    """The types that an annotation is made of, and the values of literals."""
    parts = get_args(annotation)
    if not parts:
        yield annotation
    for part in parts:
        yield from _leaves(part)


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    if isinstance(field.default, BaseModel):
        return "as below"
    return f"`{json.dumps(field.default)}`"


def _one_line(text: str) -> str:
    return " ".join(text.replace("``", "`").split())


def _provided() -> Iterator[tuple[str, ...]]:
    for sop_class, roles in SERVICES.items():
        yield (sop_class.name, sop_class, "SCU, receives the reports" if roles else "SCP")
    for context in AllStoragePresentationContexts:
        yield (UID(context.abstract_syntax or "").name, str(context.abstract_syntax), "SCP")


def _used() -> Iterator[tuple[str, ...]]:
    for sop_class in WRITTEN:
        yield (sop_class.name, sop_class, _names(sendable_in(ExplicitVRLittleEndian)))
    for requested, syntaxes in (ECHO, COMMITMENT, FIND):
        yield (UID(requested).name, requested, _names(syntaxes or DEFAULT_SYNTAXES))


def _statuses() -> Iterator[tuple[str, ...]]:
    return ((f"0x{status:04X}", status.name, MEANINGS[status]) for status in StoreStatus)


def _associations() -> Iterator[tuple[str, ...]]:
    pdu, size = _receiver_default("max_pdu_bytes") // 1024, _receiver_default("max_object_bytes") // config.MIB
    longest = f"that and {REQUEST_BYTES // 1024} KiB"
    network, seconds = _receiver_default("network_timeout_seconds"), f"{ACSE_TIMEOUT_SECONDS:.0f} s"
    yield ("default AE title", _receiver_default("ae_title"))
    yield ("called AE title", "must be ours")
    yield ("calling AE title", "must be in the allow-list; there is no default")
    yield ("simultaneous associations", f"{_receiver_default('max_associations')}, configurable; more are rejected")
    yield (
        "connections that are no association",
        f"cut off after {seconds} (ARTIM), however slowly something is sent; at most"
        f" {BoundedServer.request_queue_size}, the oldest makes room",
    )
    yield ("maximum PDU", f"{pdu} KiB, configurable; a peer that sends one longer than {longest} is disconnected")
    yield ("largest object", f"{size} MiB inflated, configurable; a peer that sends a larger one is disconnected")
    yield ("time-outs", f"network {network:.0f} s (configurable), ACSE {seconds}, DIMSE {DIMSE_TIMEOUT_SECONDS:.0f} s")
    answer = f"connection and association {CONNECT_TIMEOUT_SECONDS:.0f} s, answer {ANSWER_TIMEOUT_SECONDS:.0f} s"
    yield ("time-outs of associations that we open", answer)
    yield ("asynchronous operations", "no")
    yield ("extended negotiation", "none; role selection for storage commitment reports")


def _receiver_default(key: str) -> Any:  # noqa: ANN401
    return config.Receiver.model_fields[key].default


def _names(syntaxes: Sequence[str]) -> str:
    return ", ".join(UID(syntax).name for syntax in syntaxes)


if __name__ == "__main__":
    main()
