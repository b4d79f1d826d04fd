from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from spine_segmentation.errors import MissingSlice, NoDicomFound, UnreadableFile
from spine_segmentation.io.status import StatusDocument, write_status


def test_success_lists_the_outputs(tmp_path: Path) -> None:
    write_status(tmp_path / "status.json", "succeeded", 0, outputs=[tmp_path / "segmentation.dcm"])
    status = json.loads((tmp_path / "status.json").read_text())
    assert (status["state"], status["exit_code"], status["error"]) == ("succeeded", 0, None)
    assert status["outputs"] == ["segmentation.dcm"]
    jsonschema.validate(status, StatusDocument.model_json_schema())


def test_failure_says_why(tmp_path: Path) -> None:
    error = MissingSlice("a gap of 8 mm", expected="even distances", remedy="send the missing images")
    write_status(tmp_path / "status.json", "failed", error.exit_code, error=error)
    status = json.loads((tmp_path / "status.json").read_text())
    assert status["exit_code"] == 4
    assert status["error"] == {"type": "MissingSlice", "message": str(error)}


def test_messages_of_foreign_errors_stay_out(tmp_path: Path) -> None:
    write_status(tmp_path / "status.json", "failed", 70, error=ValueError("Muster^Erika is not a number"))
    text = (tmp_path / "status.json").read_text()
    assert "ValueError" in text
    assert "Muster" not in text


@pytest.mark.parametrize("kind", [UnreadableFile, NoDicomFound])
def test_paths_stay_out(tmp_path: Path, kind: type[UnreadableFile]) -> None:
    error = kind("/data/Muster Erika/1.2.840.1.5 is cut off", expected="a complete file", remedy="copy it again")
    write_status(tmp_path / "status.json", "failed", 4, error=error)
    entry = json.loads((tmp_path / "status.json").read_text())["error"]
    assert entry == {"type": kind.__name__, "message": "Expected: a complete file. What to do: copy it again."}
