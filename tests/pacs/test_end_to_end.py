"""dcmtk in, real networks, DICOM-SEG out."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pydicom
import pytest

from spine_segmentation.synth.dicom import write_study
from spine_segmentation.synth.generator import generate_volume
from tests.conftest import SEED
from tests.io.test_dicom_seg import validator_errors
from tests.pacs.lab import Archive, ServiceProcess, free_port, make_config, needs_dcmtk, storescu, wait_for

pytestmark = pytest.mark.pacs

PROGRAM = [
    sys.executable,
    "-c",
    "from spine_segmentation.pacs.commands import app; app()",
    "serve",
]


@pytest.mark.slow
@needs_dcmtk
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
@needs_dcmtk
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
    finally:
        service.kill()
