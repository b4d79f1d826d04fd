"""The same structures in several series: what is matched, what is added, and what stays apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spine_segmentation.anatomy import Kind
from spine_segmentation.labeling.matching import CommonColumn, match_series
from spine_segmentation.results import Instance
from tests.phantoms import kinds, structures

NAMES = structures("T10", "S1")
STEP = 16.0


def column(names: Sequence[str], shift: float = 0.0, start: float = 0.0) -> list[Instance]:
    """Instances of a straight column, in patient space where the level says, moved up by a shift."""
    return [
        Instance(k, kind, start + STEP * NAMES.index(name), (0.0, 0.0, shift - STEP * NAMES.index(name)), 1e3, True)
        for k, (name, kind) in enumerate(zip(names, kinds(names), strict=True), start=1)
    ]


def matched(found: CommonColumn, numbers: tuple[int, int], *names: Sequence[str]) -> list[tuple[str, str]]:
    """Names of the structures that two series are said to have in common."""
    one, other = (dict(zip(found.members[number], names[number], strict=True)) for number in numbers)
    return [(one[place], other[place]) for place in one if place in other]


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_what_lies_at_the_same_place_is_one(data: st.DataObject) -> None:
    """Any two windows that overlap, moved by less than half a level, with structures missing in each."""
    windows = []
    for _ in range(2):
        start = data.draw(st.integers(0, 5))
        window = NAMES[start : data.draw(st.integers(start + 8, len(NAMES)))]
        windows.append([name for name in window if name == "L3" or data.draw(st.integers(0, 9))])
    shift = data.draw(st.floats(-0.45 * STEP, 0.45 * STEP))
    if "L3" not in windows[0] or "L3" not in windows[1]:
        return
    (found,) = match_series([column(windows[0]), column(windows[1], shift, start=500.0)])
    common = [name for name in windows[0] if name in windows[1]]
    assert matched(found, (0, 1), *windows) == [(name, name) for name in common]
    assert [item.kind for item in found.items] == kinds([name for name in NAMES if name in {*windows[0], *windows[1]}])
    assert [item.label for item in found.items] == [*range(1, len(found.items) + 1)]
    assert (np.diff([item.position for item in found.items]) >= 0).all()


def test_members_are_in_the_order_of_each_series() -> None:
    upper, lower = structures("T10", "L3"), structures("L2", "S1")
    (found,) = match_series([column(lower), column(upper)])
    assert found.members == {0: tuple(range(8, 17)), 1: tuple(range(11))}
    assert len(found.items) == len(NAMES)


def test_centres_are_those_of_whole_structures() -> None:
    whole, cut = column(["L3"]), column(["L3"], shift=4.0)
    (found,) = match_series([whole, [replace(cut[0], fully_visible=False)]])
    assert found.items[0].centroid == whole[0].centroid
    (found,) = match_series([whole, cut])
    assert found.items[0].centroid == (0.0, 0.0, whole[0].centroid[2] + 2.0)


def test_without_a_structure_in_common_series_stay_apart() -> None:
    columns = match_series([column(structures("T10", "T12")), column(structures("L3", "S1")), column(["T11"])])
    assert [sorted(found.members) for found in columns] == [[1], [0, 2]]


def test_kinds_are_not_mixed() -> None:
    body = column(["L3"])[0]
    assert len(match_series([[body], [replace(body, kind=Kind.IVD)]])) == 2


def test_a_series_upside_down_stays_apart() -> None:
    """No order of the structures would be right for both."""
    items = column(structures("L1", "L4"))
    turned = [replace(item, label=k, position=STEP * k) for k, item in enumerate(reversed(items), start=1)]
    assert len(match_series([items, turned])) == 2


@pytest.mark.parametrize("count", [0, 1])
def test_one_series_or_an_empty_one(count: int) -> None:
    items = column(NAMES)
    columns = match_series([items, *[[]] * count])
    assert columns[0].items == tuple(items)
    assert sum(len(found.members) for found in columns) == 1 + count
