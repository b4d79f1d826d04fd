"""The same image as a DICOM service."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.map.conftest import USER, open_to_all
from tests.map.engine import Container, engine, inspect

pytestmark = pytest.mark.map

SECONDS_TO_START = 120
SECONDS_TO_STOP = 60

ECHO = """
from pynetdicom import AE
entity = AE("TESTER")
entity.add_requested_context("1.2.840.10008.1.1")
association = entity.associate("127.0.0.1", 11112, ae_title="SPINESEG")
assert association.is_established
print("status", association.send_c_echo().Status)
association.release()
"""


@pytest.fixture
def service(image: str, tmp_path: Path) -> Iterator[tuple[Container, subprocess.Popen[str]]]:
    """A starting service, on the loopback of its container."""
    spool, settings = tmp_path / "spool", tmp_path / "settings"
    for folder in (spool, settings):
        folder.mkdir()
    destination = {"kind": "c-store", "name": "a", "ae_title": "A", "host": "127.0.0.1", "port": 104}
    receiver = {"allowed_ae_titles": ["TESTER"]}
    document = {"spool": "/var/lib/spine-segmentation", "receiver": receiver, "destinations": [destination]}
    (settings / "serve.yaml").write_text(yaml.safe_dump(document))
    open_to_all(settings)
    subprocess.run(["chown", f"{USER}:{USER}", spool], check=True)
    options = (
        f"--volume={settings}:/etc/spine-segmentation:ro",
        f"--volume={spool}:/var/lib/spine-segmentation",
        "--tmpfs=/tmp",
    )
    container = Container(image, options=options, arguments=("serve",))
    with container.start() as process:
        try:
            yield container, process
        finally:
            if process.poll() is None:
                container.send("KILL")


def is_well(name: str) -> bool:
    """Whether the container's health check succeeds."""
    return engine("exec", name, "/var/holoscan/tools", "health", check=False).returncode == 0


def wait_for(condition: Callable[[], bool], seconds: float) -> None:
    """Ask every second."""
    start = time.perf_counter()
    while not condition():
        assert time.perf_counter() - start < seconds
        time.sleep(1)


def test_serves_and_ends_in_order(service: tuple[Container, subprocess.Popen[str]], report: dict[str, Any]) -> None:
    container, process = service
    start = time.perf_counter()
    wait_for(lambda: process.poll() is not None or is_well(container.name), SECONDS_TO_START)
    assert process.poll() is None
    report["serve_seconds_to_healthy"] = round(time.perf_counter() - start, 1)
    assert engine("exec", container.name, "python3", "-c", ECHO).stdout.strip() == "status 0"
    container.send("TERM")
    assert process.wait(timeout=SECONDS_TO_STOP) == 0


def test_image_has_a_health_check(image: str) -> None:
    about = inspect(image)
    check = about.get("Healthcheck") or about["Config"]["Healthcheck"]  # podman and docker
    assert check["Test"] == ["CMD", "/var/holoscan/tools", "health"]
