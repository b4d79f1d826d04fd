"""The sweep of an Orthanc that cannot send every series; a server stands in for it, as a real one sends them all."""

from __future__ import annotations

import json
import threading
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

pytestmark = pytest.mark.pacs


class Server(ThreadingHTTPServer):
    """Lists three series, and refuses to send some."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.refused: set[str] = set()
        self.asked: list[str] = []
        self.listings = 0


class _Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.listings += "since=0" in self.path
        self._answer(200, [_series(name) for name in "abc"] if "since=0" in self.path else [])

    def do_POST(self) -> None:
        (identifier,) = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["Resources"]
        self.server.asked.append(identifier)
        self._answer(500 if identifier in self.server.refused else 200, {})

    def _answer(self, status: int, content: object) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Be quiet."""


def _series(name: str) -> dict[str, object]:
    updated = (datetime.now(UTC) - timedelta(hours=1)).strftime("%Y%m%dT%H%M%S")
    tags = {"Modality": "MR", "SeriesInstanceUID": f"1.{ord(name)}"}
    return {"ID": name, "LastUpdate": updated, "MainDicomTags": tags, "Instances": ["image"]}


@pytest.fixture
def server() -> Iterator[Server]:
    running = Server()
    threading.Thread(target=running.serve_forever, daemon=True).start()
    yield running
    running.shutdown()
    running.server_close()


@pytest.fixture
def reconciler(server: Server, tmp_path: Path) -> Reconciler:
    settings = config.Orthanc.model_validate({"url": f"http://127.0.0.1:{server.server_port}", "modality": "spine"})
    return Reconciler(settings, 1.0, Ledger(tmp_path / "ledger.sqlite"), OrthancClient(settings))


def test_a_series_that_cannot_be_sent_does_not_hold_up_the_others(server: Server, reconciler: Reconciler) -> None:
    server.refused = {"a"}
    with pytest.raises(OutputError, match="1 of 3 series"):
        reconciler.step()
    assert server.asked == ["a", "b", "c"]


def test_what_is_owed_is_listed_once_and_counted(server: Server, reconciler: Reconciler) -> None:
    assert reconciler.sweep() == 3
    assert server.listings == 1
