"""The configuration of ``configs/orthanc`` with a real Orthanc, dcmtk and dciodvfy."""

from __future__ import annotations

import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.pacs.lab import SENDER, ServiceProcess, free_port, make_config, make_series, send, wait_for
from tests.pacs.orthanc import AE_TITLE, USER, Orthanc, reason_to_skip

pytestmark = [pytest.mark.pacs, pytest.mark.skipif(bool(reason_to_skip()), reason=reason_to_skip())]


class Site:
    """Orthanc in front, the service behind it."""

    def __init__(self, folder: Path, **sections: Any) -> None:
        port = free_port()
        self.orthanc = Orthanc(folder / "orthanc", port).start()
        (folder / "password").write_text(f"{USER[1]}\n")
        access = {"username": USER[0], "password_file": "password"}
        self.config = make_config(
            folder,
            port,
            self.orthanc.dicom,
            receiver={"allowed_ae_titles": [AE_TITLE]},
            readiness={"quiet_seconds": 1.0},
            destinations=[
                {"kind": "c-store", "name": "orthanc", "ae_title": AE_TITLE, "host": "127.0.0.1",
                 "port": self.orthanc.dicom},
                {"kind": "stow-rs", "name": "web", "url": f"{self.orthanc.root}/dicom-web", **access},
            ],
            orthanc={"url": self.orthanc.root, "modality": "spine-segmentation", "sweep_seconds": 2.0, **access}
            | sections,
        )  # fmt: skip
        self.service = ServiceProcess(self.config)

    def close(self) -> None:
        self.service.kill()
        self.orthanc.stop(signal.SIGKILL)

    def send(self, paths: list[Path]) -> None:
        assert send(self.orthanc.dicom, paths, calling=SENDER, called=AE_TITLE) == [0] * len(paths)


@pytest.fixture
def make_site(tmp_path: Path) -> Iterator[Callable[..., Site]]:
    sites: list[Site] = []

    def make(**sections: Any) -> Site:
        sites.append(Site(tmp_path, **sections))
        return sites[-1]

    yield make
    for site in sites:
        site.close()


def test_a_series_goes_in_and_its_segmentation_comes_back(make_site: Callable[..., Site], tmp_path: Path) -> None:
    site = make_site(sweep_seconds=None)
    site.service.start()
    site.send(make_series(tmp_path / "in", images=8, size=64))
    wait_for(lambda: site.orthanc.series("SEG"), 60, "no segmentation came back")
    wait_for(site.service.is_idle, 60)
    states = {(row["destination"], row["reason"]) for row in site.service.rows("SELECT * FROM delivery")}
    assert states == {("orthanc", "committed"), ("web", "")}
    assert len(site.orthanc.series("SR")) == 1
    (found,) = site.orthanc.get("/dicom-web/series", Modality="SEG")
    assert found["00080060"]["Value"] == ["SEG"]
    (content,) = site.orthanc.files("SEG")
    (kept,) = (site.service.spool / "results").rglob("segmentation.dcm")
    assert content[-5000:] == kept.read_bytes()[-5000:]
    if shutil.which("dciodvfy"):
        report = subprocess.run(["dciodvfy", str(kept)], capture_output=True, text=True, check=False)
        assert "Error" not in report.stderr + report.stdout
    assert site.service.job_states()["DONE"] == 1


def test_the_sweep_finds_what_the_stable_event_has_lost(make_site: Callable[..., Site], tmp_path: Path) -> None:
    site = make_site()
    series = [make_series(tmp_path / f"in{index}") for index in range(3)]
    for paths in series:
        site.send(paths)
    site.orthanc.stop(signal.SIGKILL)
    site.orthanc.start()
    site.service.start()
    wait_for(lambda: site.service.job_states()["DONE"] == 3 and site.service.is_idle(), 90, "series are still owed")
    assert len(site.orthanc.series("SEG")) == 3
    assert set(site.service.job_states()) <= {"DONE", "SKIPPED"}


def test_a_superseded_result_disappears_from_orthanc(make_site: Callable[..., Site], tmp_path: Path) -> None:
    site = make_site(delete_superseded=True)
    site.service.start()
    paths = make_series(tmp_path / "in", images=6)
    site.send(paths[:4])
    wait_for(lambda: site.service.job_states()["DONE"] == 1 and site.service.is_idle(), 60)
    site.send(paths[4:])
    wait_for(lambda: site.service.job_states()["SUPERSEDED"] == 1 and site.service.is_idle(), 60)
    wait_for(lambda: len(site.orthanc.series("SEG")) == 1, 60, "the first version is still there")
    (remaining,) = site.orthanc.series("SEG")
    assert remaining["MainDicomTags"]["SeriesDescription"].endswith("version 2")
