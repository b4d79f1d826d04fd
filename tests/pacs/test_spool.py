from __future__ import annotations

from pathlib import Path

import pytest

from spine_segmentation.errors import UsageError
from spine_segmentation.pacs.ledger import Ledger
from spine_segmentation.pacs.spool import Spool


def test_no_uid_can_choose_a_path(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool")
    path = spool.store("../../x", "/etc/passwd", b"content")
    assert spool.absolute(path).read_bytes() == b"content"
    assert spool.absolute(path).resolve().is_relative_to(tmp_path / "spool" / "inbox")
    assert "passwd" not in path


def test_only_the_owner_may_look_in(tmp_path: Path) -> None:
    assert Spool(tmp_path / "spool").root.stat().st_mode & 0o077 == 0


def test_only_the_owner_may_read_what_lies_in_an_open_folder(tmp_path: Path) -> None:
    root = tmp_path / "spool"
    root.mkdir()
    root.chmod(0o755)
    (root / "ledger.sqlite").touch(0o644)
    ledger = Ledger(Spool(root).ledger_file)
    assert len([*root.iterdir()]) == 7, "four folders, and the ledger with what SQLite writes beside it"
    assert [path.name for path in root.iterdir() if path.stat().st_mode & 0o077] == []
    ledger.close()


def test_another_content_of_a_uid_takes_another_file(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    first, second = spool.store("1", "2", b"a"), spool.store("1", "2", b"b")
    assert spool.absolute(first).read_bytes() == b"a"
    assert spool.absolute(second).read_bytes() == b"b"


def test_deleting_a_file_cannot_meet_the_same_image_sent_again(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    first, again = spool.store("1", "2", b"a"), spool.store("1", "2", b"a")
    spool.remove([first])
    assert spool.absolute(again).read_bytes() == b"a"


def test_the_sweep_removes_what_the_ledger_does_not_know(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    kept = spool.store("1", "2", b"a")
    lost = spool.store("1", "3", b"a")
    (tmp_path / "incoming" / "part").touch()
    spool.open_work([[kept]])
    assert spool.sweep(frozenset({kept})) == 1
    assert spool.absolute(kept).exists()
    assert not spool.absolute(lost).exists()
    assert not any((tmp_path / "incoming").iterdir())
    assert not any((tmp_path / "work").iterdir())


def test_the_sweep_keeps_the_picture_beside_a_result(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    work = spool.open_work([[]])
    for name in ("segmentation.dcm", "overlay.png"):
        (work / "0" / "output" / name).touch()
    folder = spool.publish(work / "0" / "output", "job-1")
    assert spool.sweep(frozenset({f"{folder}/segmentation.dcm"})) == 0
    assert spool.sweep(frozenset()) == 2


def test_one_service_a_spool(tmp_path: Path) -> None:
    with Spool(tmp_path).exclusive(), pytest.raises(UsageError, match="another service"), Spool(tmp_path).exclusive():
        pass
    with Spool(tmp_path).exclusive():
        pass


def test_nothing_stays_of_a_file_that_could_not_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spool = Spool(tmp_path)
    (tmp_path / "inbox").rmdir()
    with pytest.raises(FileNotFoundError):
        spool.store("1", "2", b"a")
    assert not any((tmp_path / "incoming").iterdir())


def test_no_work_folder_stays_where_an_image_is_missing(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    with pytest.raises(FileNotFoundError):
        spool.open_work([["inbox/missing"]])
    assert not any((tmp_path / "work").iterdir())
