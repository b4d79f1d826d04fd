from __future__ import annotations

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from spine_segmentation.training.augmentation import cut_column, recolour

ROWS, COLUMNS, PIXEL_SIZE = 120, 32, 1.5


def column(first: int, last: int) -> tuple[torch.Tensor, torch.Tensor]:
    target = torch.zeros(ROWS, COLUMNS, dtype=torch.uint8)
    target[first : last + 1, 10:20] = 24
    return torch.ones(3, ROWS, COLUMNS), target


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(0, 40), st.integers(60, 119))
def test_an_end_is_blank_and_two_bodies_at_least_are_left(seed: int, first: int, last: int) -> None:
    image, target = cut_column(*column(first, last), PIXEL_SIZE, np.random.default_rng(seed))
    visible = torch.nonzero(image[0, :, 0])[:, 0]
    rows = torch.nonzero(target.any(1))[:, 0]
    assert len(visible) == visible[-1] - visible[0] + 1
    assert torch.equal(image.bool().any(0), image.bool().all(0)), "all slices are cut alike"
    assert len(rows) >= min(0.4 * (last - first), 80 / PIXEL_SIZE) - 1
    assert rows[0] == max(first, int(visible[0])) and rows[-1] == min(last, int(visible[-1]))


def test_lower_ends_are_cut_more_often_and_half_of_the_scans_end_on_both_sides() -> None:
    random = np.random.default_rng(0)
    ends = [cut_column(*column(20, 100), PIXEL_SIZE, random)[0][0, [0, -1], 0] > 0 for _ in range(300)]
    above, below = torch.stack(ends).T
    assert 120 < (~above & ~below).sum() < 180
    assert 80 < (above & ~below).sum() < 130
    assert 25 < (~above & below).sum() < 75


def test_where_nothing_is_labelled_nothing_is_cut() -> None:
    image, _ = column(20, 100)
    target = torch.zeros(ROWS, COLUMNS, dtype=torch.uint8)
    assert torch.equal(cut_column(image, target, PIXEL_SIZE, np.random.default_rng(0))[0], image)


def test_recolouring_leaves_what_is_out_of_view_blank() -> None:
    image = torch.rand(3, 40, 30) + 0.1
    image[:, :10] = 0
    regions = torch.zeros(3, 40, 30, dtype=torch.uint8)
    regions[:, 20:30] = 1
    for seed in range(20):
        assert not recolour(image, regions, np.random.default_rng(seed))[:, :10].any()
