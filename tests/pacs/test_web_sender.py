"""STOW-RS against HTTP servers that answer in every way."""

from __future__ import annotations

import hashlib
import json
import ssl
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from spine_segmentation.pacs.attempt import NO_FILE, Attempt, Outcome, Parcel
from spine_segmentation.pacs.config import WebDestination
from spine_segmentation.pacs.spool import Spool
from spine_segmentation.pacs.web_sender import WebSender
from tests.pacs.lab import serving

pytestmark = pytest.mark.pacs

CONTENT = b"\0" * 128 + b"DICM, for all that the sender cares"
Send = Callable[..., Attempt]


class WebServer(ThreadingHTTPServer):
    """Answers each POST as told, and each GET with 200."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.status, self.body = 200, b""
        self.requests: list[tuple[str, bytes]] = []


class _Handler(BaseHTTPRequestHandler):
    server: WebServer

    def do_POST(self) -> None:
        content = self.rfile.read(int(self.headers["Content-Length"]))
        self._answer("POST", content, self.server.status, self.server.body)

    def do_GET(self) -> None:
        self._answer("GET", b"", 200, b"")

    def _answer(self, method: str, content: bytes, status: int, body: bytes) -> None:
        self.server.requests.append((method, content))
        self.send_response(status)
        self.send_header("Location", "/elsewhere")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Be quiet."""


@pytest.fixture
def server() -> Iterator[WebServer]:
    running = WebServer()
    with serving(running):
        yield running


def make_sender(server: WebServer, folder: Path) -> WebSender:
    """A sender to it, with one object in the spool."""
    spool = Spool(folder / "spool")
    spool.absolute("object.dcm").write_bytes(CONTENT)
    url = f"http://127.0.0.1:{server.server_port}/dicom-web"
    return WebSender(WebDestination.model_validate({"kind": "stow-rs", "name": "web", "url": url}), spool)


@pytest.fixture
def tls_server(server: WebServer, certificates: Path) -> WebServer:
    """The same, over HTTPS."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificates / "server.pem", certificates / "server.key")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    return server


@pytest.fixture
def send(server: WebServer, tmp_path: Path) -> Send:
    """Send one object to a server that answers with a status and a body."""
    sender = make_sender(server, tmp_path)

    def send_one(status: int, body: bytes = b"") -> Attempt:
        server.status, server.body = status, body
        (attempt,) = sender.send([Parcel("1.2.3", "1.2", "object.dcm", 0)])
        return attempt

    return send_one


def test_a_file_that_is_missing_keeps_no_other_from_being_sent(server: WebServer, tmp_path: Path) -> None:
    sender = make_sender(server, tmp_path)
    parcels = [Parcel(f"1.2.{name}", "1.2", name, 0) for name in ("absent.dcm", "object.dcm")]
    assert [attempt.outcome for attempt in sender.send(parcels)] == [Outcome.REFUSED, Outcome.STORED]


def test_a_file_that_is_cut_off_is_not_sent(server: WebServer, tmp_path: Path) -> None:
    sender = make_sender(server, tmp_path)
    parcel = Parcel("1.2.3", "1.2", "object.dcm", 0, hashlib.sha256(CONTENT + b"more").hexdigest())
    assert sender.send([parcel]) == [NO_FILE]
    assert server.requests == []


def report(**failure: object) -> bytes:
    failed = {"00081198": {"vr": "SQ", "Value": [failure]}} if failure else {}
    return json.dumps({"00081199": {"vr": "SQ", "Value": []}, **failed}).encode()


@pytest.mark.parametrize("body", [b"", b"{}", report(), b"[" + report() + b"]"])
def test_an_object_that_nothing_is_said_against_is_stored(send: Send, server: WebServer, body: bytes) -> None:
    assert send(200, body).outcome is Outcome.STORED
    ((_, content),) = server.requests
    assert CONTENT in content


def xml_report(tag: str) -> bytes:
    """A report as servers send it that know no JSON."""
    return (
        '<?xml version="1.0" encoding="UTF-8"?><NativeDicomModel xml:space="preserve">'
        f'<DicomAttribute tag="{tag}" vr="SQ"><Item number="1"><DicomAttribute tag="00081155" vr="UI">'
        '<Value number="1">1.2.3</Value></DicomAttribute></Item></DicomAttribute></NativeDicomModel>'
    ).encode()


@pytest.mark.parametrize("status", [200, 202])
def test_a_report_in_xml_confirms_what_it_names_no_failure_of(send: Send, status: int) -> None:
    assert send(status, xml_report(tag="00081199")).outcome is Outcome.STORED
    assert send(status, xml_report(tag="00081198")).outcome is Outcome.REFUSED


def test_all_or_some_without_a_report_is_a_difference(send: Send) -> None:
    """PS3.18 10.5.3: 200 says that all was stored, 202 that there are warnings or failures, which nobody names."""
    assert send(200).outcome is Outcome.STORED
    assert send(202) == Attempt(Outcome.REFUSED, "HTTP 202 without a report")


def test_the_environment_redirects_no_results(send: Send, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    assert send(200).outcome is Outcome.STORED


def test_certificates_of_the_environment_replace_no_configured_ones(
    tls_server: WebServer, spool: Spool, certificates: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificates / "ca.pem"))
    spool.absolute("object.dcm").write_bytes(CONTENT)
    outcomes = []
    for authority in ("ca", "other"):
        values = {"kind": "stow-rs", "name": "web", "url": f"https://127.0.0.1:{tls_server.server_port}/dicom-web"}
        destination = WebDestination.model_validate(values | {"authority": certificates / f"{authority}.pem"})
        (attempt,) = WebSender(destination, spool).send([Parcel("1.2.3", "1.2", "object.dcm", 0)])
        outcomes.append(attempt.outcome)
    assert outcomes == [Outcome.STORED, Outcome.UNREACHABLE]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_stores_nothing_and_is_not_followed(send: Send, server: WebServer, status: int) -> None:
    attempt = send(status)
    assert attempt.outcome is Outcome.UNREACHABLE
    assert f"HTTP {status}" in attempt.reason
    assert [method for method, _ in server.requests] == ["POST"]


@pytest.mark.parametrize(
    ("reason", "outcome"),
    [(0xC123, Outcome.REFUSED), (0xA700, Outcome.UNREACHABLE), (0x0111, Outcome.STORED), (None, Outcome.REFUSED)],
)
@pytest.mark.parametrize("status", [200, 202, 409])
def test_the_report_decides(send: Send, status: int, reason: int | None, outcome: Outcome) -> None:
    failure = {"00081155": {"vr": "UI", "Value": ["1.2.3"]}}
    if reason is not None:
        failure["00081197"] = {"vr": "US", "Value": [reason]}  # type: ignore[list-item]
    assert send(status, report(**failure)).outcome is outcome


@pytest.mark.parametrize(
    "body",
    [b"<html>log in</html>", b"<?xml version='1.0'?><ok/>", b"stored", b"[]", b"7", b'{"00081198": 1}', b'{"00081198"'],
)
def test_a_body_that_is_no_report_confirms_nothing(send: Send, body: bytes) -> None:
    assert send(200, body).outcome is Outcome.UNREACHABLE


@pytest.mark.parametrize("status", [400, 409, 415, 422])
def test_an_answer_about_the_object_is_a_refusal(send: Send, status: int) -> None:
    assert send(status) == Attempt(Outcome.REFUSED, f"HTTP {status}")


@pytest.mark.parametrize("body", [b"in the way", b"[]", report(), xml_report(tag="00081198")])
def test_a_conflict_without_a_reason_is_a_refusal(send: Send, body: bytes) -> None:
    assert send(409, body) == Attempt(Outcome.REFUSED, "HTTP 409")


@pytest.mark.parametrize("status", [401, 403, 404, 407, 408, 429, 500, 503])
def test_an_answer_about_the_destination_is_no_refusal(send: Send, status: int) -> None:
    assert send(status) == Attempt(Outcome.UNREACHABLE, f"HTTP {status}")
