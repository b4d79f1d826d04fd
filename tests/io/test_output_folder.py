"""Nothing of an earlier run stays, and nothing incomplete appears."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from spine_segmentation.errors import DiskFull, OutputError, UsageError
from spine_segmentation.io.output_folder import OUTPUT_FILES, fresh_outputs, list_outputs, make_folder, protect_input
from tests.io.unprivileged import unprivileged_in


def names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_folders_are_created_with_their_parents(tmp_path: Path) -> None:
    make_folder(tmp_path / "a" / "b")
    make_folder(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").is_dir()


@pytest.mark.parametrize("path", ["file", "file/below"])
def test_a_file_in_the_way(path: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("kept")
    with pytest.raises(OutputError, match="another output folder"):
        make_folder(tmp_path / path)
    assert (tmp_path / "file").read_text() == "kept"


def test_files_appear_when_the_block_has_succeeded(tmp_path: Path) -> None:
    with fresh_outputs(tmp_path) as staging:
        assert staging.parent == tmp_path
        for name in OUTPUT_FILES:
            (staging / name).write_text(name)
        assert list_outputs(tmp_path) == []
    assert names_in(tmp_path) == set(OUTPUT_FILES)
    assert all((tmp_path / name).read_text() == name for name in OUTPUT_FILES)


def test_nothing_else_is_published(tmp_path: Path) -> None:
    with fresh_outputs(tmp_path) as staging:
        (staging / "result.json").touch()
        (staging / "scratch").touch()
    assert names_in(tmp_path) == {"result.json"}


def test_an_earlier_runs_files_go_at_once_and_others_stay(tmp_path: Path) -> None:
    for name in (*OUTPUT_FILES, "status.json", "notes.txt"):
        (tmp_path / name).write_text("earlier")
    with fresh_outputs(tmp_path) as staging:
        assert names_in(tmp_path) == {"notes.txt", staging.name}
        (staging / "result.json").write_text("new")
    assert names_in(tmp_path) == {"notes.txt", "result.json"}
    assert (tmp_path / "result.json").read_text() == "new"


@pytest.mark.parametrize("error", [ValueError(), SystemExit(143)])
def test_nothing_appears_when_the_block_fails(error: BaseException, tmp_path: Path) -> None:
    (tmp_path / "segmentation.dcm").write_text("earlier")
    with pytest.raises(type(error)), fresh_outputs(tmp_path) as staging:
        (staging / "segmentation.dcm").write_text("half of it")
        raise error
    assert names_in(tmp_path) == set()


@pytest.mark.parametrize("name", [name for name in OUTPUT_FILES if name != "result.json"])
def test_the_result_document_appears_last(name: str, tmp_path: Path) -> None:
    """Whoever sees it finds everything else."""
    with pytest.raises(OutputError), fresh_outputs(tmp_path) as staging:
        for output in OUTPUT_FILES:
            (staging / output).touch()
        (tmp_path / name / "in the way").mkdir(parents=True)
    assert not (tmp_path / "result.json").exists()
    assert not staging.exists()


@pytest.mark.parametrize("name", ["segmentation.dcm", "status.json"])
def test_a_folder_in_the_way_of_a_file(name: str, tmp_path: Path) -> None:
    (tmp_path / name / "kept").mkdir(parents=True)
    with pytest.raises(OutputError), fresh_outputs(tmp_path):
        pytest.fail("the block must not run")
    assert names_in(tmp_path) == {name}


def test_a_folder_without_write_permission(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with unprivileged_in(tmp_path), pytest.raises(OutputError), fresh_outputs(Path()):
        pytest.fail("the block must not run")
    tmp_path.chmod(0o700)


def test_a_full_disk_is_told_from_other_causes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A service tries again when there may be space."""

    def refuse(path: object, mode: int = 0o777) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    monkeypatch.setattr(os, "mkdir", refuse)
    with pytest.raises(DiskFull, match="the disk is full"):
        make_folder(tmp_path / "new")
    with pytest.raises(DiskFull, match="the disk is full"), fresh_outputs(tmp_path):
        pytest.fail("the block must not run")


def test_a_folder_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(OutputError), fresh_outputs(tmp_path / "absent"):
        pytest.fail("the block must not run")


def test_input_and_output_must_be_apart(tmp_path: Path) -> None:
    """Files of an earlier run are removed from the output folder: the input must not be among them."""
    (tmp_path / "series-003").mkdir()
    names = ("labels.nii.gz", "status.json", "series-003/labels.nii.gz")
    for source in (tmp_path, *(tmp_path / name for name in names)):
        with pytest.raises(UsageError, match="where the input is"):
            protect_input(source, tmp_path)
    protect_input(tmp_path, tmp_path / "out")
    for kept in ("image.nii.gz", "series-003/image.nii.gz", "series-003", "study/labels.nii.gz"):
        protect_input(tmp_path / kept, tmp_path)


def test_a_link_to_an_earlier_output_is_that_output(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "image.nii.gz").symlink_to(tmp_path / "out" / "labels.nii.gz")
    with pytest.raises(UsageError, match="where the input is"):
        protect_input(tmp_path / "image.nii.gz", tmp_path / "out")


def test_what_a_killed_run_left_behind_is_removed(tmp_path: Path) -> None:
    (tmp_path / ".incomplete-killed").mkdir()
    with fresh_outputs(tmp_path):
        pass
    assert list(tmp_path.iterdir()) == []


def test_the_folders_of_a_study_appear_and_go_like_files(tmp_path: Path) -> None:
    with fresh_outputs(tmp_path) as staging:
        for name in ("series-001", "series-002"):
            make_folder(staging / name)
            (staging / name / "result.json").touch()
            (staging / name / "status.json").touch()
        assert names_in(tmp_path) == {staging.name}
    assert names_in(tmp_path) == {"series-001", "series-002"}
    assert names_in(tmp_path / "series-001") == {"result.json", "status.json"}
    (tmp_path / "series-002" / "IM0001.dcm").write_text("of somebody else")
    with fresh_outputs(tmp_path) as staging:
        assert names_in(tmp_path) == {staging.name, "series-002"}
    assert names_in(tmp_path / "series-002") == {"IM0001.dcm"}
