"""The conformance statement, held against what goes over the network."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pydicom
import pytest
from pydicom.uid import UID, ExplicitVRLittleEndian, JPEG2000Lossless
from pynetdicom import AE, build_role, evt
from pynetdicom.sop_class import StorageCommitmentPushModel, Verification

from scripts.write_pacs_tables import STATEMENT, conformance_tables, written_tables
from spine_segmentation.pacs.attempt import STORED
from spine_segmentation.pacs.calling import call
from spine_segmentation.pacs.commitment import COMMITMENT, ECHO
from spine_segmentation.pacs.config import DicomDestination, Results
from spine_segmentation.pacs.dicom_sender import DicomSender
from spine_segmentation.pacs.objects import WRITTEN
from spine_segmentation.pacs.protocol import Request, SeriesRequest
from spine_segmentation.pacs.query import FIND
from spine_segmentation.pacs.spool import Spool
from spine_segmentation.pacs.statuses import MEANINGS, StoreStatus
from spine_segmentation.pacs.worker_main import answer
from tests.pacs.lab import AE_TITLE, ARCHIVE, SENDER, make_series
from tests.pacs.node import Node
from tests.pacs.peer import write_result
from tests.pacs.stand_in_worker import process

MOST_CONTEXTS = 128
"""Of one association."""


def rows(title: str) -> list[tuple[str, ...]]:
    """The table under a title of the statement, without its head."""
    section = STATEMENT.read_text().partition(f"### {title}\n")[2].partition("\n#")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [tuple(cell.strip() for cell in line.strip("|").split("|")) for line in lines[2:]]


class Listener:
    """A peer that takes what it is offered, and notes which syntaxes are proposed for each class."""

    def __init__(self) -> None:
        self.proposed: dict[str, set[str]] = defaultdict(set)
        entity = AE(ARCHIVE)
        for sop_class in (*WRITTEN, Verification, StorageCommitmentPushModel, FIND[0]):
            entity.add_supported_context(sop_class)
        handlers = [(evt.EVT_REQUESTED, self._note), (evt.EVT_C_STORE, lambda event: 0)]
        self._server = entity.start_server(("127.0.0.1", 0), block=False, evt_handlers=handlers)
        values = {"kind": "c-store", "name": "archive", "ae_title": ARCHIVE, "host": "127.0.0.1"}
        self.address = DicomDestination.model_validate(values | {"port": self._server.server_address[1]})

    def _note(self, event: evt.Event) -> None:
        for context in event.assoc.requestor.primitive.presentation_context_definition_list:
            self.proposed[str(context.abstract_syntax)] |= {syntax.name for syntax in context.transfer_syntax}

    def stop(self) -> None:
        self._server.shutdown()


@pytest.fixture
def listener() -> Iterator[Listener]:
    running = Listener()
    yield running
    running.stop()


def test_the_statement_says_what_the_code_does() -> None:
    assert written_tables(STATEMENT) == conformance_tables()


def test_every_status_has_a_meaning() -> None:
    assert set(MEANINGS) == set(StoreStatus)


def test_the_classes_are_those_that_are_written(tmp_path: Path) -> None:
    make_series(tmp_path / "in")
    found = set()
    for report in ("comprehensive3d", "comprehensive", "enhanced"):
        (tmp_path / report).mkdir()
        series = SeriesRequest(input=tmp_path / "in", output=tmp_path / report)
        results = Results(report=report, capture=True)
        request = Request(folder=tmp_path, series=(series,), study_uid="1.2", results=results, preview=False)
        (names,) = answer(request, process).objects
        headers = [pydicom.dcmread(tmp_path / report / name) for name in names]
        found |= {(item.SOPClassUID, item.file_meta.TransferSyntaxUID) for item in headers}
    assert found == {(sop_class, ExplicitVRLittleEndian) for sop_class in WRITTEN}


def test_the_service_proposes_what_is_stated_and_no_more(listener: Listener, spool: Spool) -> None:
    with call(listener.address, AE_TITLE, [ECHO, COMMITMENT, FIND]) as association:
        assert association is not None
    parcels = [write_result(spool, sop_class) for sop_class in WRITTEN]
    assert DicomSender(listener.address, AE_TITLE, spool).send(parcels) == [STORED] * len(WRITTEN)
    assert listener.proposed == {uid: set(names.split(", ")) for _, uid, names in rows("SOP classes as SCU")}


def test_the_service_accepts_what_is_stated(node: Node) -> None:
    """Of each storage class the syntax that is proposed first, and reports from a commitment SCP."""
    stated = [uid for _, uid, _ in rows("SOP classes as SCP")]
    accepted = set()
    for first in range(0, len(stated), MOST_CONTEXTS):
        entity = AE(SENDER)
        for uid in stated[first : first + MOST_CONTEXTS]:
            proposed = [] if UID(uid) in {Verification, StorageCommitmentPushModel} else [JPEG2000Lossless]
            entity.add_requested_context(uid, [*proposed, ExplicitVRLittleEndian])
        roles = [build_role(StorageCommitmentPushModel, scp_role=True)]
        association = entity.associate("127.0.0.1", node.port, ae_title=AE_TITLE, ext_neg=roles if not first else [])
        accepted |= {(item.abstract_syntax, item.transfer_syntax[0]) for item in association.accepted_contexts}
        association.release()
    others = {Verification, StorageCommitmentPushModel}
    assert {uid for uid, _ in accepted} == set(stated)
    assert {uid for uid, syntax in accepted if syntax != JPEG2000Lossless} == others
