from __future__ import annotations

import numpy as np
import pytest
import torch

from spine_segmentation.grid import NEIGHBOUR_MM
from spine_segmentation.synth.field_of_view import FieldOfView
from spine_segmentation.synth.person import draw_person
from spine_segmentation.synth.profiles import ARC_LENGTHS
from spine_segmentation.synth.training_views import TrainingView, draw_training_view

PERSON = draw_person(np.random.default_rng(4))


def _views(*, thin: bool = False) -> list[TrainingView]:
    return [
        draw_training_view(
            np.random.default_rng(seed),
            PERSON.column,
            PERSON.curve,
            (256, 160),
            1.0,
            thin=thin,
            device=torch.device("cpu"),
        )
        for seed in range(400)
    ]


def test_half_of_the_triplets_lie_anywhere_between_the_outermost_slices() -> None:
    midline = float(np.interp(200.0, ARC_LENGTHS, PERSON.curve.lateral))
    middle = np.array([view.grid.lateral[1] - midline for view in _views()])
    assert 0.35 < float((np.abs(middle) > 10).mean()) < 0.7
    assert float((np.abs(middle) > 30).mean()) > 0.12
    assert np.abs(middle).max() < 80


@pytest.mark.parametrize("thin", [False, True])
def test_neighbours_lie_as_far_apart_as_in_inference(thin: bool) -> None:
    for view in _views(thin=thin):
        left, middle, right = view.grid.lateral
        assert middle - left == pytest.approx(right - middle)
        assert 0.6 * NEIGHBOUR_MM < middle - left < 1.6 * NEIGHBOUR_MM
        assert view.thickness <= middle - left + 1e-9
        assert not thin or view.thickness <= 1.2


def test_most_slices_are_nearly_sagittal_and_some_are_not() -> None:
    degrees = np.degrees(np.arctan([view.grid.obliquity for view in _views()]))
    assert 2 < degrees.std() < 6
    assert (np.abs(degrees) > 9).any()


def test_fields_of_view_are_small_and_large_and_anywhere() -> None:
    rows = np.array([view.field_of_view.rows for view in _views()])
    extent = rows[:, 1] - rows[:, 0]
    assert rows.min() >= 0
    assert rows.max() <= 256
    assert extent.min() < 80
    assert 0.05 < float((extent < 140).mean()) < 0.3
    assert float((extent == 256).mean()) > 0.3


def test_channels_are_a_slice_and_its_neighbours() -> None:
    channels = [view.channels for view in _views()]
    assert all(c[1] == 1 and c[0] in (0, 1) and c[2] in (1, 2) for c in channels)
    assert 0.8 < channels.count((0, 1, 2)) / 400 < 0.95


def test_cropping_leaves_nothing_outside() -> None:
    cropped = FieldOfView((1, 3), (2, 4)).crop(torch.ones(2, 5, 6))
    assert cropped.sum() == 2 * 2 * 2
    assert bool((cropped[:, 1:3, 2:4] == 1).all())
