from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from spine_segmentation.anatomy import BY_ID, LEVELS, Kind
from spine_segmentation.errors import UnreadableFile, UsageError
from spine_segmentation.evaluation.label_benchmark import (
    VISIBLE,
    Observer,
    observe_folder,
    parse_visible,
    patient_and_contrast,
)
from spine_segmentation.evaluation.label_mapping import synthetic_mapping
from spine_segmentation.evaluation.naming import name_window
from spine_segmentation.evaluation.observation import (
    Observations,
    ObservedWindow,
    WindowIdentity,
    read_observations,
    write_observations,
)
from spine_segmentation.evaluation.window_score import score_window
from spine_segmentation.evaluation.windows import crop_rows, list_windows
from spine_segmentation.io.nifti import write_nifti
from spine_segmentation.pipeline import SpinePipeline
from spine_segmentation.results import Instances, LevelEvidence
from spine_segmentation.study import Look
from spine_segmentation.synth.generator import SyntheticScan
from spine_segmentation.synth.truth import label_map
from spine_segmentation.volume import Volume
from tests.evaluation.columns import column, image_of, knowing

COLUMN = column("T12", "S1")
MAPPING = synthetic_mapping()


def write_scan(folder: Path, name: str, truth: Volume) -> None:
    write_nifti(image_of(truth), folder / f"{name}_img.nii.gz")
    write_nifti(truth, folder / f"{name}_seg.nii.gz")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A patient with two contrasts, and a scan that shows a single vertebra."""
    data = tmp_path_factory.mktemp("scans")
    for name in ("one_T1w", "one_T2w"):
        write_scan(data, name, COLUMN)
    write_scan(data, "two", column("L5", "L5", "straight"))
    return data


def observe(folder: Path, observer: Observer, **options: object) -> Observations:
    return observe_folder(folder, observer, MAPPING, **{"most": 3, "visible": [3, 5], **options})  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def observations(folder: Path) -> Observations:
    return observe(folder, knowing())


def test_windows_are_observed_as_they_are_drawn(observations: Observations) -> None:
    assert [window.window.scan for window in observations.windows] == ["one_T1w"] * 3 + ["one_T2w"] * 3
    assert {window.window.visible for window in observations.windows} == {3, 5}
    assert (observations.most, observations.seed, observations.true_instances) == (3, 0, True)
    for window in observations.windows:
        assert [structure.name for structure in window.structures][::2] == list(window.window.vertebrae)


def test_contrasts_of_a_patient_show_the_same_windows(observations: Observations) -> None:
    places = [(window.window.vertebrae, window.window.rows) for window in observations.windows]
    assert places[:3] == places[3:]
    assert [window.window.contrast for window in observations.windows] == ["T1w"] * 3 + ["T2w"] * 3
    assert {window.window.patient for window in observations.windows} == {"one"}


def test_a_scan_without_a_window_is_told(observations: Observations) -> None:
    assert list(observations.unusable) == ["two"]


def test_networks_that_know_the_truth_are_always_right(observations: Observations) -> None:
    assert len(observations.windows) == 6
    for window in observations.windows:
        score = score_window(window, name_window(window))
        assert score.correct and score.strict and score.offset == 0
        assert score.confidence > 0.99 and score.determined


def test_networks_that_are_one_level_off_are_always_wrong_by_one(folder: Path) -> None:
    windows = observe(folder, knowing(shift=-1)).windows
    assert len(windows) == 6
    for window in windows:
        score = score_window(window, name_window(window))
        assert not score.correct and score.offset == -1
        assert not any(structure.correct for structure in score.structures)


def test_the_orientation_of_the_files_does_not_matter(observations: Observations, tmp_path: Path) -> None:
    turn = np.array([[0, 1, 0, 0], [0, 0, -1, COLUMN.shape[1] - 1], [1, 0, 0, 0], [0, 0, 0, 1.0]])
    array = np.ascontiguousarray(COLUMN.array[:, ::-1].transpose(2, 0, 1))
    write_scan(tmp_path, "one_T1w", Volume(array, COLUMN.affine @ turn))
    expected, found = observations.windows[:3], observe(tmp_path, knowing()).windows
    assert [window.window for window in found] == [window.window for window in expected]
    for ours, theirs in zip(found, expected, strict=True):
        assert [item.levels for item in ours.instances] == [item.levels for item in theirs.instances]


def test_the_networks_see_nothing_outside_the_window(folder: Path) -> None:
    seen: list[tuple[Volume, Volume]] = []

    def look(image: Volume, truth: Volume) -> Look:
        seen.append((image, truth))
        nothing = Instances(image.with_array(np.zeros(image.shape, np.uint16)), ())
        return Look("", nothing, LevelEvidence(np.zeros((0, len(LEVELS))), np.zeros(0)))

    windows = observe(folder, Observer(look, (), true_instances=False)).windows
    for (image, truth), window in zip(seen, windows, strict=True):
        first, end = window.window.rows
        assert image.shape[1] == truth.shape[1] == end - first
        np.testing.assert_array_equal(image.array, COLUMN.array[:, first:end])
    assert all(structure.instance is None for window in windows for structure in window.structures)


def test_a_window_that_fails_is_wrong_and_hides_no_other(folder: Path) -> None:
    def look(image: Volume, truth: Volume) -> Look:
        found = knowing().look(image, truth)
        if len(found.instances.items) > 10:
            raise IndexError("list index\nout of range")
        return found

    windows = observe(folder, Observer(look, (), true_instances=True)).windows
    failed = [window for window in windows if window.error]
    assert 0 < len(failed) < len(windows)
    for window in failed:
        assert window.error == "IndexError: list index out of range"
        score = score_window(window, name_window(window))
        assert not score.correct and score.offset is None and not score.determined


def test_discs_that_a_mask_does_not_label_are_not_required(tmp_path: Path) -> None:
    discs = [identifier for identifier, structure in BY_ID.items() if structure.kind is Kind.IVD]
    write_scan(tmp_path, "one", COLUMN.with_array(np.where(np.isin(COLUMN.array, discs), 0, COLUMN.array)))
    windows = observe(tmp_path, knowing()).windows
    assert len(windows) == 3
    for window in windows:
        assert tuple(structure.name for structure in window.structures) == window.window.vertebrae
        assert score_window(window, name_window(window)).correct


def test_a_mask_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    write_scan(tmp_path, "one", COLUMN)
    write_nifti(COLUMN.with_array(np.full(COLUMN.shape, 250, np.uint8)), tmp_path / "one_seg.nii.gz")
    observations = observe(tmp_path, knowing())
    assert observations.windows == () and observations.unusable["one"].startswith("InvalidVolume")


def test_observations_survive_their_file(observations: Observations, tmp_path: Path) -> None:
    write_observations(observations, tmp_path / "evidence.json")
    assert read_observations(tmp_path / "evidence.json") == observations
    (tmp_path / "evidence.json").write_text("{}")
    for path in (tmp_path / "evidence.json", tmp_path / "absent.json"):
        with pytest.raises(UnreadableFile, match="no observed windows"):
            read_observations(path)


@pytest.mark.parametrize("options", [{"visible": []}, {"visible": [1, 5]}, {"most": 0}])
def test_numbers_that_make_no_sense_are_refused(folder: Path, options: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        observe(folder, knowing(), **options)


def test_numbers_of_vertebrae_are_read() -> None:
    assert parse_visible("") == tuple(range(2, 25)) == tuple(VISIBLE)
    assert parse_visible("5,8, 10") == (5, 8, 10)
    with pytest.raises(UsageError, match="5;8"):
        parse_visible("5;8")


def test_patient_and_contrast_are_told_by_the_name() -> None:
    assert patient_and_contrast("synth_0000_T2w-FS") == ("synth_0000", "T2w-FS")
    assert patient_and_contrast("synth_0000") == ("synth_0000", None)
    assert patient_and_contrast("T1w") == ("T1w", None)


def test_names_are_those_of_the_product(lumbar_scan: SyntheticScan, pipeline: SpinePipeline) -> None:
    """With the networks of the package, end to end."""
    truth = label_map(lumbar_scan)
    window = list_windows(truth, [3])[-1]
    identity = WindowIdentity(
        scan="a", patient="a", contrast=None, vertebrae=window.vertebrae, reaches_sacrum=True,
        rows=window.draw_rows(np.random.default_rng(0)),
    )  # fmt: skip
    observed: ObservedWindow = Observer.load()(lumbar_scan.image, truth, window, identity)
    labeling = pipeline(crop_rows(lumbar_scan.image, identity.rows)).labeling
    assert labeling is not None and observed.instances
    naming = name_window(observed)
    assert naming.confidence == pytest.approx(labeling.confidence, abs=1e-6)
    assert [name.name for name in naming.names if name] == [found.best_name for found in labeling.structures]
