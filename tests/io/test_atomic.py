from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest

from spine_segmentation.errors import DiskFull, OutputError
from spine_segmentation.io.atomic import atomic_path
from tests.io.full_disk import files_of_at_most
from tests.io.unprivileged import unprivileged_in


def test_the_file_appears_when_the_block_has_succeeded(tmp_path: Path) -> None:
    target = tmp_path / "labels.nii.gz"
    with atomic_path(target) as temporary:
        assert temporary.parent == tmp_path
        assert temporary.name.endswith("labels.nii.gz")
        temporary.write_bytes(b"complete")
        assert not target.exists()
    assert target.read_bytes() == b"complete"
    assert list(tmp_path.iterdir()) == [target]


def test_a_failed_block_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    target = tmp_path / "result.json"
    target.write_text("old")

    def fail_half_way() -> None:
        with atomic_path(target) as temporary:
            temporary.write_text("half")
            raise KeyError

    with pytest.raises(KeyError):
        fail_half_way()
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_the_usual_permissions_are_given(tmp_path: Path) -> None:
    (tmp_path / "usual").touch()
    with atomic_path(tmp_path / "atomic") as temporary:
        temporary.touch()
    usual, atomic = (stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("usual", "atomic"))
    assert atomic == usual


@pytest.mark.parametrize(
    ("parent", "message"), [("absent", "the folder does not exist"), ("file", "its parent is not a folder")]
)
def test_an_impossible_folder_is_named(parent: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match=message), atomic_path(tmp_path / parent / "out.json") as temporary:
        temporary.write_text("text")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_folder_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "out.json").mkdir()
    with pytest.raises(OutputError, match="in the way"), atomic_path(tmp_path / "out.json") as temporary:
        temporary.write_text("text")
    assert [path.name for path in tmp_path.iterdir()] == ["out.json"]


def test_an_unwritable_folder_is_named(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with (
        unprivileged_in(tmp_path),
        pytest.raises(OutputError, match="permission is denied"),
        atomic_path(Path("out.json")) as temporary,
    ):
        temporary.write_text("text")
    tmp_path.chmod(0o700)
    assert list(tmp_path.iterdir()) == []


def test_a_write_that_the_system_stops_half_way_leaves_nothing(tmp_path: Path) -> None:
    refused = pytest.raises(OutputError, match="larger than this system allows")
    with files_of_at_most(4096), refused, atomic_path(tmp_path / "a") as temporary:
        temporary.write_bytes(bytes(10_000))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("number", "message"),
    [(errno.ENOSPC, "the disk is full"), (errno.EROFS, "read-only"), (errno.EACCES, "permission"), (errno.EIO, "rror")],
)
def test_the_cause_is_named(number: int, message: str, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=message), atomic_path(tmp_path / "out.json") as temporary:
        temporary.write_text("half")
        raise OSError(number, os.strerror(number))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("number", "kind"), [(errno.ENOSPC, DiskFull), (errno.EDQUOT, DiskFull), (errno.EROFS, OutputError)]
)
def test_a_full_disk_is_an_error_of_its_own(number: int, kind: type[OutputError], tmp_path: Path) -> None:
    with pytest.raises(OutputError) as raised, atomic_path(tmp_path / "out.json"):
        raise OSError(number, os.strerror(number))
    assert raised.type is kind
