"""A real Orthanc with the repository's own configuration."""

from __future__ import annotations

import email
import json
import shutil
import signal
import socket
import subprocess
from io import BytesIO
from pathlib import Path
from typing import Any

import pydicom
import pytest
import requests
from pydicom import Dataset

from tests.pacs.lab import ROOT, free_port, wait_for

AE_TITLE = "ORTHANC"
USER = ("spine-segmentation", "change-me")


def reason_to_skip() -> str:
    """Why Orthanc cannot be run here; empty if it can."""
    if shutil.which("Orthanc") is None:
        return "Orthanc is not installed"
    if {name for _, name in socket.if_nameindex()} != {"lo"}:
        return "Orthanc listens at every address: run the tests with tests/pacs/on_loopback.sh"
    return ""


needs_orthanc = pytest.mark.skipif(bool(reason_to_skip()), reason=reason_to_skip())


class Orthanc:
    """One Orthanc; its ports stay the same over restarts."""

    def __init__(self, folder: Path, service_port: int, **changes: Any) -> None:
        self.folder = folder
        self.http, self.dicom = free_port(), free_port()
        self.root = f"http://127.0.0.1:{self.http}"
        self.process: subprocess.Popen[bytes] | None = None
        self._write_configuration(service_port, changes)

    def start(self) -> Orthanc:
        with (self.folder / "orthanc.log").open("ab") as log:
            self.process = subprocess.Popen(
                ["Orthanc", str(self.folder / "orthanc.json")], stdout=log, stderr=log, cwd=self.folder
            )
        wait_for(self._answers, "Orthanc does not start")
        return self

    def stop(self, number: int = signal.SIGTERM) -> None:
        if self.process is not None:
            self.process.send_signal(number)
            self.process.wait(60)
            self.process = None

    def get(self, path: str, **query: str) -> Any:
        answer = requests.get(self.root + path, auth=USER, params=query, timeout=30)
        answer.raise_for_status()
        return answer.json() if "json" in answer.headers["Content-Type"] else answer.content

    def retrieve(self, path: str) -> Dataset:
        """The one object that WADO-RS returns, out of its multipart answer."""
        accept = {"Accept": 'multipart/related; type="application/dicom"'}
        answer = requests.get(self.root + path, auth=USER, headers=accept, timeout=30)
        answer.raise_for_status()
        header = f"Content-Type: {answer.headers['Content-Type']}\r\n\r\n".encode()
        (part,) = email.message_from_bytes(header + answer.content).get_payload()
        return pydicom.dcmread(BytesIO(part.get_payload(decode=True)))

    def fetch(self, modality: str) -> dict[str, Dataset]:
        """All objects of a modality, found by QIDO-RS and retrieved by WADO-RS, by their UID."""
        found = {}
        for series in self.get("/dicom-web/series", Modality=modality):
            root = f"/dicom-web/studies/{series['0020000D']['Value'][0]}/series/{series['0020000E']['Value'][0]}"
            for instance in self.get(f"{root}/instances"):
                uid = instance["00080018"]["Value"][0]
                found[uid] = self.retrieve(f"{root}/instances/{uid}")
        return found

    def series(self, modality: str) -> list[Any]:
        return [item for item in self.get("/series?expand") if item["MainDicomTags"].get("Modality") == modality]

    def files(self, modality: str) -> list[bytes]:
        return [self.get(f"/instances/{uid}/file") for item in self.series(modality) for uid in item["Instances"]]

    def _answers(self) -> bool:
        try:
            return requests.get(f"{self.root}/system", auth=USER, timeout=5).ok
        except requests.RequestException:
            return False

    def _write_configuration(self, service_port: int, changes: dict[str, Any]) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        content = json.loads((ROOT / "configs" / "orthanc" / "orthanc.json").read_text())
        content |= {"HttpPort": self.http, "DicomPort": self.dicom, "StableAge": 1}
        content |= {"StorageDirectory": str(self.folder / "db"), "IndexDirectory": str(self.folder / "db")}
        content["LuaScripts"] = [str(ROOT / "configs" / "orthanc" / "route.lua")]
        content["DicomModalities"]["spine-segmentation"]["Port"] = service_port
        (self.folder / "orthanc.json").write_text(json.dumps(content | changes))
