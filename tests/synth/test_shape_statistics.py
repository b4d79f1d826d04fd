from __future__ import annotations

import importlib
import json
from importlib.resources import files
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from spine_segmentation.anatomy import VERSE_NUMBERS
from spine_segmentation.synth.morphometry import BELOW_S1, LEVEL_SIZES, S1
from spine_segmentation.synth.shape_statistics import at_levels, shape_statistics

ROOT = Path(__file__).parents[2]
DATA = ROOT.parent / "shared"
TABLE: dict[str, Any] = json.loads(files("spine_segmentation.synth").joinpath("shape_statistics.json").read_text())


@pytest.fixture
def measure_shapes(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    return importlib.import_module("measure_shapes")


def _levels(names: list[str]) -> np.ndarray[Any, np.dtype[np.int64]]:
    return np.array([*(VERSE_NUMBERS[name] for name in names), S1, BELOW_S1])


def test_sources_and_licences_are_stated() -> None:
    assert {source["licence"] for source in TABLE["sources"]} == {"CC BY-SA 4.0", "CC BY 4.0"}


def test_correlations_can_be_drawn_from() -> None:
    statistics = shape_statistics()
    for joint in (statistics.relative_spacing, statistics.sagittal, statistics.coronal):
        correlation = joint.factor @ joint.factor.T
        np.testing.assert_allclose(np.diag(correlation), 1, atol=1e-6)
        assert len(joint.mean) == len(joint.sd) == len(statistics.segments) == 23


def test_drawn_values_have_the_stated_mean_spread_and_correlation() -> None:
    joint = shape_statistics().sagittal
    values = np.array([joint.draw(np.random.default_rng(seed)) for seed in range(4000)])
    assert np.abs(values.mean(axis=0) - joint.mean).max() < 1.0
    np.testing.assert_allclose(values.std(axis=0), joint.sd, rtol=0.06)
    np.testing.assert_allclose(np.corrcoef(values.T), joint.factor @ joint.factor.T, atol=0.07)


def test_usual_levels_take_the_rows_of_the_table() -> None:
    names = [segment.split("-")[0] for segment in TABLE["segments"]]
    rows = np.arange(len(names), dtype=np.float64)
    np.testing.assert_array_equal(at_levels(rows, _levels(names)), rows)


@pytest.mark.parametrize(
    ("thoracic", "lumbar", "last_thoracic", "last_lumbar"),
    [(11, 5, 17, 22), (13, 5, 17, 22), (12, 4, 17, 22), (12, 6, 17, 22)],
)
def test_variants_end_where_the_table_does(thoracic: int, lumbar: int, last_thoracic: int, last_lumbar: int) -> None:
    counts = (("C", range(2, 8)), ("T", range(1, thoracic + 1)), ("L", range(1, lumbar + 1)))
    names = [f"{letter}{number}" for letter, numbers in counts for number in numbers]
    rows = at_levels(np.arange(23.0), _levels(names))
    assert len(rows) == len(names)
    assert np.all(np.diff(rows) >= 0)
    assert rows[names.index(f"T{thoracic}")] == last_thoracic
    assert (rows[names.index("L1")], rows[-1]) == (18, last_lumbar)


def test_body_sizes_are_those_of_the_masks() -> None:
    for name, measured in TABLE["bodies_mm"].items():
        assert LEVEL_SIZES[name].height == pytest.approx(measured["rim_height"][0], rel=0.04), name
        assert LEVEL_SIZES[name].depth == pytest.approx(measured["depth"][0], rel=0.04), name


def test_discs_of_the_masks_fit_between_the_bodies() -> None:
    for name, measured in TABLE["discs_mm"].items():
        assert LEVEL_SIZES[name].disc == pytest.approx(measured["mid_height"][0], abs=1.0), name


def test_measurement_recovers_a_known_column(measure_shapes: ModuleType) -> None:
    rng = np.random.default_rng(0)
    size = np.exp(rng.normal(0, 0.06, 400))
    spacing, angle = np.linspace(17, 36, 23), np.deg2rad(rng.normal(10, 5, (400, 1)))
    aside = rng.normal(0, 0.05, (400, 23))
    step = np.stack([aside, np.sin(angle) * np.ones(23), -np.cos(angle) * np.ones(23)], axis=-1)
    steps = step * (size[:, None] * spacing * np.exp(rng.normal(0, 0.03, (400, 23))))[..., None]
    bodies = np.concatenate([np.zeros((400, 1, 3)), np.cumsum(steps, axis=1)], axis=1)
    bodies[:300, :12] = np.nan
    found = measure_shapes.measure_courses(bodies)
    assert found["person_size"]["sd"] == pytest.approx(0.06, rel=0.1)
    np.testing.assert_allclose(found["spacing_mm"]["mean"], spacing, rtol=0.02)
    np.testing.assert_allclose(found["relative_spacing"]["sd"], 0.03, rtol=0.25)
    np.testing.assert_allclose(found["sagittal_degrees"]["mean"], 10, atol=1.5)


def test_outliers_are_left_out(measure_shapes: ModuleType) -> None:
    values = np.append(np.linspace(-1, 1, 99), 50.0)[:, None]
    assert np.flatnonzero(np.isnan(measure_shapes.without_outliers(values)[:, 0])).tolist() == [99]


def test_table_is_what_the_script_measures(measure_shapes: ModuleType) -> None:
    path = DATA / "data" / "vid" / "keypoints.csv"
    if not path.is_file():
        pytest.skip("the keypoints of VID are not here")
    bodies, _ = measure_shapes.read_keypoints(path)
    with np.errstate(all="ignore"):
        found = measure_shapes.measure_courses(bodies)
    assert {name: found[name] for name in ("spacing_mm", "sagittal_degrees")} == {
        name: TABLE[name] for name in ("spacing_mm", "sagittal_degrees")
    }


def test_table_agrees_with_an_independent_one() -> None:
    path = DATA / "tables" / "morphometry.json"
    if not path.is_file():
        pytest.skip("the independent table is not here")
    other = json.loads(path.read_text())["vid_ct_body_center_spacing_mm"]
    for segment, mean in zip(TABLE["segments"], TABLE["spacing_mm"]["mean"], strict=True):
        assert mean == pytest.approx(other[segment]["dist_mean"], abs=0.65), segment
