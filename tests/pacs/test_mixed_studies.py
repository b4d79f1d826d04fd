"""What the worker makes of a request, without a process of its own."""

from __future__ import annotations

from pathlib import Path

from spine_segmentation.io.status import StatusDocument
from spine_segmentation.pacs.config import Results
from spine_segmentation.pacs.protocol import Request, SeriesRequest
from spine_segmentation.pacs.worker_main import answer
from tests.pacs.lab import make_series
from tests.pacs.stand_in_worker import process


def test_images_of_two_studies_in_one_folder_are_refused_and_none_is_chosen(tmp_path: Path) -> None:
    for name, images in (("first", 3), ("second", 5)):
        make_series(tmp_path / "0" / "input" / name, images=images, SeriesInstanceUID="1.2.3")
    (tmp_path / "0" / "output").mkdir()
    series = SeriesRequest(input=tmp_path / "0" / "input", output=tmp_path / "0" / "output")
    request = Request(folder=tmp_path, series=(series,), study_uid="1.2", results=Results(), preview=False)
    assert answer(request, process).objects == ((),)
    status = StatusDocument.model_validate_json((tmp_path / "0" / "output" / "status.json").read_bytes())
    assert status.error is not None
    assert (status.error.type, status.exit_code) == ("MixedStudies", 4)
