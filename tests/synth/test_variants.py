from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from spine_segmentation.synth.column import Column, draw_column
from spine_segmentation.synth.morphometry import L5, S1, is_lumbar, is_thoracic
from spine_segmentation.synth.variants import VARIANTS, draw_variant


@pytest.fixture(scope="module")
def columns() -> list[Column]:
    return [draw_column(np.random.default_rng(seed)) for seed in range(1000)]


@pytest.mark.parametrize("kind", ["drawn", "prevalence"])
def test_shares_add_up(kind: str) -> None:
    assert sum(getattr(variant, kind) for variant in VARIANTS) == pytest.approx(1, abs=0.03)


def test_every_variant_has_a_source() -> None:
    assert all(any(year in variant.source for year in ("2014", "2016", "2018")) for variant in VARIANTS[1:])


def test_variants_are_drawn_as_often_as_stated() -> None:
    rng = np.random.default_rng(0)
    counts = Counter(draw_variant(rng).name for _ in range(5000))
    for variant in VARIANTS:
        assert counts[variant.name] / 5000 == pytest.approx(variant.drawn, abs=0.015), variant.name


def test_enumeration_variants_occur_as_often_as_stated(columns: list[Column]) -> None:
    counts = Counter((int(is_thoracic(c.levels).sum()), int(is_lumbar(c.levels).sum())) for c in columns)
    assert set(counts) == {(12, 5), (11, 5), (13, 5), (12, 6), (12, 4)}
    for variant in VARIANTS[1:5]:
        assert counts[variant.thoracic, variant.lumbar] / 1000 == pytest.approx(variant.drawn, abs=0.02), variant.name


def test_lumbarised_s1_has_a_well_formed_disc_below(columns: list[Column]) -> None:
    lumbarised = [column for column in columns if column.lumbarised]
    assert 0.03 < len(lumbarised) / len(columns) < 0.07
    assert all(column.vertebrae[-2:] == ("L5", "S1") for column in lumbarised)


def test_sacralised_l5_has_wings_and_a_narrow_disc(columns: list[Column]) -> None:
    sacralised = [column for column in columns if column.sacral_wing.any()]
    one_sided = [np.count_nonzero(column.sacral_wing) == 1 for column in sacralised]
    disc = [column.disc_height[column.index(S1) - 1] / column.scale for column in columns]
    narrow = [column.disc_height[column.index(S1) - 1] / column.scale for column in sacralised]
    assert 0.04 < len(sacralised) / len(columns) < 0.08
    assert 0.3 < np.mean(one_sided) < 0.7
    assert np.mean(narrow) < 0.6 * np.mean(disc)
    for column in sacralised:
        assert column.sacral_wing[column.index(L5)].max() >= 0.5
        assert np.count_nonzero(column.sacral_wing.any(axis=1)) == 1
