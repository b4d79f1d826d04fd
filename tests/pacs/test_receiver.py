"""The Storage SCP against real senders, good and bad ones."""

from __future__ import annotations

import copy
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pydicom
import pytest
from pynetdicom import AE, AllStoragePresentationContexts
from pynetdicom.association import Association
from pynetdicom.sop_class import Verification

from spine_segmentation.pacs.statuses import StoreStatus
from tests.pacs.authority import tls
from tests.pacs.lab import (
    AE_TITLE,
    SENDER,
    STORESCU_OPTIONS,
    make_series,
    needs_dcmtk,
    new_uids,
    send,
    storescu,
    transcode,
    wait_for,
)
from tests.pacs.node import MIB, Node

pytestmark = pytest.mark.pacs


def test_answers_an_echo(node: Node) -> None:
    entity = AE(SENDER)
    entity.add_requested_context(Verification)
    association = entity.associate("127.0.0.1", node.port, ae_title=AE_TITLE)
    assert association.send_c_echo().Status == 0
    association.release()


@needs_dcmtk
def test_dcmtk_can_send(node: Node, tmp_path: Path) -> None:
    make_series(tmp_path / "in", images=7)
    sent = storescu(node.port, tmp_path / "in")
    assert sent.returncode == 0, sent.stderr
    assert node.stored() == 7


@needs_dcmtk
@pytest.mark.parametrize(("syntax", "option"), STORESCU_OPTIONS.items())
def test_keeps_the_transfer_syntax_that_arrives(node: Node, tmp_path: Path, syntax: str, option: str) -> None:
    folder = tmp_path / "in"
    paths = make_series(folder, images=2, size=128)
    transcode(paths, syntax)
    assert storescu(node.port, folder, option).returncode == 0
    stored = {row["path"] for row in node.ledger.rows("SELECT path FROM instance")}
    assert {pydicom.dcmread(node.spool.absolute(path)).file_meta.TransferSyntaxUID for path in stored} == {syntax}


def test_takes_a_storage_class_that_it_has_never_heard_of(node: Node, tmp_path: Path) -> None:
    dataset = pydicom.dcmread(make_series(tmp_path / "in", images=1)[0])
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = "1.3.12.2.1107.5.9.1"
    assert send(node.port, [dataset]) == [0]


def test_turns_strangers_away(node: Node, tmp_path: Path) -> None:
    paths = make_series(tmp_path / "in")
    assert send(node.port, paths, calling="STRANGER") == []
    assert send(node.port, paths, called="ANYONE") == []
    assert node.stored() == 0
    assert node.is_alive(tmp_path)


def test_fifty_may_call_at_once(node: Node, tmp_path: Path) -> None:
    series = [make_series(tmp_path / f"in{index}", images=2) for index in range(50)]
    with ThreadPoolExecutor(50) as pool:
        statuses = list(pool.map(lambda paths: send(node.port, paths), series))
    assert statuses == [[0, 0]] * 50
    assert node.stored() == 100


def test_connections_that_ask_for_nothing_are_no_associations(
    make_node: Callable[..., Node], tmp_path: Path, silent: Callable[[int, int], list[socket.socket]]
) -> None:
    node = make_node(max_associations=2)
    silent(node.port, 5)
    with socket.create_connection(("127.0.0.1", node.port)):
        """One that has gone again, such as a probe for the open port."""
    assert send(node.port, make_series(tmp_path / "in")) == [0] * 5
    wait_for(lambda: node.receiver.associations == 0, "silent connections count")


def test_no_more_associations_than_the_limit(make_node: Callable[..., Node], tmp_path: Path) -> None:
    node = make_node(max_associations=2)
    entity = AE(SENDER)
    entity.add_requested_context(Verification)
    held = [entity.associate("127.0.0.1", node.port, ae_title=AE_TITLE) for _ in range(3)]
    assert [association.is_established for association in held] == [True, True, False]
    assert [node.receiver.associations, held[2].is_rejected] == [2, True]
    for association in held:
        association.release()
    assert node.is_alive(tmp_path)


def test_a_long_request_may_ask_for_short_pdus(make_node: Callable[..., Node]) -> None:
    node = make_node(max_pdu_bytes=4096)
    entity = AE(SENDER)
    for context in AllStoragePresentationContexts[:128]:
        entity.add_requested_context(context.abstract_syntax, [*STORESCU_OPTIONS])
    association = entity.associate("127.0.0.1", node.port, ae_title=AE_TITLE)
    assert association.is_established
    assert association.acceptor.maximum_length == 4096
    association.release()


@pytest.mark.parametrize("beginning", [b"", b"\x01\x00\x00\x00", b"\x01\x00\x00\x00\x10\x00"])
def test_who_hesitates_too_long_is_cut_off(
    monkeypatch: pytest.MonkeyPatch, make_node: Callable[..., Node], tmp_path: Path, beginning: bytes
) -> None:
    """Also one that sends a byte now and then, so that no single read takes long."""
    monkeypatch.setattr("spine_segmentation.pacs.association.ACSE_TIMEOUT_SECONDS", 1.0)
    node = make_node()
    with socket.create_connection(("127.0.0.1", node.port), 0.2) as connection:
        connection.sendall(beginning)
        wait_for(lambda: _is_closed(connection, b"\0" if beginning else b""), "it is still open", 6)
    wait_for(lambda: not _association_threads(), "a thread is left", 6)
    assert node.is_alive(tmp_path)


def test_who_stalls_in_the_middle_of_a_pdu_is_cut_off(
    make_node: Callable[..., Node], tmp_path: Path, stall: Callable[[int], None]
) -> None:
    node = make_node(network_timeout_seconds=1.0)
    stall(node.port)
    wait_for(lambda: node.receiver.associations == 1, "no association", 10)
    wait_for(lambda: node.receiver.associations == 0, "it is still open", 10)
    assert node.is_alive(tmp_path)


def test_the_oldest_of_too_many_that_hesitate_makes_room(
    monkeypatch: pytest.MonkeyPatch,
    make_node: Callable[..., Node],
    tmp_path: Path,
    silent: Callable[[int, int], list[socket.socket]],
) -> None:
    monkeypatch.setattr("spine_segmentation.pacs.association.BoundedServer.request_queue_size", 2)
    node = make_node()
    first, *others = silent(node.port, 3)
    wait_for(lambda: _is_closed(first), "the first is still open", 6)
    assert not any(_is_closed(connection) for connection in others)
    assert node.is_alive(tmp_path)


@pytest.fixture
def silent() -> Iterator[Callable[[int, int], list[socket.socket]]]:
    """Open a number of connections that send nothing, one after the other."""
    with ExitStack() as stack:

        def connect(port: int, number: int) -> list[socket.socket]:
            connections = []
            for _ in range(number):
                connections.append(stack.enter_context(socket.create_connection(("127.0.0.1", port), 0.2)))
                time.sleep(0.1)  # the next one shall be accepted later
            return connections

        yield connect


def _association_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if isinstance(thread, Association) and thread.is_acceptor]


def _is_closed(connection: socket.socket, drop: bytes = b"") -> bool:
    try:
        connection.sendall(drop)
        return connection.recv(1) == b""
    except TimeoutError:
        return False
    except OSError:
        return True


@pytest.mark.parametrize(
    "noise",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        bytes(range(256)) * 64,
        b"\x01\x00\xff\xff\xff\xff" + b"\0" * 1000,
        b"\x04\x00\x7f\xff\xff\xff" + b"\0" * 1000,
        b"\x01\x00" + struct.pack(">L", 68) + b"\0\1" + b"\0" * 66,
        b"",
    ],
)
def test_noise_on_the_port_hurts_nobody(node: Node, tmp_path: Path, noise: bytes) -> None:
    with socket.create_connection(("127.0.0.1", node.port)) as connection:
        connection.sendall(noise)
    assert node.is_alive(tmp_path)


def test_a_pdu_that_claims_to_be_huge_is_cut_off_before_it_is_read(node: Node, tmp_path: Path) -> None:
    with socket.create_connection(("127.0.0.1", node.port)) as connection:
        connection.settimeout(5)
        connection.sendall(b"\x01\x00\xff\xff\xff\xff")
        assert wait_for(lambda: connection.recv(16) or b"closed", 6)


def test_an_object_beyond_the_limit_is_cut_off(node: Node, tmp_path: Path) -> None:
    dataset = pydicom.dcmread(make_series(tmp_path / "in", images=1)[0])
    dataset.PixelData = b"\0" * (2 * MIB)
    assert send(node.port, [dataset]) == [None]
    assert node.stored() == 0
    assert node.is_alive(tmp_path)


def test_many_objects_that_keep_the_limit_may_follow_one_another(node: Node, tmp_path: Path) -> None:
    dataset = pydicom.dcmread(make_series(tmp_path / "in", images=1)[0])
    dataset.Rows = dataset.Columns = 512
    dataset.PixelData = b"\0" * (512 * 1024)
    objects = [new_uids(copy.deepcopy(dataset)) for _ in range(6)]
    assert send(node.port, objects) == [0] * 6


def test_an_aborted_transfer_keeps_what_was_acknowledged(node: Node, tmp_path: Path) -> None:
    paths = make_series(tmp_path / "in", images=6)
    entity = AE(SENDER)
    entity.add_requested_context(pydicom.dcmread(paths[0]).SOPClassUID)
    association = entity.associate("127.0.0.1", node.port, ae_title=AE_TITLE)
    for path in paths[:3]:
        assert association.send_c_store(pydicom.dcmread(path)).Status == 0
    association.abort()
    assert node.stored() == 3
    assert send(node.port, paths) == [0] * 6
    assert node.stored() == 6


def client_context(certificates: Path, name: str | None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(certificates / "ca.pem"))
    if name is not None:
        context.load_cert_chain(certificates / f"{name}.pem", certificates / f"{name}.key")
    return context


@pytest.mark.parametrize(("client", "welcome"), [("client", True), (None, False), ("old", False), ("alien", False)])
def test_tls_asks_for_a_valid_certificate(
    make_node: Callable[..., Node],
    certificates: Path,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    client: str | None,
    welcome: bool,
) -> None:
    node = make_node(tls=tls(certificates, "server"))
    paths = make_series(tmp_path / "in", images=2)
    with socket.create_connection(("127.0.0.1", node.port)):  # one that never begins its handshake
        statuses = send(node.port, paths, tls_args=(client_context(certificates, client), "127.0.0.1"))
    assert statuses == ([0, 0] if welcome else [])
    assert node.stored() == (2 if welcome else 0)
    wait_for(lambda: ("a TLS connection failed" in caplog.text) is not welcome, "a refusal is not logged", 6)


def test_who_never_ends_the_handshake_is_cut_off(
    monkeypatch: pytest.MonkeyPatch, make_node: Callable[..., Node], certificates: Path
) -> None:
    monkeypatch.setattr("spine_segmentation.pacs.association.ACSE_TIMEOUT_SECONDS", 1.0)
    node = make_node(tls=tls(certificates, "server"))
    with socket.create_connection(("127.0.0.1", node.port), 0.2) as connection:
        connection.sendall(b"\x16\x03\x01\x02\x00")  # the header of a TLS record, whose content comes byte by byte
        wait_for(lambda: _is_closed(connection, b"\1"), "it is still open", 6)
    wait_for(lambda: not _association_threads(), "a thread is left", 6)


def test_tls_before_1_2_is_refused(make_node: Callable[..., Node], certificates: Path) -> None:
    node = make_node(tls=tls(certificates, "server"))
    context = client_context(certificates, "client")
    context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")
    with socket.create_connection(("127.0.0.1", node.port)) as raw, pytest.raises(ssl.SSLError):
        context.wrap_socket(raw, server_hostname="127.0.0.1")


def test_plain_senders_get_nowhere_with_tls(make_node: Callable[..., Node], certificates: Path, tmp_path: Path) -> None:
    node = make_node(tls=tls(certificates, "server"))
    assert send(node.port, make_series(tmp_path / "in")) == []


def test_a_defect_is_logged_by_its_kind_and_answered(
    node: Node, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(arrival: object) -> None:
        raise ZeroDivisionError("Secret^Person")

    (image,) = make_series(tmp_path / "in", images=1)
    with monkeypatch.context() as patch:
        patch.setattr(node.intake, "accept", fail)
        assert send(node.port, [image]) == [StoreStatus.UNEXPECTED]
    assert "unexpected ZeroDivisionError" in caplog.text
    assert "Secret" not in caplog.text
    assert send(node.port, [image]) == [0]
