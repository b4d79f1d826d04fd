"""dcmtk in, DICOM-SEG and SR out: with and without Orthanc, with the real networks and with stand-ins for them."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Sequence
from itertools import product
from pathlib import Path

import pydicom
import pytest

from spine_segmentation.synth.dicom import write_study
from spine_segmentation.synth.generator import generate_volume
from tests.conftest import SEED
from tests.io.test_dicom_seg import validator_errors
from tests.pacs.lab import (
    PATIENCE_SECONDS,
    STORESCU_OPTIONS,
    Archive,
    ServiceProcess,
    free_port,
    make_config,
    make_series,
    needs_dcmtk,
    source_of,
    storescu,
    transcode,
    wait_for,
)
from tests.pacs.orthanc import AE_TITLE as ORTHANC
from tests.pacs.orthanc import needs_orthanc
from tests.pacs.site import Site

pytestmark = [pytest.mark.pacs, needs_dcmtk]

PROGRAM = [
    sys.executable,
    "-c",
    "from spine_segmentation.pacs.commands import app; app()",
    "serve",
]
WEIGHTINGS = {
    "T1w": {"SeriesDescription": "T1 TSE SAG", "RepetitionTime": 500, "EchoTime": 10},
    "T2w": {"SeriesDescription": "T2 TSE SAG", "RepetitionTime": 3500, "EchoTime": 100},
}
COMBINATIONS = [*product(WEIGHTINGS, STORESCU_OPTIONS)]
REAL_SECONDS = 900.0
"""For the real networks, on a busy machine, to process all combinations."""


@needs_orthanc
def test_every_weighting_and_syntax_makes_the_round_by_orthanc(make_site: Callable[..., Site], tmp_path: Path) -> None:
    """Route, both kinds of delivery, storage commitment."""
    site = make_site(sweep_seconds=None)
    site.service.start()
    folders = [tmp_path / str(number) for number in range(len(COMBINATIONS))]
    for folder, (weighting, _) in zip(folders, COMBINATIONS, strict=True):
        make_series(folder, images=6, size=64, **WEIGHTINGS[weighting])
    make_the_round(site, folders)


@pytest.mark.slow
@needs_orthanc
def test_every_weighting_and_syntax_makes_the_round_with_real_networks(
    make_site: Callable[..., Site], tmp_path: Path
) -> None:
    site = make_site(sweep_seconds=None, program=PROGRAM)
    site.service.start()
    folders = [tmp_path / str(number) for number in range(len(COMBINATIONS))]
    for number, (folder, (weighting, _)) in enumerate(zip(folders, COMBINATIONS, strict=True)):
        scan = generate_volume(SEED, region="lumbar", slices=7, slice_spacing=6.0, pixel_size=1.2, weighting=weighting)
        write_study(scan, folder, seed=SEED + number)
    make_the_round(site, folders, REAL_SECONDS)


def make_the_round(site: Site, folders: Sequence[Path], seconds: float = PATIENCE_SECONDS) -> None:
    """Send a series in each combination to Orthanc; look at what the service had from it, and what came back."""
    sent = {}
    for folder, (_, syntax) in zip(folders, COMBINATIONS, strict=True):
        paths = [path for path in folder.rglob("*") if path.is_file()]
        transcode(paths, syntax)
        done = storescu(site.orthanc.dicom, folder, STORESCU_OPTIONS[syntax], called=ORTHANC)
        assert done.returncode == 0, done.stderr
        sent[str(pydicom.dcmread(paths[0]).SeriesInstanceUID)] = syntax
    service = site.service
    wait_for(lambda: service.job_states()["DONE"] == len(sent) and service.is_idle(), "no results", seconds)
    received = [pydicom.dcmread(path) for path in (service.spool / "inbox").rglob("*.dcm")]
    assert {(item.SeriesInstanceUID, item.file_meta.TransferSyntaxUID) for item in received} == set(sent.items())
    states = {(row["destination"], row["reason"]) for row in service.rows("SELECT * FROM delivery")}
    assert states == {("orthanc", "committed"), ("web", "")}
    check_results(site, set(sent))


def check_results(site: Site, sources: set[str]) -> None:
    """Of each source one segmentation and one report, valid, and returned as they were made."""
    paths = [*(site.service.spool / "results").rglob("*.dcm")]
    kept = {item.SOPInstanceUID: item for item in map(pydicom.dcmread, paths)}
    for modality in ("SEG", "SR"):
        results = {uid: item for uid, item in kept.items() if item.Modality == modality}
        assert sorted(map(source_of, results.values())) == sorted(sources)
        assert site.orthanc.fetch(modality) == results
    assert [error for path in paths for error in validator_errors(path)] == []


@pytest.mark.slow
def test_a_spine_comes_back_with_names(lumbar_study: Path, archive: Archive, tmp_path: Path) -> None:
    service = ServiceProcess(make_config(tmp_path, free_port(), archive.port), program=PROGRAM).start()
    try:
        assert storescu(service.port, lumbar_study).returncode == 0
        wait_for(lambda: service.job_states()["DONE"] == 1 and service.is_idle(), "no result")
        (kept,) = (service.spool / "results").rglob("segmentation.dcm")
        labels = {segment.SegmentLabel for segment in pydicom.dcmread(kept).SegmentSequence}
        assert len(labels) > 3
        delivered = {item.Modality: item.SOPInstanceUID for item in archive.datasets}
        report = kept.with_name("report.dcm")
        assert delivered == {"SEG": pydicom.dcmread(kept).SOPInstanceUID, "SR": pydicom.dcmread(report).SOPInstanceUID}
        assert service.stop() == 0
        assert validator_errors(kept) == validator_errors(report) == []
    finally:
        service.kill()


@pytest.mark.slow
def test_a_study_comes_back_with_one_numbering(lumbar_study: Path, archive: Archive, tmp_path: Path) -> None:
    scan = generate_volume(SEED, slices=7, slice_spacing=6.0, pixel_size=1.2, weighting="T1w")
    shutil.copytree(lumbar_study, tmp_path / "in" / "T2w")
    write_study(scan, tmp_path / "in" / "T1w", seed=SEED)
    config = make_config(tmp_path, free_port(), archive.port, readiness={"group": "study"})
    service = ServiceProcess(config, program=PROGRAM).start()
    try:
        assert storescu(service.port, tmp_path / "in").returncode == 0
        wait_for(lambda: service.job_states()["DONE"] == 2 and service.is_idle(), "no results")
        results = [item for item in archive.datasets if item.Modality == "SEG"]
        names = [{segment.SegmentLabel for segment in item.SegmentSequence} for item in results]
        assert len(names) == 2
        assert len(names[0] & names[1]) > 3
        assert len({item.ReferencedSeriesSequence[0].SeriesInstanceUID for item in results}) == 2
        reports = [item for item in archive.datasets if item.Modality == "SR"]
        texts = [[str(element.value) for element in item.iterall() if element.VR == "UT"] for item in reports]
        assert ["Named together with series-" in " ".join(sentences) for sentences in texts] == [True, True]
    finally:
        service.kill()
