from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from spine_segmentation.anatomy import BY_NAME
from spine_segmentation.errors import OutputError
from spine_segmentation.io import montage
from spine_segmentation.io.montage import PANEL_HEIGHT, _choices, write_montage
from spine_segmentation.results import Candidate, SpineResult
from spine_segmentation.volume import Volume

MakeResult = Callable[..., SpineResult]


def drawn(result: SpineResult, folder: Path) -> np.ndarray:
    write_montage(result, folder / "overlay.png")
    assert [path.name for path in folder.iterdir()] == ["overlay.png"]
    with Image.open(folder / "overlay.png") as picture:
        assert not picture.info
        return np.asarray(picture).astype(int)


def outlined(picture: np.ndarray, name: str) -> np.ndarray:
    """Where the full colour of a structure is: its outline."""
    return np.argwhere((picture == BY_NAME[name].color).all(axis=-1))


@pytest.fixture
def flat() -> Volume:
    """A featureless image, large enough to tell places apart."""
    return Volume.from_axes(np.full((9, 100, 80), 100, np.float32), "LIP", (4.0, 2.0, 1.0))


def test_every_structure_is_outlined_in_its_colour(flat: Volume, make_result: MakeResult, tmp_path: Path) -> None:
    picture = drawn(make_result(flat), tmp_path)
    for name in ("L3", "L3-L4", "L4", "L4-L5", "L5", "L5-S1", "S1"):
        assert len(outlined(picture, name)) > 100


def test_superior_is_on_top(flat: Volume, make_result: MakeResult, tmp_path: Path) -> None:
    picture = drawn(make_result(flat), tmp_path)
    heights = [outlined(picture, name)[:, 0].mean() for name in ("L3", "L4", "L5", "S1")]
    assert heights == sorted(heights)


def test_names_are_no_higher_than_their_vertebrae(
    flat: Volume, make_result: MakeResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: dict[str, int] = {}
    monkeypatch.setattr(montage, "_write", lambda _, place, text, *, size, anchor: sizes.update({text: size}))
    result = make_result(flat)
    assert result.labeling is not None
    labels = result.labeling.labels.array
    l4 = labels == BY_NAME["L4"].id
    last = np.argwhere(l4)[:, 1].max()
    labels[:, : last - 2] *= ~l4[:, : last - 2]
    drawn(result, tmp_path)
    height = 3 * PANEL_HEIGHT / flat.shape[1]
    assert height > sizes["L4"] > height / 2
    assert sizes["L5"] == sizes["L3"] > sizes["L4"]


def test_any_orientation_of_the_array_gives_the_same_picture(
    volume: Volume, make_result: MakeResult, tmp_path: Path
) -> None:
    result = make_result(volume)
    assert result.labeling is not None
    turn = volume.reorientation("SRA")
    turned = replace(
        result,
        image=result.image.reorient(turn),
        semantic=result.semantic.reorient(turn),
        labeling=replace(result.labeling, labels=result.labeling.labels.reorient(turn)),
    )
    assert (drawn(result, tmp_path) == drawn(turned, tmp_path)).all()


def test_anisotropic_pixels_are_shown_in_true_proportion(flat: Volume, make_result: MakeResult, tmp_path: Path) -> None:
    outline = outlined(drawn(make_result(flat), tmp_path), "L4")
    height = np.ptp(outline[:, 0])
    left = outline[outline[:, 1] < outline[:, 1].min() + PANEL_HEIGHT // 4]
    width = np.ptp(left[:, 1])
    assert height / width == pytest.approx((14 * 2.0) / (20 * 1.0), rel=0.05)


def test_undetermined_levels_are_grey_and_said_so(flat: Volume, make_result: MakeResult, tmp_path: Path) -> None:
    determined = drawn(make_result(flat), tmp_path)
    undetermined = drawn(make_result(flat, determined=False), tmp_path)
    bar = slice(0, 44)
    greenish = (determined[bar, :, 1] > determined[bar, :, 0] + 50).any()
    amber = (undetermined[bar, :, 0] > undetermined[bar, :, 2] + 100).any()
    assert greenish
    assert amber
    body = undetermined[60:-60]
    assert (np.ptp(body, axis=-1) == 0).all()


def test_ambiguous_levels_are_listed_in_the_bar(flat: Volume, make_result: MakeResult, tmp_path: Path) -> None:
    result = make_result(flat, determined=False)
    assert result.labeling is not None
    windows = tuple(Candidate(names, 0.48) for names in (("L1", "L1-L2", "L2"), ("L2", "L2-L3", "L3")))
    ambiguous = replace(result, labeling=replace(result.labeling, status="ambiguous", candidates=windows))
    bar = drawn(ambiguous, tmp_path)[:44]
    assert (bar[..., 0] > bar[..., 2] + 100).any()
    assert (bar != drawn(result, tmp_path)[:44]).any()


@pytest.mark.parametrize("slices", [1, 2, 3, 40])
def test_any_number_of_slices(slices: int, make_result: MakeResult, tmp_path: Path) -> None:
    grid = Volume.from_axes(np.random.default_rng(0).normal(size=(slices, 60, 50)), "LIP", (4.0, 1.0, 1.0))
    assert drawn(make_result(grid), tmp_path).shape[0] > PANEL_HEIGHT // 2


def test_semantic_and_empty_results_are_drawn_too(flat: Volume, make_result: MakeResult, tmp_path: Path) -> None:
    result = make_result(flat)
    assert result.labeling is not None
    zeros = flat.with_array(np.zeros(flat.shape, np.uint8))
    empty = replace(result, labeling=replace(result.labeling, labels=zeros, structures=()))
    semantic = drawn(replace(result, labeling=None), tmp_path)
    nothing = drawn(empty, tmp_path)
    assert len(outlined(semantic, "L2"))
    assert (np.ptp(nothing[60:-60], axis=-1) == 0).all()


def test_a_missing_folder_is_an_output_error(flat: Volume, make_result: MakeResult, tmp_path: Path) -> None:
    with pytest.raises(OutputError):
        write_montage(make_result(flat), tmp_path / "absent" / "overlay.png")


@pytest.mark.parametrize(
    ("candidates", "choices"),
    [
        ((("L1", "L1-L2", "L2"), ("L2", "L2-L3", "L3")), ["L1 to L2 (0.40)", "L2 to L3 (0.40)"]),
        ((("L4", "L5", "S1"), ("L4", "L5", "L6", "S1")), ["L4 to S1 (0.40)", "L4 to S1 with L6 (0.40)"]),
        (
            (("T11", "L1", "L5", "S1"), ("T11", "T12", "L1", "S1")),
            ["T11 to S1 with L5 (0.40)", "T11 to S1 with T12 (0.40)"],
        ),
    ],
)
def test_no_two_choices_read_the_same(candidates: tuple[tuple[str, ...], ...], choices: list[str]) -> None:
    assert _choices([Candidate(names, 0.4) for names in candidates]) == choices
