"""The sweep of an Orthanc that cannot send every series; a server stands in for it, as a real one sends them all."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from spine_segmentation.errors import OutputError
from spine_segmentation.pacs import config
from spine_segmentation.pacs.ledger import Ledger
from spine_segmentation.pacs.orthanc import OrthancClient
from spine_segmentation.pacs.reconcile import Reconciler
from tests.pacs.lab import serving

pytestmark = pytest.mark.pacs


class Server(ThreadingHTTPServer):
    """Lists three series, and refuses to send some."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.refused: set[str] = set()
        self.asked: list[str] = []
        self.listings = 0
        self.now = datetime.now(UTC)
        self.changes: dict[str, object] = {}


class _Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        if self.path == "/tools/now":
            return self._answer_text(200, f"{_text(self.server.now)}\n")
        self.server.listings += "since=0" in self.path
        return self._answer(200, [self._series(name) for name in "abc"] if "since=0" in self.path else [])

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path == "/tools/find":
            return self._answer(200, {"found": "an object, not a list"})
        (identifier,) = body["Resources"]
        self.server.asked.append(identifier)
        return self._answer(500 if identifier in self.server.refused else 200, {})

    def _series(self, name: str) -> dict[str, object]:
        """A series that has changed an hour ago, by the server's clock."""
        updated = _text(self.server.now - timedelta(hours=1))
        tags = {"Modality": "MR", "SeriesInstanceUID": f"1.{ord(name)}"}
        return {"ID": name, "LastUpdate": updated, "MainDicomTags": tags, "Instances": ["image"]} | self.server.changes

    def _answer(self, status: int, content: object) -> None:
        self._answer_text(status, json.dumps(content))

    def _answer_text(self, status: int, text: str) -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Be quiet."""


def _text(moment: datetime) -> str:
    return moment.strftime("%Y%m%dT%H%M%S")


@pytest.fixture
def server() -> Iterator[Server]:
    running = Server()
    with serving(running):
        yield running


def address(server: Server) -> config.Orthanc:
    return config.Orthanc.model_validate({"url": f"http://127.0.0.1:{server.server_port}", "modality": "spine"})


@pytest.fixture
def reconciler(server: Server, tmp_path: Path) -> Reconciler:
    settings = address(server)
    return Reconciler(settings, 1.0, Ledger(tmp_path / "ledger.sqlite"), OrthancClient(settings))


def test_a_series_that_cannot_be_sent_does_not_hold_up_the_others(server: Server, reconciler: Reconciler) -> None:
    server.refused = {"a"}
    with pytest.raises(OutputError, match="1 of 3 series"):
        reconciler.step()
    assert server.asked == ["a", "b", "c"]


def test_what_is_owed_is_listed_once_and_counted(server: Server, reconciler: Reconciler) -> None:
    assert reconciler.sweep() == 3
    assert server.listings == 1


@pytest.mark.parametrize("days", [-1000, 1000])
def test_whose_clock_is_wrong_does_not_matter(server: Server, reconciler: Reconciler, days: int) -> None:
    server.now += timedelta(days=days)
    assert reconciler.sweep() == 3


@pytest.mark.parametrize(
    "changes",
    [
        {"LastUpdate": None},
        {"LastUpdate": "yesterday"},
        {"MainDicomTags": None},
        {"MainDicomTags": {"Modality": "MR"}},
        {"Instances": 1},
    ],
)
def test_a_list_of_another_shape_is_an_answer_that_it_should_not_give(
    server: Server, reconciler: Reconciler, changes: dict[str, object]
) -> None:
    server.changes = changes
    with pytest.raises(OutputError, match="does not answer as it should"):
        reconciler.sweep()


def test_an_object_where_identifiers_should_be_listed_is_such_an_answer_too(server: Server) -> None:
    with pytest.raises(OutputError, match="does not answer as it should"):
        OrthancClient(address(server)).find_instances("1.2")
