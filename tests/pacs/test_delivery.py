"""One destination's queue, where single objects make trouble."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from itertools import cycle
from pathlib import Path

import pytest
from pydicom.uid import Comprehensive3DSRStorage, ExplicitVRLittleEndian, SegmentationStorage

from spine_segmentation.pacs import config, deliveries
from spine_segmentation.pacs.attempt import STORED, Attempt, Outcome, Parcel
from spine_segmentation.pacs.delivery import BATCH, Deliverer
from spine_segmentation.pacs.ledger import Ledger
from spine_segmentation.pacs.spool import Spool
from tests.pacs.lab import wait_for
from tests.pacs.peer import Peer, sender_to, write_result

pytestmark = pytest.mark.pacs

SETTINGS = config.Delivery(first_delay_seconds=0.01, longest_delay_seconds=0.02, max_refusals=3)
REFUSED = Attempt(Outcome.REFUSED, "status 0xC123")


@pytest.fixture
def ledger(spool: Spool) -> Ledger:
    return Ledger(spool.ledger_file)


@pytest.fixture
def peer(start_peer: Callable[..., Peer]) -> Peer:
    return start_peer(ExplicitVRLittleEndian)


def enqueue(ledger: Ledger, parcels: Sequence[Parcel]) -> None:
    """One job, in this order."""
    with ledger.transaction() as db:
        db.execute("INSERT INTO job(id, series_uid, content, state, created_at) VALUES(1, '1.2', 'c', 'DONE', 0)")
        for parcel in parcels:
            values = (parcel.sop_uid, parcel.sop_class, parcel.path, parcel.sha256)
            db.execute("INSERT INTO result VALUES(?, ?, '1.3', 1, ?, 0, ?)", values)
            db.execute("INSERT INTO delivery(sop_uid, destination, state) VALUES(?, 'archive', 'PENDING')", values[:1])


def states(ledger: Ledger) -> list[str]:
    return [row["state"] for row in ledger.rows("SELECT state FROM delivery ORDER BY rowid")]


@pytest.mark.parametrize("trouble", [0, 2])
def test_one_object_that_a_destination_aborts_on_ends_as_a_dead_letter(
    ledger: Ledger, spool: Spool, peer: Peer, trouble: int
) -> None:
    parcels = [write_result(spool, SegmentationStorage) for _ in range(4)]
    enqueue(ledger, parcels)
    peer.aborts_on = {parcels[trouble].sop_uid}
    deliverer = Deliverer("archive", sender_to(peer, spool), None, SETTINGS, ledger)
    expected = ["DEAD" if index == trouble else "DELIVERED" for index in range(4)]
    wait_for(lambda: deliverer.step() or states(ledger) == expected, "not delivered", 20)
    assert set(peer.received) == {parcel.sop_uid for parcel in parcels} - peer.aborts_on


def test_a_destination_that_aborts_on_everything_makes_no_dead_letters(
    ledger: Ledger, spool: Spool, peer: Peer
) -> None:
    parcels = [write_result(spool, SegmentationStorage) for _ in range(3)]
    enqueue(ledger, parcels)
    peer.aborts_on = {parcel.sop_uid for parcel in parcels}
    deliverer = Deliverer("archive", sender_to(peer, spool), None, SETTINGS, ledger)
    steps = cycle(range(30))
    wait_for(lambda: deliverer.step() or next(steps) == 29, "no steps", 20)
    assert states(ledger) == ["PENDING"] * 3
    peer.aborts_on.clear()
    wait_for(lambda: deliverer.step() or set(states(ledger)) == {"DELIVERED"}, "not delivered", 20)


def test_new_results_pass_those_that_a_destination_aborts_on(ledger: Ledger, spool: Spool, peer: Peer) -> None:
    parcels = [write_result(spool, SegmentationStorage) for _ in range(6)]
    enqueue(ledger, parcels)
    peer.aborts_on = {parcel.sop_uid for parcel in parcels[:3]}
    deliverer = Deliverer("archive", sender_to(peer, spool), None, SETTINGS, ledger)
    wait_for(lambda: deliverer.step() or states(ledger)[3:] == ["DELIVERED"] * 3, "not delivered", 20)


@pytest.mark.parametrize("damage", [Path.unlink, lambda path: os.truncate(path, 600)], ids=["missing", "cut off"])
def test_a_result_that_is_damaged_in_the_spool_ends_as_a_dead_letter(
    ledger: Ledger, spool: Spool, peer: Peer, damage: Callable[[Path], object]
) -> None:
    parcels = [write_result(spool, SegmentationStorage) for _ in range(3)]
    enqueue(ledger, parcels)
    damage(spool.absolute(parcels[0].path))
    deliverer = Deliverer("archive", sender_to(peer, spool), None, SETTINGS, ledger)
    expected = ["DEAD", "DELIVERED", "DELIVERED"]
    wait_for(lambda: deliverer.step() or states(ledger) == expected, "not delivered", 20)
    (row,) = ledger.rows("SELECT reason FROM delivery WHERE state='DEAD'")
    assert row["reason"] == "its file in the spool is missing or damaged"


def test_a_destination_that_is_not_asked_for_commitment_any_more_is_believed(
    ledger: Ledger, spool: Spool, peer: Peer
) -> None:
    enqueue(ledger, [write_result(spool, SegmentationStorage)])
    with ledger.transaction() as db:
        db.execute("UPDATE delivery SET state='SENT', sent_at=1")
    Deliverer("archive", sender_to(peer, spool), None, SETTINGS, ledger).step()
    assert states(ledger) == ["DELIVERED"]


class Picky:
    """A sender to a destination that refuses one class of objects."""

    def send(self, parcels: Sequence[Parcel]) -> list[Attempt]:
        return [REFUSED if parcel.sop_class == Comprehensive3DSRStorage else STORED for parcel in parcels]


def test_many_that_wait_after_a_refusal_hold_up_no_other(ledger: Ledger) -> None:
    refused = [Parcel(f"1.{number}", Comprehensive3DSRStorage, "report.dcm", 0) for number in range(250)]
    enqueue(ledger, [*refused, Parcel("2.1", SegmentationStorage, "segmentation.dcm", 0)])
    patient = config.Delivery(first_delay_seconds=3600.0, longest_delay_seconds=3600.0)
    deliverer = Deliverer("archive", Picky(), None, patient, ledger)
    for _ in range(len(refused) // BATCH + 1):
        deliverer.step()
    assert states(ledger)[-1] == "DELIVERED"


def test_each_refusal_is_followed_by_a_wait_and_the_operators_resubmission_is_not(ledger: Ledger) -> None:
    enqueue(ledger, [Parcel("1.1", Comprehensive3DSRStorage, "report.dcm", 0)])
    patient = config.Delivery(first_delay_seconds=3600.0, longest_delay_seconds=3600.0, max_refusals=8)
    deliverer = Deliverer("archive", Picky(), None, patient, ledger)
    for _ in range(3):
        deliverer.step()
        assert refusals(ledger) == 1
    with ledger.transaction() as db:
        db.execute("UPDATE delivery SET state='DEAD'")
    assert deliveries.resubmit(ledger, 1) == 1
    deliverer.step()
    assert refusals(ledger) == 1, "it was not tried again"


def refusals(ledger: Ledger) -> int:
    (row,) = ledger.rows("SELECT refusals FROM delivery")
    return int(row["refusals"])
