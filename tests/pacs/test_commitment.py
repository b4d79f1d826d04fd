"""Storage commitment where it does not go well."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from pynetdicom import AE
from pynetdicom.sop_class import Verification

from spine_segmentation.errors import OutputError
from spine_segmentation.pacs import deliveries
from spine_segmentation.pacs.calling import call
from spine_segmentation.pacs.config import RemoteAe
from spine_segmentation.pacs.ledger import Ledger
from tests.pacs.lab import ARCHIVE, OBJECTS_PER_RESULT, Archive, ServiceProcess, free_port, make_series, send, wait_for

pytestmark = pytest.mark.pacs


@pytest.fixture
def service(make_service: Callable[..., ServiceProcess], archive: Archive) -> ServiceProcess:
    """A service whose destination offers storage commitment, and commits nothing."""
    port = free_port()
    archive.stop()
    archive.commits = False
    archive.offer_commitment(port)
    archive.start()
    destination = {
        "kind": "c-store", "name": "archive", "ae_title": "ARCHIVE", "host": "127.0.0.1", "port": archive.port,
    }  # fmt: skip
    return make_service(receiver={"port": port}, destinations=[destination])


def deliveries_of(service: ServiceProcess) -> set[tuple[str, str, int]]:
    rows = service.rows("SELECT state, reason, refusals FROM delivery")
    return {(row["state"], row["reason"], row["refusals"]) for row in rows}


def test_what_is_never_committed_is_sent_again_and_becomes_a_dead_letter(
    service: ServiceProcess, archive: Archive, tmp_path: Path
) -> None:
    send(service.port, make_series(tmp_path / "in"))
    wait_for(lambda: deliveries_of(service) == {("DEAD", "not committed", 3)}, "no dead letters")
    assert len(archive.stores) == OBJECTS_PER_RESULT
    assert set(archive.stores.values()) == {3}


def test_what_is_committed_at_the_second_time_is_delivered(
    service: ServiceProcess, archive: Archive, tmp_path: Path
) -> None:
    send(service.port, make_series(tmp_path / "in"))
    wait_for(lambda: archive.reports, "no report")
    archive.commits = True
    wait_for(lambda: {state for state, *_ in deliveries_of(service)} == {"DELIVERED"}, "not delivered")
    assert {reason for _, reason, _ in deliveries_of(service)} == {"committed"}


def test_a_report_about_an_earlier_request_is_recognised(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.sqlite")
    for transaction in ("1.1", "1.2"):
        deliveries.begin_commitment(ledger, "archive", transaction)
    assert deliveries.destination_of(ledger, "1.1") == deliveries.destination_of(ledger, "1.2") == "archive"
    assert deliveries.destination_of(ledger, "1.3") is None


def test_a_peer_that_cuts_an_association_off_is_an_error_that_passes() -> None:
    entity = AE(ARCHIVE)
    entity.add_supported_context(Verification)
    server = entity.start_server(("127.0.0.1", 0), block=False)
    remote = RemoteAe(ae_title=ARCHIVE, host="127.0.0.1", port=server.server_address[1])
    try:
        with pytest.raises(OutputError, match="cut off"), call(remote, "SPINESEG", [(Verification, ())]) as association:
            assert association is not None
            wait_for(lambda: server.active_associations)[0].abort()
            wait_for(lambda: not association.is_established)
            association.send_c_echo()
    finally:
        server.shutdown()
