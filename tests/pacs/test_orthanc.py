"""The configuration of ``configs/orthanc`` with a real Orthanc, dcmtk and dciodvfy."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pydicom
import pytest
from pydicom.uid import ExplicitVRLittleEndian, JPEG2000Lossless

from tests.io.test_dicom_seg import validator_errors
from tests.pacs.lab import (
    make_series,
    needs_dcmtk,
    storescu,
    wait_for,
)
from tests.pacs.orthanc import AE_TITLE, reason_to_skip
from tests.pacs.site import Site

pytestmark = [pytest.mark.pacs, pytest.mark.skipif(bool(reason_to_skip()), reason=reason_to_skip())]


@pytest.fixture
def make_site(tmp_path: Path) -> Iterator[Callable[..., Site]]:
    sites: list[Site] = []

    def make(**sections: Any) -> Site:
        sites.append(Site(tmp_path, **sections))
        return sites[-1]

    yield make
    for site in sites:
        site.close()


@needs_dcmtk
def test_what_storescu_sends_comes_back_as_segmentation_and_report(
    make_site: Callable[..., Site], tmp_path: Path
) -> None:
    """Route, both kinds of delivery, storage commitment, T1w uncompressed and T2w as JPEG 2000."""
    site = make_site(sweep_seconds=None)
    site.service.start()
    for name, syntax, option in (("T1w", ExplicitVRLittleEndian, "-xe"), ("T2w", JPEG2000Lossless, "-xv")):
        paths = make_series(tmp_path / name, images=8, size=64, SeriesDescription=name)
        compress(paths, syntax)
        sent = storescu(site.orthanc.dicom, tmp_path / name, option, called=AE_TITLE)
        assert sent.returncode == 0, sent.stderr
    wait_for(lambda: site.service.job_states()["DONE"] == 2 and site.service.is_idle(), "no results")
    states = {(row["destination"], row["reason"]) for row in site.service.rows("SELECT * FROM delivery")}
    assert states == {("orthanc", "committed"), ("web", "")}
    assert (len(site.orthanc.series("SEG")), len(site.orthanc.series("SR"))) == (2, 2)
    received = [pydicom.dcmread(path).file_meta for path in (site.service.spool / "inbox").rglob("*.dcm")]
    assert JPEG2000Lossless in {meta.TransferSyntaxUID for meta in received}
    for path in (site.service.spool / "results").rglob("*.dcm"):
        assert validator_errors(path) == []


def test_what_goes_by_stow_comes_back_by_qido_and_wado(make_site: Callable[..., Site], tmp_path: Path) -> None:
    site = make_site(destinations=["web"], sweep_seconds=None)
    site.service.start()
    site.send(make_series(tmp_path / "in", images=8, size=64))
    wait_for(lambda: site.service.job_states()["DONE"] == 1 and site.service.is_idle(), "no results")
    kept = {item.SOPInstanceUID: item for item in map(pydicom.dcmread, (site.service.spool / "results").rglob("*.dcm"))}
    assert {item.Modality for item in kept.values()} == {"SEG", "SR"}
    for modality in ("SEG", "SR"):
        (series,) = site.orthanc.get("/dicom-web/series", Modality=modality)
        study_uid, series_uid = series["0020000D"]["Value"][0], series["0020000E"]["Value"][0]
        root = f"/dicom-web/studies/{study_uid}/series/{series_uid}"
        (instance,) = site.orthanc.get(f"{root}/instances")
        sop_uid = instance["00080018"]["Value"][0]
        assert site.orthanc.retrieve(f"{root}/instances/{sop_uid}") == kept[sop_uid]


def compress(paths: list[Path], syntax: str) -> None:
    for path in paths if syntax != ExplicitVRLittleEndian else []:
        dataset = pydicom.dcmread(path)
        dataset.compress(syntax, generate_instance_uid=False)
        dataset.save_as(path)


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
