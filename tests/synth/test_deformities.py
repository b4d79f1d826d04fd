from __future__ import annotations

import numpy as np
import pytest

from spine_segmentation.synth.column import Column, draw_column
from spine_segmentation.synth.deformities import FRACTURED, FUSED, HEMIVERTEBRA, Deformities
from spine_segmentation.synth.morphometry import is_cervical, is_presacral


@pytest.fixture(scope="module")
def columns() -> list[Column]:
    return [draw_column(np.random.default_rng(seed)) for seed in range(1500)]


def _share(columns: list[Column], name: str) -> float:
    return float(np.mean([getattr(column, name).any() for column in columns]))


def test_deformities_are_as_frequent_as_stated(columns: list[Column]) -> None:
    fractured = np.mean([(c.wedge > 0).any() or (c.biconcavity > 0).any() for c in columns])
    assert fractured == pytest.approx(FRACTURED, abs=0.03)
    assert _share(columns, "fused_below") == pytest.approx(FUSED, abs=0.015)
    assert _share(columns, "lateral_wedge") == pytest.approx(HEMIVERTEBRA, abs=0.01)


def test_fractures_spare_neck_and_sacrum(columns: list[Column]) -> None:
    for column in columns:
        spared = is_cervical(column.levels) | ~is_presacral(column.levels)
        for name in ("wedge", "biconcavity", "retropulsion", "lateral_wedge"):
            assert not getattr(column, name)[spared].any(), name


def test_a_fractured_body_keeps_some_height_everywhere(columns: list[Column]) -> None:
    for column in columns:
        assert np.all(column.height - column.wedge - np.abs(column.lateral_wedge) > 0.1 * column.height)
        assert np.all(column.height - 2 * column.biconcavity > 0.5 * column.height)


def test_only_burst_fractures_narrow_the_canal(columns: list[Column]) -> None:
    burst = [(column, k) for column in columns for k in np.flatnonzero(column.retropulsion)]
    assert len(burst) > 10
    for column, level in burst:
        assert 2 <= column.retropulsion[level] <= 7
        assert column.height[level] < 0.95 * (column.height[level - 1] + column.height[level + 1]) / 2 or (
            column.wedge[[level - 1, level + 1]].any() or column.biconcavity[[level - 1, level + 1]].any()
        )


def test_fusion_joins_presacral_bodies_only(columns: list[Column]) -> None:
    for column in columns:
        assert not column.fused_below[~is_presacral(column.levels)].any()
        assert column.fused_below.sum() <= 2


def test_a_sound_column_has_no_deformity() -> None:
    sound = Deformities.none(3)
    assert np.all(sound.height == 1)
    assert np.all(sound.disc == 1)
    assert not any(np.any(getattr(sound, name)) for name in ("wedge", "biconcavity", "retropulsion", "fused_below"))
