"""The configuration of ``configs/orthanc`` with a real Orthanc."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

import pydicom
import pytest

from tests.pacs.lab import make_series, wait_for
from tests.pacs.orthanc import needs_orthanc
from tests.pacs.site import Site

pytestmark = [pytest.mark.pacs, needs_orthanc]


def test_what_goes_by_stow_comes_back_by_qido_and_wado(make_site: Callable[..., Site], tmp_path: Path) -> None:
    site = make_site(destinations=["web"], sweep_seconds=None)
    site.service.start()
    site.send(make_series(tmp_path / "in", images=8, size=64))
    wait_for(lambda: site.service.job_states()["DONE"] == 1 and site.service.is_idle(), "no results")
    kept = {item.SOPInstanceUID: item for item in map(pydicom.dcmread, (site.service.spool / "results").rglob("*.dcm"))}
    assert {item.Modality for item in kept.values()} == {"SEG", "SR"}
    assert site.orthanc.fetch("SEG") | site.orthanc.fetch("SR") == kept


def test_the_sweep_finds_what_the_stable_event_has_lost(make_site: Callable[..., Site], tmp_path: Path) -> None:
    site = make_site()
    series = [make_series(tmp_path / f"in{index}") for index in range(3)]
    for paths in series:
        site.send(paths)
    site.orthanc.stop(signal.SIGKILL)
    site.orthanc.start()
    site.service.start()
    wait_for(lambda: site.service.job_states()["DONE"] == 3 and site.service.is_idle(), "series are still owed")
    assert len(site.orthanc.series("SEG")) == 3
    assert set(site.service.job_states()) <= {"DONE", "SKIPPED"}


def test_a_superseded_result_disappears_from_orthanc(make_site: Callable[..., Site], tmp_path: Path) -> None:
    site = make_site(delete_superseded=True)
    site.service.start()
    paths = make_series(tmp_path / "in", images=6)
    site.send(paths[:4])
    wait_for(lambda: site.service.job_states()["DONE"] == 1 and site.service.is_idle())
    site.send(paths[4:])
    wait_for(lambda: site.service.job_states()["SUPERSEDED"] == 1 and site.service.is_idle())
    wait_for(lambda: len(site.orthanc.series("SEG")) == 1, "the first version is still there")
    (remaining,) = site.orthanc.series("SEG")
    assert remaining["MainDicomTags"]["SeriesDescription"].endswith("version 2")
