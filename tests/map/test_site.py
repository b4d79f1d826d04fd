"""``configs/compose.yaml`` as far as it can be started without its image of Orthanc: ``make map-test-full``.

An Orthanc of the machine stands in; the service is started from the image, with the options and files named there.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.map.conftest import ROOT, open_to_all
from tests.map.engine import engine, find_engine
from tests.map.test_serve import SECONDS_TO_START, is_well, wait_for

pytestmark = [
    pytest.mark.map,
    pytest.mark.slow,
    pytest.mark.skipif(
        not all(map(shutil.which, ("Orthanc", "storescu", "podman"))), reason="needs podman, Orthanc and dcmtk"
    ),
]

SECONDS_TO_SEGMENTATION = 240
ASK = """
import requests, sys
name, password = sys.argv[1:]
print(requests.get("http://127.0.0.1:8042/series?expand", auth=(name, password), timeout=5).text)
"""


class Site:
    """The services of compose.yaml in one network namespace."""

    def __init__(self, folder: Path, image: str) -> None:
        self.folder, self.image = folder / "configs", image
        self.name = f"spine-test-{os.urandom(4).hex()}"
        shutil.copytree(ROOT / "configs", self.folder)
        self.services = yaml.safe_load((self.folder / "compose.yaml").read_text())["services"]
        self.orthanc = json.loads((self.folder / "orthanc" / "orthanc.json").read_text())
        self.account = next(iter(self.orthanc["RegisteredUsers"].items()))
        (self.folder / "archive.password").write_text(self.account[1])
        open_to_all(folder)
        self.processes: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        subprocess.run(["ip", "netns", "add", self.name], check=True)
        self.inside("ip", "link", "set", "lo", "up")
        self._start("ip", "netns", "exec", self.name, "Orthanc", str(self._orthanc_configuration()))
        self._start(find_engine(), *self._service_command())

    def close(self) -> None:
        engine("kill", self.name, check=False)
        for process in self.processes:
            process.terminate()
            process.wait(60)
        engine("volume", "rm", self.name, check=False)
        subprocess.run(["ip", "netns", "del", self.name], check=True)

    def inside(self, *command: str, check: bool = True) -> str:
        """Run a command in the network namespace; gives back what it writes."""
        full = ["ip", "netns", "exec", self.name, *command]
        return subprocess.run(full, check=check, stdout=subprocess.PIPE, text=True, timeout=60).stdout

    def modalities(self) -> list[str] | None:
        """Those of the series that Orthanc has; None while it starts."""
        answer = self.inside(sys.executable, "-c", ASK, *self.account, check=False)
        return sorted(series["MainDicomTags"]["Modality"] for series in json.loads(answer)) if answer else None

    def _start(self, *command: str) -> None:
        self.processes.append(subprocess.Popen(command, stderr=subprocess.DEVNULL))

    def _service_command(self) -> list[str]:
        service = self.services["spine-segmentation"]
        assert service["read_only"]
        options = ["--read-only", f"--network=ns:/run/netns/{self.name}", f"--name={self.name}"]
        options += [f"--cap-drop={name}" for name in service["cap_drop"]]
        options += [f"--security-opt={name}" for name in service["security_opt"]]
        options += [f"--tmpfs={path}" for path in service["tmpfs"]]
        options += [f"--pids-limit={service['pids_limit']}", f"--memory={service['mem_limit']}"]
        for volume in service["volumes"]:
            source, target = volume.split(":", 1)
            options.append(f"--volume={self.folder / source if source.startswith('.') else self.name}:{target}")
        return ["run", "--rm", *options, self.image, *service["command"]]

    def _orthanc_configuration(self) -> Path:
        """orthanc.json with the settings that compose.yaml makes by variables, and the paths of its volumes."""
        service = self.services["orthanc"]
        changes = {
            "ORTHANC__PLUGINS": "Plugins",
            "ORTHANC__DICOM_CHECK_MODALITY_HOST": "DicomCheckModalityHost",
            "ORTHANC__REMOTE_ACCESS_ALLOWED": "RemoteAccessAllowed",
        }
        document = self.orthanc | {key: json.loads(service["environment"][name]) for name, key in changes.items()}
        text = json.dumps(document)
        for volume in service["volumes"]:
            source, target = volume.split(":")[:2]
            text = text.replace(target, str(self.folder / (source if source.startswith(".") else "database")))
        path = self.folder / "merged.json"
        path.write_text(text)
        return path


@pytest.fixture
def site(image: str, tmp_path: Path) -> Iterator[Site]:
    site = Site(tmp_path, image)
    site.start()
    yield site
    site.close()


def test_what_the_scanner_sends_comes_back_as_segmentation_and_report(
    site: Site, study: Path, report: dict[str, Any]
) -> None:
    wait_for(lambda: is_well(site.name) and site.modalities() == [], SECONDS_TO_START)
    site.inside("storescu", "-aet", "SCANNER", "-aec", "ORTHANC", "+sd", "127.0.0.1", "4242", str(study))
    start = time.perf_counter()
    wait_for(lambda: site.modalities() == ["MR", "SEG", "SR"], SECONDS_TO_SEGMENTATION)
    report["scanner_to_archive_seconds"] = round(time.perf_counter() - start, 1)
