"""dcmtk in, real networks, DICOM-SEG out."""

from __future__ import annotations

import sys
from pathlib import Path

import pydicom
import pytest

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
