from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from spine_segmentation.arrays import Floats
from spine_segmentation.synth.contrast import FAMILY_SHARES, Weighting, draw_contrast, draw_weighting
from spine_segmentation.synth.person import draw_person
from spine_segmentation.synth.signals import SIGNALS
from spine_segmentation.synth.tissues import Tissue

COLUMN = draw_person(np.random.default_rng(4)).column
T12, L4 = 19, 23


def _signals(weighting: Weighting) -> Floats:
    """Signals of many examinations, (examinations, tissues)."""
    drawn = [draw_contrast(np.random.default_rng(seed), weighting, COLUMN).signal for seed in range(120)]
    return np.array(drawn)


def _mean(weighting: Weighting, tissue: Tissue) -> float:
    return float(_signals(weighting)[:, tissue].mean())


def test_every_tissue_has_a_signal() -> None:
    assert set(SIGNALS) == set(Tissue)


def test_families_are_drawn_as_often_as_stated() -> None:
    rng = np.random.default_rng(0)
    drawn = [draw_weighting(rng) for _ in range(4000)]
    assert set(FAMILY_SHARES) == set(Weighting)
    for weighting, share in FAMILY_SHARES.items():
        assert drawn.count(weighting) / 4000 == pytest.approx(share, abs=0.03)
    assert sum(FAMILY_SHARES.values()) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("weighting", "brighter", "darker", "ratio"),
    [
        (Weighting.T2W, Tissue.CSF, Tissue.CORD, 1.5),
        (Weighting.T2W, Tissue.NUCLEUS, Tissue.ANNULUS, 2.0),
        (Weighting.T1W, Tissue.MARROW, Tissue.CSF, 2.0),
        (Weighting.T1W, Tissue.FATTY_MARROW, Tissue.EDEMA, 1.5),
        (Weighting.STIR, Tissue.CSF, Tissue.FAT, 5.0),
        (Weighting.STIR, Tissue.EDEMA, Tissue.MARROW, 1.5),
        (Weighting.GRE, Tissue.NUCLEUS, Tissue.MARROW, 1.5),
        (Weighting.WATER, Tissue.MUSCLE, Tissue.FAT, 2.0),
        (Weighting.FAT, Tissue.MARROW, Tissue.MUSCLE, 3.0),
        (Weighting.SPACE, Tissue.CSF, Tissue.MARROW, 2.0),
        (Weighting.T2W_FS, Tissue.CSF, Tissue.FAT, 3.0),
    ],
)
def test_contrasts_are_those_of_the_sequences(
    weighting: Weighting, brighter: Tissue, darker: Tissue, ratio: float
) -> None:
    assert _mean(weighting, brighter) > ratio * _mean(weighting, darker)


def test_marrow_is_darker_than_muscle_in_a_few_persons_only() -> None:
    t1w = _signals(Weighting.T1W)
    dark = float((t1w[:, Tissue.MARROW] < t1w[:, Tissue.MUSCLE]).mean())
    assert 0.03 < dark < 0.35


def test_red_marrow_is_dark_in_t1w_and_bright_in_stir() -> None:
    seeds = range(120)
    t1w, stir = (
        np.array([draw_contrast(np.random.default_rng(s), weighting, COLUMN).signal for s in seeds])
        for weighting in (Weighting.T1W, Weighting.STIR)
    )
    assert np.corrcoef(t1w[:, Tissue.MARROW], stir[:, Tissue.MARROW])[0, 1] < 0.2
    assert t1w[:, Tissue.MARROW].max() > 2 * t1w[:, Tissue.MARROW].min()


def test_fatty_marrow_is_dark_in_water_images_and_bright_in_fat_images() -> None:
    """The more fat, the brighter is marrow in T1w, and the darker where fat is taken away."""
    t1w, water, fat = (_signals(weighting) for weighting in (Weighting.T1W, Weighting.WATER, Weighting.FAT))
    marrow = [signal[:, Tissue.MARROW] / signal[:, Tissue.MUSCLE] for signal in (t1w, water)]
    assert np.corrcoef(np.log(marrow))[0, 1] < -0.3
    assert np.quantile(marrow[1], 0.1) < 0.3
    assert np.median(marrow[1]) < 0.8
    assert np.median(fat[:, Tissue.MARROW] / fat[:, Tissue.FAT]) > 0.3


def test_blood_is_bright_in_some_dixon_images_and_dark_in_spin_echoes() -> None:
    def bright(weighting: Weighting) -> float:
        signals = _signals(weighting)
        return float((signals[:, Tissue.VESSEL] > signals[:, Tissue.MUSCLE]).mean())

    assert 0.3 < bright(Weighting.WATER) < 0.8
    assert bright(Weighting.T1W) < 0.05


def test_narrow_discs_are_dark() -> None:
    index = COLUMN.index(L4)
    narrow = COLUMN.disc_height.copy()
    narrow[index] = 2.0
    seeds = range(40)
    usual, worn = (
        np.mean([draw_contrast(np.random.default_rng(s), Weighting.T2W, column).nucleus[L4] for s in seeds])
        for column in (COLUMN, replace(COLUMN, disc_height=narrow))
    )
    assert worn < 0.7 * usual


def test_fat_is_displaced_only_where_it_is_seen() -> None:
    rng = np.random.default_rng(0)
    for weighting in (Weighting.STIR, Weighting.WATER, Weighting.FAT, Weighting.T2W_FS):
        assert not draw_contrast(rng, weighting, COLUMN).fat.any()
    assert draw_contrast(rng, Weighting.T1W, COLUMN).fat[Tissue.FAT] > 0.8
