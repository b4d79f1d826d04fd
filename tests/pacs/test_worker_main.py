"""What the worker process does with one request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pydicom

from spine_segmentation.io.outputs import STATUS_FILE
from spine_segmentation.io.status import StatusDocument
from spine_segmentation.pacs.config import Results
from spine_segmentation.pacs.protocol import Request, SeriesRequest
from spine_segmentation.pacs.worker_main import answer
from spine_segmentation.results import Outcome
from spine_segmentation.volume import Volume
from tests.pacs.lab import make_series, source_of
from tests.pacs.stand_in_worker import UNUSABLE, process


def request(folder: Path, numbers: Sequence[int], commands: Mapping[int, int], **header: object) -> Request:
    """Series of one study and patient space, by their series numbers, some of which command the stand-in."""
    series = []
    for index, number in enumerate(numbers):
        source, output = folder / str(index) / "input", folder / str(index) / "output"
        output.mkdir(parents=True)
        uids = {"StudyInstanceUID": "1.2", "FrameOfReferenceUID": "1.3", "SeriesInstanceUID": f"1.4.{index + 1}"}
        make_series(source, command=commands.get(index, 500), SeriesNumber=number, **uids, **header)
        series.append(SeriesRequest(input=source, output=output))
    return Request(folder=folder, series=tuple(series), study_uid="1.2", results=Results(), preview=False)


def test_series_are_named_to_one_another_by_their_numbers(tmp_path: Path) -> None:
    """So that remarks mean something to the reader of a report; two of one number are told apart."""
    seen: list[str] = []

    def note(groups: Sequence[Mapping[str, Volume]]) -> dict[str, Outcome]:
        seen.extend(name for group in groups for name in group)
        return process(groups)

    answer(request(tmp_path, (7, 3, 5, 5), {}), note)
    assert seen[:2] == ["series-007", "series-003"]
    assert len(set(seen)) == 4
    assert not {"series-005", "0", "1"} & set(seen)


def test_each_series_gets_its_own_results(tmp_path: Path) -> None:
    wanted = request(tmp_path, (7, 3, 5), {1: UNUSABLE})
    objects = answer(wanted, process).objects
    assert [len(names) for names in objects] == [2, 0, 2]
    for number, (series, names) in enumerate(zip(wanted.series, objects, strict=True)):
        assert series.output is not None
        status = StatusDocument.model_validate_json((series.output / STATUS_FILE).read_bytes())
        assert status.state == ("succeeded" if names else "failed")
        made_of = {source_of(pydicom.dcmread(series.output / name)) for name in names}
        assert made_of == ({f"1.4.{number + 1}"} if names else set())


def test_derived_images_stand_in_for_nothing(tmp_path: Path) -> None:
    """Originals of the study may be still to come, and the result would stay where it was sent."""
    wanted = request(tmp_path, (7,), {}, ImageType=["DERIVED", "PRIMARY", "DIXON", "WATER"])
    assert answer(wanted, process).objects == ((),)
