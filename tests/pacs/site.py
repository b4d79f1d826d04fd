"""A hospital in small: Orthanc in front, the service behind it, results back to Orthanc."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.pacs.lab import ServiceProcess, free_port, make_config, send
from tests.pacs.orthanc import AE_TITLE, USER, Orthanc


class Site:
    """Orthanc in front, the service behind it."""

    def __init__(
        self,
        folder: Path,
        destinations: Sequence[str] = ("orthanc", "web"),
        program: Sequence[str] | None = None,
        **sections: Any,
    ) -> None:
        port = free_port()
        self.orthanc = Orthanc(folder / "orthanc", port).start()
        (folder / "password").write_text(f"{USER[1]}\n")
        access = {"username": USER[0], "password_file": "password"}
        known = {
            "orthanc": {"kind": "c-store", "name": "orthanc", "ae_title": AE_TITLE, "host": "127.0.0.1",
                        "port": self.orthanc.dicom},
            "web": {"kind": "stow-rs", "name": "web", "url": f"{self.orthanc.root}/dicom-web", **access},
        }  # fmt: skip
        self.config = make_config(
            folder,
            port,
            self.orthanc.dicom,
            receiver={"allowed_ae_titles": [AE_TITLE]},
            readiness={"quiet_seconds": 1.0},
            destinations=[known[name] for name in destinations],
            orthanc={"url": self.orthanc.root, "modality": "spine-segmentation", "sweep_seconds": 2.0, **access}
            | sections,
        )
        self.service = ServiceProcess(self.config, program=program)

    def close(self) -> None:
        self.service.kill()
        self.orthanc.stop(signal.SIGKILL)

    def send(self, paths: list[Path]) -> None:
        assert send(self.orthanc.dicom, paths, called=AE_TITLE) == [0] * len(paths)
