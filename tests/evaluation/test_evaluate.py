from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from spine_segmentation.anatomy import BY_ID, VERSE_NUMBERS
from spine_segmentation.errors import NoSpineFound, OutputError, UnreadableFile
from spine_segmentation.evaluation.evaluate import Evaluation, ScanEvaluation, evaluate_folder
from spine_segmentation.evaluation.label_mapping import load_mapping
from spine_segmentation.evaluation.report import JSON_FILE, MARKDOWN_FILE, Report, write_report
from spine_segmentation.evaluation.summary import Statistic, summarise_sets
from spine_segmentation.io.nifti import write_nifti
from spine_segmentation.results import SpineResult
from spine_segmentation.volume import Volume
from tests.evaluation.boxes import bodies, boxes, chosen, empty, result_of, truth_of

COLUMN = bodies("L1", "L5")
GOOD, UNDETERMINED, EMPTY, CRASH, OTHER_GRID = range(1, 6)
"""What the stand-in does with an image of this value."""


def stand_in(volume: Volume) -> SpineResult:
    behaviour = int(volume.array.max())
    if behaviour == EMPTY:
        raise NoSpineFound("neither a vertebra nor a disc", expected="a spine", remedy="try another image")
    if behaviour == CRASH:
        raise IndexError("list index\nout of range")
    result = result_of(COLUMN, undetermined=COLUMN if behaviour == UNDETERMINED else ())
    if behaviour == OTHER_GRID:
        return SpineResult(volume, Volume(np.zeros((2, 2, 2), np.uint8), np.eye(4)), None, (), {})
    return result


def write_scan(folder: Path, name: str, behaviour: int, mask: Volume | None) -> None:
    write_nifti(empty().with_array(np.full(empty().shape, behaviour, np.int16)), folder / f"{name}_img.nii.gz")
    if mask is not None:
        write_nifti(mask, folder / f"{name}_seg.nii.gz")


def verse_mask() -> Volume:
    truth = truth_of(COLUMN)
    for value in np.unique(truth.array[truth.array > 0]):
        truth.array[truth.array == value] = VERSE_NUMBERS[BY_ID[int(value)].name]
    return truth


@pytest.fixture
def evaluation(tmp_path: Path) -> Evaluation:
    write_scan(tmp_path, "one_1", GOOD, verse_mask())
    write_scan(tmp_path, "one_2", UNDETERMINED, verse_mask())
    write_scan(tmp_path, "two_1", EMPTY, verse_mask())
    write_scan(tmp_path, "two_2", CRASH, verse_mask())
    write_scan(tmp_path, "two_3", OTHER_GRID, verse_mask())
    write_scan(tmp_path, "two_4", GOOD, Volume(verse_mask().array, np.diag([1.0, 1.0, 2.0, 1.0]) @ empty().affine))
    write_scan(tmp_path, "two_5", GOOD, verse_mask())
    write_scan(tmp_path, "two_6", GOOD, None)
    return evaluate_folder(tmp_path, stand_in, load_mapping())


def scan(evaluation: Evaluation, name: str) -> ScanEvaluation:
    return next(entry for entry in evaluation.scans if entry.name == name)


def test_every_scan_with_a_mask_is_in_the_evaluation(evaluation: Evaluation) -> None:
    assert [entry.name for entry in evaluation.scans] == ["one_1", "one_2", *(f"two_{k}" for k in range(1, 6))]
    assert evaluation.skipped == ("two_6",)


def test_a_good_scan(evaluation: Evaluation) -> None:
    good = scan(evaluation, "one_1")
    assert good.error is None and good.seconds is not None and good.score is not None
    assert good.set_name == "one"
    assert good.score.complete_strict


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("two_1", "NoSpineFound: neither"),
        ("two_2", "IndexError: list index out of range"),
        ("two_3", "InconsistentGeometry"),
    ],
)
def test_a_failed_scan_counts_as_wrong(evaluation: Evaluation, name: str, message: str) -> None:
    failed = scan(evaluation, name)
    assert failed.error is not None and failed.error.startswith(message)
    assert failed.score is not None and failed.score.vertebrae is not None
    assert failed.score.vertebrae.dice == 0.0
    assert not failed.score.complete


def test_a_pair_that_does_not_fit_is_not_scored(evaluation: Evaluation) -> None:
    unusable = scan(evaluation, "two_4")
    assert unusable.error is not None and unusable.error.startswith("InconsistentGeometry")
    assert unusable.score is None and unusable.seconds is None


def test_progress_is_told_after_each_scan(tmp_path: Path) -> None:
    write_scan(tmp_path, "a_1", GOOD, verse_mask())
    write_scan(tmp_path, "a_2", CRASH, verse_mask())
    told: list[tuple[int, int]] = []
    evaluate_folder(tmp_path, stand_in, load_mapping(), lambda done, total: told.append((done, total)))
    assert told == [(1, 2), (2, 2)]


def test_a_folder_without_pairs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile):
        evaluate_folder(tmp_path, stand_in, load_mapping())


def test_interrupts_are_not_swallowed(tmp_path: Path) -> None:
    def interrupted(_: Volume) -> SpineResult:
        raise KeyboardInterrupt

    write_scan(tmp_path, "a_1", GOOD, verse_mask())
    with pytest.raises(KeyboardInterrupt):
        evaluate_folder(tmp_path, interrupted, load_mapping())


def test_failed_scans_stay_in_the_denominators(evaluation: Evaluation) -> None:
    one, two = summarise_sets(evaluation)
    assert (one.name, one.scans, one.failed, one.complete, one.complete_best_names) == ("one", 2, 0, 1, 2)
    assert one.names.model_dump() == {
        "labelled": 10, "correct": 5, "wrong": 0, "undetermined": 5, "missed": 0, "best_name_correct": 10,
    }  # fmt: skip
    assert (two.scans, two.failed, two.complete, two.complete_strict) == (5, 4, 1, 1)
    assert two.vertebrae.dice.n == 4
    assert two.vertebrae.dice.mean == pytest.approx(0.25)
    assert (two.vertebrae.found, two.vertebrae.labelled, two.vertebrae.equal) == (5, 20, 1)
    assert (two.names.correct, two.names.missed) == (5, 15)
    assert two.discs.dice.mean is None and two.vertebrae.surface_bias_mm.n == 1
    assert two.vertebrae.mid_sagittal.dice.n == 4 and two.vertebrae.lateral.dice.n == 0
    assert (one.counts_right, two.counts_right) == (2, 1)
    assert (two.none_outside, two.false_volume_mm3.n, two.false_volume_mm3.mean) == (1, 1, 0.0)
    assert [entry.name for entry in two.structures] == ["L1", "L2", "L3", "L4", "L5"]
    assert two.structures[0].dice.mean == pytest.approx(0.25)


def test_structures_stand_in_anatomical_order(tmp_path: Path) -> None:
    column = chosen("T12", "T12-L1", "L1", "L1-L2", "L2")
    mask = empty()
    for value, place in zip((19, 119, 20, 120, 21), column.values(), strict=True):
        mask.array[place] = value
    write_scan(tmp_path, "a_1", GOOD, mask)
    (summary,) = summarise_sets(evaluate_folder(tmp_path, stand_in, load_mapping()))
    assert [entry.name for entry in summary.structures] == ["T12", "L1", "L2", "T12-L1", "L1-L2"]


def test_statistics() -> None:
    assert Statistic.of([]).model_dump() == {"n": 0, "mean": None, "sd": None}
    assert Statistic.of([0.5]).model_dump() == {"n": 1, "mean": 0.5, "sd": None}
    assert Statistic.of([1.0, 3.0]).sd == pytest.approx(2**0.5)


def test_the_json_report_holds_everything(evaluation: Evaluation, tmp_path: Path) -> None:
    files = write_report(evaluation, tmp_path)
    assert files == [tmp_path / JSON_FILE, tmp_path / MARKDOWN_FILE]
    report = Report.model_validate(json.loads((tmp_path / JSON_FILE).read_text()))
    assert report.scans == evaluation.scans
    assert report.skipped == ("two_6",)
    assert report.sets == summarise_sets(evaluation)


def test_the_markdown_report_names_every_scan_and_every_failure(evaluation: Evaluation, tmp_path: Path) -> None:
    write_report(evaluation, tmp_path)
    text = (tmp_path / MARKDOWN_FILE).read_text(encoding="utf-8")
    tables = [line for part in ("Sets", "Scans") for line in text.split(f"## {part}\n")[1].split("##")[0].splitlines()]
    rows = {line.split(" | ")[0].removeprefix("| "): line for line in tables}
    assert set(rows) >= {"one", "two", *(entry.name for entry in evaluation.scans)}
    assert rows["one"].startswith(
        "| one | 2 | 0 | 1.000 ± 0.000 | - | - | 50.0 % (1 of 2) | 50.0 % (1 of 2) | 100.0 % (2 of 2) |"
    )
    assert rows["two"].startswith("| two | 5 | 4 | 0.250 ± 0.500 | - | - | 20.0 % (1 of 5) |")
    assert "L1 (undetermined), L2 (undetermined)" in rows["one_2"]
    assert "L5 (missed)" in rows["two_1"] and "not scored" in rows["two_4"]
    failures = text.split("## Failures")[1]
    assert all(f"- two_{k}: " in failures for k in range(1, 5))
    assert failures.endswith("two_6\n")
    for section in ("Sets", "Outlines", "Structures", "Scans"):
        lines = text.split(f"## {section}\n")[1].split("##")[0].splitlines()
        assert len({line.count("|") for line in lines if line}) == 1


def test_the_markdown_report_tells_outlines_by_kind_and_slices(evaluation: Evaluation, tmp_path: Path) -> None:
    write_report(evaluation, tmp_path)
    rows = (tmp_path / MARKDOWN_FILE).read_text(encoding="utf-8").split("## Outlines\n")[1].split("##")[0]
    assert "| one | bodies | all | 2 | 1.000 ± 0.000 | 0.0 ± 0.0 | +0.00 ± 0.00 |" in rows
    assert "| two | bodies | mid-sagittal | 4 | 0.250 ± 0.500 | 0.0 | +0.00 |" in rows
    assert "lateral" not in rows and "discs" not in rows


def test_s1_has_a_figure_of_its_own_where_it_is_labelled(tmp_path: Path) -> None:
    mask = verse_mask()
    write_scan(tmp_path, "a_1", GOOD, mask)
    mask.array[boxes()["S1"]] = VERSE_NUMBERS["S1"]
    write_scan(tmp_path, "a_2", GOOD, mask)
    (summary,) = summarise_sets(evaluate_folder(tmp_path, stand_in, load_mapping()))
    assert (summary.s1_dice.n, summary.s1_dice.mean) == (1, 0.0)


def test_a_report_that_cannot_be_written_leaves_nothing(evaluation: Evaluation, tmp_path: Path) -> None:
    with pytest.raises(OutputError):
        write_report(evaluation, tmp_path / "absent")
    assert not (tmp_path / "absent").exists()
