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
    contents = (slice(None), slice(first[0], last[0] + 1), slice(first[1], last[1] + 1))
    array[contents] = rng.uniform(0, 1000, array[contents].shape)
    return Volume.from_axes(array.astype(np.float32), "LIP", (4.0, 1.0, 1.0))


def window(first: tuple[int, int], last: tuple[int, int]) -> np.ndarray:
    """True in a rectangle of canonical rows and columns."""
    mask = np.zeros(SHAPE[1:], dtype=bool)
    mask[first[0] : last[0] + 1, first[1] : last[1] + 1] = True
    return mask


@pytest.mark.parametrize("axes", ["LIP", "RSA", "PIL"])
@given(st.data())
def test_blank_margins_are_not_shown_in_any_orientation(axes: str, data: st.DataObject) -> None:
    first = data.draw(st.tuples(st.integers(0, 18), st.integers(0, 13)))
    last = data.draw(st.tuples(st.integers(20, 39), st.integers(15, 29)))
    image = padded(first, last, blank=data.draw(st.sampled_from([0.0, -5.0, 1500.0])))
    assert (Shown.by(image.reorient(image.reorientation(axes))).visible == window(first, last)).all()


def test_oblique_margins_are_not_shown() -> None:
    array = np.random.default_rng(0).uniform(1, 1000, SHAPE)
    rows, columns = np.mgrid[: SHAPE[1], : SHAPE[2]]
    hidden = rows < 8 + 0.4 * columns
    array[:, hidden] = 0
    assert (Shown.by(Volume.from_axes(array, "LIP", (4.0, 1.0, 1.0))).visible == ~hidden).mean() > 0.99


def test_dark_places_within_the_image_are_shown() -> None:
    array = np.random.default_rng(0).uniform(1, 1000, SHAPE)
    array[:, 10:20, 5:15] = 0
    assert Shown.by(Volume.from_axes(array, "LIP", (4.0, 1.0, 1.0))).visible.all()


def test_what_one_slice_shows_is_shown() -> None:
    image = padded((5, 4), (30, 25))
    image.array[1, 2:5, 10] = (200, 900, 400)
    visible = Shown.by(image).visible
    assert visible[2:5, 10].all()
    assert not visible[:5, 20].any()


def test_padding_that_was_compressed_with_loss_is_blank() -> None:
    assert (Shown.by(padded((5, 4), (30, 25), noise=4.0)).visible == window((5, 4), (30, 25))).all()


def test_one_bright_voxel_hides_nothing() -> None:
    image = padded((5, 4), (30, 25))
    image.array[1, 15, 15] = 1e6
    assert (Shown.by(image).visible == window((5, 4), (30, 25))).all()


def test_all_of_a_constant_image_is_shown() -> None:
    image = Volume.from_axes(np.ones(SHAPE, np.uint8), "LIP", (4.0, 1.0, 1.0))
    assert Shown.by(image).visible.all() and Shown.whole(image).visible.all()


def test_a_window_holds_its_edges_and_cuts_what_reaches_them() -> None:
    shown = Shown(window((5, 4), (30, 25)))
    assert shown.holds((5, 4)) and shown.holds((30, 25.0))
    assert not shown.holds((4.4, 10)) and not shown.holds((20, 25.6)) and not shown.holds((-3, 50))
    inside = np.array([[6, 5], [29, 24]])
    assert not shown.cuts(inside)
    assert all(shown.cuts(np.append(inside, [place], axis=0)) for place in ([5, 9], [20, 4], [30, 9], [20, 25], [2, 9]))
