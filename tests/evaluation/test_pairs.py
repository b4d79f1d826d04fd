from __future__ import annotations

from pathlib import Path

import pytest

from spine_segmentation.errors import UnreadableFile
from spine_segmentation.evaluation.pairs import annotated_pairs, images_without_mask, scan_name


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("b_2_img", "b_2_seg", "a_1_img", "a_1_seg", "c_3_img", "d_4_seg"):
        (tmp_path / f"{name}.nii.gz").touch()
    return tmp_path


def test_pairs_are_sorted_and_complete(folder: Path) -> None:
    assert [(i.name, m.name) for i, m in annotated_pairs(folder)] == [
        ("a_1_img.nii.gz", "a_1_seg.nii.gz"),
        ("b_2_img.nii.gz", "b_2_seg.nii.gz"),
    ]
    assert [scan_name(image) for image in images_without_mask(folder)] == ["c_3"]


@pytest.mark.parametrize("name", ["nothing", "absent"])
def test_a_folder_without_pairs_is_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / "nothing").mkdir()
    with pytest.raises(UnreadableFile, match="no pair"):
        annotated_pairs(tmp_path / name)
