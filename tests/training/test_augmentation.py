from __future__ import annotations

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from spine_segmentation.training.augmentation import cut_end

ROWS, COLUMNS, PIXEL_SIZE = 120, 32, 1.5


def column(first: int, last: int) -> tuple[torch.Tensor, torch.Tensor]:
    target = torch.zeros(ROWS, COLUMNS, dtype=torch.uint8)
    target[first : last + 1, 10:20] = 24
    return torch.ones(3, ROWS, COLUMNS), target


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(0, 40), st.integers(60, 119))
def test_one_end_is_blank_and_most_of_the_column_is_left(seed: int, first: int, last: int) -> None:
    image, target = cut_end(*column(first, last), PIXEL_SIZE, np.random.default_rng(seed))
    visible = torch.nonzero(image[0, :, 0])[:, 0]
    rows = torch.nonzero(target.any(1))[:, 0]
    assert visible[0] == 0 or visible[-1] == ROWS - 1
    assert torch.equal(image.bool().any(0), image.bool().all(0)), "all slices are cut alike"
    assert len(rows) >= 0.4 * (last - first)
    assert rows[0] == max(first, int(visible[0])) and rows[-1] == min(last, int(visible[-1]))


def test_lower_ends_are_cut_more_often_and_both_are() -> None:
    random = np.random.default_rng(0)
    lower = [bool(cut_end(*column(20, 100), PIXEL_SIZE, random)[0][0, 0, 0] > 0) for _ in range(200)]
    assert 110 < sum(lower) < 170


def test_where_nothing_is_labelled_nothing_is_cut() -> None:
    image, _ = column(20, 100)
    target = torch.zeros(ROWS, COLUMNS, dtype=torch.uint8)
    assert torch.equal(cut_end(image, target, PIXEL_SIZE, np.random.default_rng(0))[0], image)
