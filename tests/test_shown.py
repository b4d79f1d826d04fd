"""Which part of a grid an image shows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spine_segmentation.shown import Shown
from spine_segmentation.volume import Volume

SHAPE = (3, 40, 30)


def padded(first: tuple[int, int], last: tuple[int, int], blank: float = 0.0, noise: float = 0.0) -> Volume:
    """An image whose contents fill a window, with blank margins."""
    rng = np.random.default_rng(0)
    array = blank + rng.uniform(0, noise, SHAPE)
    window = (slice(None), slice(first[0], last[0] + 1), slice(first[1], last[1] + 1))
    array[window] = rng.uniform(0, 1000, array[window].shape)
    return Volume.from_axes(array.astype(np.float32), "LIP", (4.0, 1.0, 1.0))


@pytest.mark.parametrize("axes", ["LIP", "RSA", "PIL"])
@given(st.data())
def test_blank_margins_are_not_shown_in_any_orientation(axes: str, data: st.DataObject) -> None:
    first = data.draw(st.tuples(st.integers(0, 18), st.integers(0, 13)))
    last = data.draw(st.tuples(st.integers(20, 39), st.integers(15, 29)))
    image = padded(first, last, blank=data.draw(st.sampled_from([0.0, -5.0, 300.0])))
    assert Shown.by(image.reorient(image.reorientation(axes))) == Shown(first, last)


def test_padding_that_was_compressed_with_loss_is_blank() -> None:
    assert Shown.by(padded((5, 4), (30, 25), noise=4.0)) == Shown((5, 4), (30, 25))


def test_all_of_a_constant_image_is_shown() -> None:
    image = Volume.from_axes(np.ones(SHAPE, np.uint8), "LIP", (4.0, 1.0, 1.0))
    assert Shown.by(image) == Shown.whole(image) == Shown((0, 0), (39, 29))


def test_a_window_holds_its_edges_and_cuts_what_reaches_them() -> None:
    shown = Shown((5, 4), (30, 25))
    assert shown.holds((5, 4)) and shown.holds((30, 25.0))
    assert not shown.holds((4.9, 10)) and not shown.holds((20, 25.1))
    inside = np.array([[6, 5], [29, 24]])
    assert not shown.cuts(inside)
    assert all(shown.cuts(np.append(inside, [place], axis=0)) for place in ([5, 9], [20, 4], [30, 9], [20, 25], [2, 9]))
