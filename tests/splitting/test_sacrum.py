"""The vertebra above the sacrum is marked, and pieces of S2 are no vertebrae."""

from __future__ import annotations

import numpy as np
import pytest

from spine_segmentation.anatomy import BACKGROUND, SACRUM_BELOW_S1, VERTEBRA
from spine_segmentation.instances import split_instances
from spine_segmentation.splitting.sacrum import REACH_MM
from tests.phantoms import Phantom, build, kinds, structures

PIXEL_MM = 0.9


def marked(phantom: Phantom, *changes: tuple[np.ndarray, int], axes: str = "LIP") -> list[str]:
    semantic = phantom.changed(*changes)
    items = split_instances(semantic.reorient(semantic.reorientation(axes))).items
    assert len(items) == len(phantom.names)
    return [name for name, item in zip(phantom.names, items, strict=True) if item.above_sacrum]


def sacrum_of(phantom: Phantom) -> np.ndarray:
    return phantom.semantic.array == SACRUM_BELOW_S1


@pytest.mark.parametrize("axes", ["LIP", "ARI"])
@pytest.mark.parametrize("course", ["straight", "lordosis", "natural"])
@pytest.mark.parametrize("last", ["S1", "L5"])
def test_the_vertebra_above_the_sacrum_is_marked(last: str, course: str, axes: str) -> None:
    assert marked(build(structures("L1", last), course, sacrum=True), axes=axes) == [last]


def test_none_is_marked_where_the_sacrum_is_not_seen() -> None:
    assert marked(build(structures("L1", "L5"))) == []
    assert marked(build(structures("L1", "L5-S1"), sacrum=True)) == ["L5"]


@pytest.mark.parametrize(("gap", "names"), [(REACH_MM - 3, ["S1"]), (REACH_MM + 3, [])])
def test_the_sacrum_must_begin_right_below(gap: float, names: list[str]) -> None:
    phantom = build(structures("L1", "S1"), sacrum=True)
    rows = np.argwhere(sacrum_of(phantom))[:, 1].min() + np.arange(round(gap / PIXEL_MM))
    upper = np.zeros(phantom.semantic.shape, bool)
    upper[:, rows] = sacrum_of(phantom)[:, rows]
    assert marked(phantom, (upper, BACKGROUND)) == names


def test_the_wings_beside_a_vertebra_do_not_mark_it() -> None:
    phantom = build(structures("L1", "S1"), slices=31)
    body = np.argwhere(phantom.mask("S1"))
    wings = np.zeros(phantom.semantic.shape, bool)
    low, high = body.min(axis=0), body.max(axis=0)
    wings[:, low[1] : high[1], low[2] : high[2]] = True
    assert marked(phantom, (wings & (phantom.truth == 0), SACRUM_BELOW_S1)) == []


@pytest.mark.parametrize(("forward", "names"), [(10, ["S1"]), (30, [])])
def test_the_sacrum_must_lie_in_the_course_of_the_column(forward: int, names: list[str]) -> None:
    phantom = build(structures("L1", "S1"), slices=9)
    body = np.argwhere(phantom.mask("S1"))
    row, column = body[:, 1].max() + 4, int(body[:, 2].mean() - forward / PIXEL_MM)
    piece = np.zeros(phantom.semantic.shape, bool)
    piece[3:6, row : row + 12, column - 4 : column + 5] = True
    assert marked(phantom, (piece, SACRUM_BELOW_S1)) == names


@pytest.mark.parametrize(("half_height", "half_depth", "slices"), [(5, 4, 3), (8, 12, 5), (8, 4, 5)])
def test_a_loose_piece_below_s1_is_left_out(half_height: int, half_depth: int, slices: int) -> None:
    """A crumb that would be joined to S1; one that would make it tall enough to be cut in two; and a narrow one."""
    phantom = build(structures("L1", "S1"), sacrum=True)
    middle, row, column = np.argwhere(sacrum_of(phantom)).mean(axis=0).astype(int)
    piece = np.zeros(phantom.semantic.shape, bool)
    rows, columns = (slice(row - half_height, row + half_height), slice(column - half_depth, column + half_depth))
    piece[middle - slices // 2 : middle + slices // 2 + 1, rows, columns] = True
    instances = split_instances(phantom.changed((piece, VERTEBRA)))
    assert [item.kind for item in instances.items] == kinds(phantom.names)
    assert not instances.labels.array[piece].any()


def test_a_body_below_the_last_disc_found_stays() -> None:
    """The disc between was missed, and the field of view cuts the lower one: it is as wide as any."""
    phantom = build(structures("L1", "L5"))
    last, disc = phantom.mask("L5"), phantom.mask("L4-L5")
    cut = last.copy()
    cut[:, : np.argwhere(last)[:, 1].min() + 8] = False
    items = split_instances(phantom.changed((disc, BACKGROUND), (cut, BACKGROUND))).items
    assert [item.kind for item in items] == kinds([name for name in phantom.names if name != "L4-L5"])
