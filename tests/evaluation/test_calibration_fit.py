from __future__ import annotations

import runpy
import sys
from pathlib import Path

import numpy as np
import pytest

from spine_segmentation.anatomy import LEVELS
from spine_segmentation.evaluation import calibration_fit
from spine_segmentation.evaluation.calibration_fit import CRITERIA, cross_fit, log_loss
from spine_segmentation.evaluation.label_mapping import synthetic_mapping, write_mapping
from spine_segmentation.evaluation.naming import InstanceName, Naming
from spine_segmentation.evaluation.observation import ObservedWindow, read_observations, write_observations
from spine_segmentation.evaluation.reliability import Reliability
from spine_segmentation.evaluation.window_score import WindowScore
from spine_segmentation.io.nifti import write_nifti
from spine_segmentation.labeling.geometry import WEIGHT
from spine_segmentation.levels import EVIDENCE_WEIGHT
from spine_segmentation.synth.generator import SyntheticScan
from spine_segmentation.synth.truth import write_truth
from tests.evaluation.test_label_report import OBSERVATIONS
from tests.evaluation.test_naming import WINDOW
from tests.evaluation.test_window_score import REQUIRED, naming_of

SCRIPT = Path(__file__).parents[2] / "scripts" / "fit_calibration.py"
TRUE_LEVELS = ("L4", "L4", "L5", "L5", "S1")


def noisy(patient: int, strength: float) -> ObservedWindow:
    """A window whose image is overconfident: a random level has so much more evidence in every instance."""
    random = np.random.default_rng(patient)
    shift = int(random.choice([-1, 0, 0, 0]))
    items = []
    for item, level in zip(WINDOW.instances[REQUIRED[0] :], TRUE_LEVELS, strict=True):
        levels = random.normal(size=len(LEVELS))
        levels[LEVELS.index(level) - abs(shift) * (1 + (level == "S1"))] += strength
        items.append(item.model_copy(update={"levels": tuple(levels.tolist())}))
    structures = tuple(s.model_copy(update={"instance": k}) for k, s in enumerate(WINDOW.structures))
    identity = WINDOW.window.model_copy(update={"patient": f"p{patient}"})
    return WINDOW.model_copy(update={"instances": tuple(items), "structures": structures, "window": identity})


def error(scores: tuple[WindowScore, ...]) -> float:
    found = Reliability.of([s.confidence for s in scores], [s.correct for s in scores]).expected_calibration_error
    return found or 0.0


def test_overconfident_evidence_gets_less_weight(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calibration_fit, "IMAGE_WEIGHTS", (0.1, 1.0))
    monkeypatch.setattr(calibration_fit, "GEOMETRY_WEIGHTS", (0.4,))
    windows = [noisy(patient, strength=16.0) for patient in range(20)]
    steps: list[tuple[int, int]] = []
    result = cross_fit(windows, lambda done, total: steps.append((done, total)))
    assert steps == [(1, 2), (2, 2)]
    assert result.fit.weights.image == 0.1
    assert len(result.folds) == 5 and len(result.before) == 20
    assert error(result.after["sequence"]) < error(result.before)
    assert result.after.keys() == CRITERIA.keys()
    assert [score.window for score in result.after["sequence"]] == [window.window for window in windows]


def test_no_patient_takes_part_in_what_it_is_judged_by(monkeypatch: pytest.MonkeyPatch) -> None:
    """All windows of a patient are left out together."""
    monkeypatch.setattr(calibration_fit, "IMAGE_WEIGHTS", (EVIDENCE_WEIGHT,))
    monkeypatch.setattr(calibration_fit, "GEOMETRY_WEIGHTS", (WEIGHT,))
    right, wrong = noisy(1, 8.0), noisy(2, 8.0)
    patients = [window for window in (right, wrong) for _ in range(3)]
    result = cross_fit(patients)
    assert len(result.folds) == 2
    confidences = {
        window.window.patient: score.confidence for window, score in zip(patients, result.before, strict=True)
    }
    assert {fit.thresholds["sequence"] for fit in result.folds} <= {
        *confidences.values(),
        float(np.nextafter(1.0, 2.0)),
    }
    for score in result.after["sequence"]:
        (other,) = (value for patient, value in confidences.items() if patient != score.window.patient)
        correct = next(s.correct for s in result.before if s.window.patient != score.window.patient)
        assert score.determined == (correct and score.confidence >= other)


@pytest.mark.parametrize(
    ("name", "probability"),
    [(("L4", 0.8, "L3", 0.1), 0.8), (("L3", 0.8, "L4", 0.1), 0.1), (("L2", 0.8, "L3", 0.1), 0.1 / (len(LEVELS) - 2))],
)
def test_the_loss_is_that_of_the_true_name(name: tuple[str, float, str, float], probability: float) -> None:
    window = WINDOW.model_copy(update={"structures": WINDOW.structures[:1]})
    names = list(naming_of(WINDOW).names)
    names[REQUIRED[0] or 0] = InstanceName(*name)
    assert log_loss(window, Naming(tuple(names), 0.7, determined=True)) == pytest.approx(-np.log(probability))


def test_nothing_found_is_no_loss() -> None:
    structures = tuple(structure.model_copy(update={"instance": None}) for structure in WINDOW.structures)
    window = WINDOW.model_copy(update={"structures": structures})
    assert log_loss(window, naming_of(WINDOW)) == 0.0


def test_the_script_fits_kept_evidence_and_folders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lumbar_scan: SyntheticScan
) -> None:
    monkeypatch.setattr(calibration_fit, "IMAGE_WEIGHTS", (1.0,))
    monkeypatch.setattr(calibration_fit, "GEOMETRY_WEIGHTS", (0.8,))
    write_observations(OBSERVATIONS, tmp_path / "kept.json")
    (tmp_path / "scans").mkdir()
    write_nifti(lumbar_scan.image, tmp_path / "scans" / "d_img.nii.gz")
    write_truth(lumbar_scan, tmp_path / "scans" / "d_seg.nii.gz")
    write_mapping(synthetic_mapping(), tmp_path / "scans" / "mapping.yaml")
    sources = [str(tmp_path / "kept.json"), str(tmp_path / "scans")]
    monkeypatch.setattr(sys, "argv", ["fit", str(tmp_path / "out"), *sources, "--max-windows", "2"])
    runpy.run_path(str(SCRIPT), run_name="__main__")
    assert len(read_observations(tmp_path / "out" / "scans.json").windows) == 2
    text = (tmp_path / "out" / "calibration.md").read_text()
    assert "| fitted | 1 | 0.8 | " in text and "| before | all | 4 | 3 | " in text
