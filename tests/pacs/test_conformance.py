from __future__ import annotations

from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import AE, evt
from pynetdicom.sop_class import Verification

from spine_segmentation.pacs.calling import call
from spine_segmentation.pacs.config import RemoteAe
from spine_segmentation.pacs.conformance import BEGIN, END, WRITTEN, tables
from spine_segmentation.pacs.statuses import MEANINGS, StoreStatus
from tests.pacs.lab import AE_TITLE, ARCHIVE, ROOT


def test_the_statement_says_what_the_code_does() -> None:
    statement = (ROOT / "docs" / "dicom-conformance.md").read_text()
    written = statement.partition(BEGIN)[2].partition(END)[0].strip()
    assert written == tables()


def test_every_status_has_a_meaning() -> None:
    assert set(MEANINGS) == set(StoreStatus)


def test_the_classes_are_those_that_are_written() -> None:
    assert {sop_class.name for sop_class in WRITTEN} == {
        "Segmentation Storage",
        "Comprehensive 3D SR Storage",
        "Comprehensive SR Storage",
        "Enhanced SR Storage",
        "Secondary Capture Image Storage",
    }


def test_messages_without_pixels_are_proposed_in_the_stated_syntaxes_alone() -> None:
    proposed: list[str] = []

    def note(event: evt.Event) -> None:
        contexts = event.assoc.requestor.primitive.presentation_context_definition_list
        proposed.extend(str(syntax) for context in contexts for syntax in context.transfer_syntax)

    entity = AE(ARCHIVE)
    entity.add_supported_context(Verification)
    server = entity.start_server(("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_REQUESTED, note)])
    remote = RemoteAe(ae_title=ARCHIVE, host="127.0.0.1", port=server.server_address[1])
    try:
        with call(remote, AE_TITLE, [(Verification, ())]) as association:
            assert association is not None
    finally:
        server.shutdown()
    assert proposed == [ImplicitVRLittleEndian, ExplicitVRLittleEndian]
