"""The health check of the container, outside a container."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from app import health
from spine_segmentation.errors import UsageError
from spine_segmentation.pacs.config import StatusPage
from tests.app.conftest import ROOT


class _Page(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/healthz" else 404)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def port() -> Iterator[int]:
    """The port of a service that is well."""
    with HTTPServer(("127.0.0.1", 0), _Page) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def container(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with serve.yaml at its usual place and another one, and the first process's command line."""
    monkeypatch.setattr(health, "SERVICE_CONFIGURATION", tmp_path / "serve.yaml")
    monkeypatch.setattr(health, "FIRST_PROCESS", tmp_path / "cmdline")
    start(tmp_path, "/var/holoscan/tools", "run")
    return tmp_path


def start(container: Path, *words: object) -> None:
    """Set the command line of the first process."""
    (container / "cmdline").write_text("".join(f"{word}\0" for word in words))


def test_a_container_that_runs_once_is_well() -> None:
    assert health.answers()


@pytest.mark.parametrize("words", [("python3", "spine-segmentation"), ("docker-init", "--", "/var/holoscan/tools")])
def test_the_configuration_that_the_service_was_started_with(
    words: tuple[str, ...], container: Path, port: int
) -> None:
    (container / "serve.yaml").write_text("status_page: {port: 1}\n")
    (container / "other.yaml").write_text(f"status_page: {{port: {port}}}\n")
    start(container, *words, "serve", container / "other.yaml")
    assert health.answers()
    start(container, *words, "serve")
    assert not health.answers()


def test_the_usual_configuration_where_the_first_process_is_the_pods(container: Path) -> None:
    start(container, "/pause")
    (container / "serve.yaml").write_text("status_page: {port: 1}\n")
    assert not health.answers()


def test_a_service_without_status_page_is_well(container: Path) -> None:
    (container / "serve.yaml").write_text("status_page: null\n")
    assert health.answers()


@pytest.mark.parametrize("content", [None, "status_page: ["])
def test_a_service_whose_configuration_is_gone(content: str | None, container: Path) -> None:
    if content is not None:
        (container / "serve.yaml").write_text(content)
    start(container, "spine-segmentation", "serve")
    with pytest.raises(UsageError, match="cannot be read"):
        health.answers()


def test_same_address_as_the_service() -> None:
    page = StatusPage()
    assert (page.host, page.port) == (health.HOST, health.PORT)


def test_asking_imports_no_library_of_the_service() -> None:
    code = "import sys, app.entrypoint, app.health; print({'pydicom', 'scipy', 'pydantic', 'numpy'} & set(sys.modules))"
    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "set()"
