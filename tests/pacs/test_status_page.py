from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.pacs.lab import ROOT, ServiceProcess, free_port, make_config, make_series, send, wait_for


def test_says_how_it_goes_and_who_nobody_is(make_service: Callable[..., ServiceProcess], tmp_path: Path) -> None:
    port = free_port()
    service = make_service(status_page={"port": port, "previews": True})
    wait_for(lambda: service.get("/readyz", port)[0] == 200)
    send(service.port, make_series(tmp_path / "in", PatientName="Secret^Name", images=5, size=32))
    wait_for(lambda: service.job_states()["DONE"] and service.is_idle(), 40)
    assert service.get("/healthz", port) == (200, "alive\n")
    status, page = service.get("/", port)
    assert status == 200
    assert "DONE" in page
    assert "Secret" not in page
    status, metrics = service.get("/metrics", port)
    assert 'spine_segmentation_objects_total{outcome="stored"} 5.0' in metrics
    assert 'spine_segmentation_deliveries{destination="archive",state="DELIVERED"} 2.0' in metrics
    assert "/preview/1" in page
    assert service.get("/preview/2", port)[0] == 404
    service.kill_worker()
    wait_for(lambda: service.get("/metrics", port)[1].count("worker_starts 2.0"))


def test_a_request_under_a_foreign_name_is_refused(make_service: Callable[..., ServiceProcess], tmp_path: Path) -> None:
    import urllib.error
    import urllib.request

    port = free_port()
    make_service(status_page={"port": port})
    request = urllib.request.Request(f"http://127.0.0.1:{port}/", headers={"Host": "evil.example"})

    def status() -> int:
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            return 0

    assert wait_for(status) == 400


@pytest.mark.pacs
@pytest.mark.parametrize("section", ["status_page", "receiver"])
def test_a_port_that_is_taken_ends_the_service_at_once(tmp_path: Path, section: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        sections = {"status_page": {"port": free_port()}} | {section: {"port": port}}
        config = make_config(tmp_path, free_port(), free_port(), **sections)
        ended = subprocess.run(
            [sys.executable, "-m", "spine_segmentation.cli", "serve", config],
            cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
    assert ended.returncode == 70
    assert f"cannot listen at 127.0.0.1:{port} (Address already in use" in " ".join(ended.stderr.split())
