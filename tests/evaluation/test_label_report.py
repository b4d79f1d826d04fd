from __future__ import annotations

import sys
from pathlib import Path

import pytest

from spine_segmentation.evaluation.label_files import EVIDENCE_FILE, JSON_FILE, MARKDOWN_FILE, write_label_benchmark
from spine_segmentation.evaluation.label_plots import PLOTS
from spine_segmentation.evaluation.label_report import LabelReport
from spine_segmentation.evaluation.label_summary import OFFSETS, Calibration, GroupSummary, SystemSummary
from spine_segmentation.evaluation.label_tables import markdown
from spine_segmentation.evaluation.observation import Observations, ObservedWindow, read_observations
from spine_segmentation.evaluation.window_score import WindowScore, score_window
from tests.evaluation.test_naming import WINDOW
from tests.evaluation.test_window_score import naming_of


def window_of(patient: str) -> ObservedWindow:
    identity = WINDOW.window.model_copy(update={"scan": f"{patient}_T1w", "patient": patient, "contrast": "T1w"})
    return WINDOW.model_copy(update={"window": identity})


def score_of(patient: str, shift: int, *, determined: bool = True) -> WindowScore:
    score = score_window(window_of(patient), naming_of(WINDOW, shift))
    return score.model_copy(update={"determined": determined})


SCORES = [score_of("a", 0), score_of("a", -1), score_of("b", 0), score_of("c", 0, determined=False)]
OBSERVATIONS = Observations(
    version="0", synthetic=True, true_instances=True, models=(), most=2, seed=0,
    windows=tuple(window_of(patient) for patient in "ab"), unusable={"c": "no window"},
)  # fmt: skip


@pytest.fixture(scope="module")
def report() -> LabelReport:
    return LabelReport.of(OBSERVATIONS)


def test_windows_are_counted_by_what_they_show() -> None:
    group = GroupSummary.of("all", SCORES)
    assert (group.patients, group.correct.count, group.correct.n) == (3, 3, 4)
    assert (group.strict.count, group.structures.count, group.structures.n) == (3, 15, 20)
    assert (group.determined.count, group.correct_where_determined.count, group.correct_where_determined.n) == (3, 2, 3)
    assert group.offsets == {offset: {"0": 3, "-1": 1}.get(offset, 0) for offset in OFFSETS}


def test_groups_partition_the_windows() -> None:
    system = SystemSummary.of("x", SCORES)
    assert [group.group for group in system.by_visible] == ["3"]
    assert [group.group for group in system.by_region] == ["lumbosacral"]
    assert [group.group for group in system.by_landmarks] == ["L5 or S1"]
    assert [group.group for group in system.by_contrast] == ["T1w"]
    assert [entry.name for entry in system.by_structure] == ["L4", "L5", "S1", "L4-L5", "L5-S1"]
    assert all((entry.correct.count, entry.correct.n) == (3, 4) for entry in system.by_structure)


def test_calibration_is_that_of_sequences_and_of_structures() -> None:
    calibration = Calibration.of(SCORES)
    assert calibration.sequences.expected_calibration_error == pytest.approx(0.05)  # 0.7 against 3 of 4
    assert (calibration.sequences.n, calibration.structures.n) == (4, 20)
    assert calibration.least_vertebrae.expected_calibration_error == pytest.approx(0.25)  # counting is always sure
    assert [(point.n, point.accuracy) for point in calibration.coverage] == [(4, 0.75)]


def test_offsets_beyond_three_are_counted_together() -> None:
    far = score_of("a", 0).model_copy(
        update={"structures": (SCORES[0].structures[0].model_copy(update={"predicted": "T3"}),)}
    )
    assert GroupSummary.of("all", [far]).offsets["-3"] == 1


def test_the_report_compares_with_the_baselines(report: LabelReport) -> None:
    assert report.product.overall.correct.n == 2
    assert [system.name for system in report.baselines] == ["geometry alone", "counting from below"]
    assert report.baselines[1].overall.correct.value == 1.0
    assert LabelReport.model_validate_json(report.model_dump_json()) == report


def test_a_synthetic_table_says_so_and_claims_nothing(report: LabelReport) -> None:
    text = markdown(report)
    assert text.startswith("# Labeling benchmark, synthetic: ")
    assert "claim nothing" in text and "- c: no window" in text
    real = markdown(report.model_copy(update={"synthetic": False}))
    assert "ynthetic" not in real


def test_every_row_of_a_table_has_all_cells(report: LabelReport) -> None:
    for section in markdown(report).split("\n## ")[1:]:
        rows = [line for line in section.splitlines() if line.startswith("|")]
        assert len({row.count("|") for row in rows}) <= 1
    assert "| 3 | 2 | 2 | " in markdown(report)


def test_everything_is_written(tmp_path: Path) -> None:
    files = write_label_benchmark(OBSERVATIONS, tmp_path)
    assert [path.name for path in files] == [EVIDENCE_FILE, JSON_FILE, MARKDOWN_FILE, *PLOTS]
    assert {path.name for path in tmp_path.iterdir()} == {path.name for path in files}
    assert read_observations(tmp_path / EVIDENCE_FILE) == OBSERVATIONS
    for name in PLOTS:
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")


def test_without_matplotlib_there_are_no_figures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    files = write_label_benchmark(OBSERVATIONS, tmp_path)
    assert [path.name for path in files] == [EVIDENCE_FILE, JSON_FILE, MARKDOWN_FILE]
    assert "spine-segmentation[plots]" in caplog.text


def test_a_folder_without_a_window_has_a_report(tmp_path: Path) -> None:
    nothing = OBSERVATIONS.model_copy(update={"windows": ()})
    files = write_label_benchmark(nothing, tmp_path)
    assert [path.name for path in files] == [EVIDENCE_FILE, JSON_FILE, MARKDOWN_FILE]
    assert "- c: no window" in (tmp_path / MARKDOWN_FILE).read_text()
