"""What belongs to the spine across the voids that implants leave."""

from __future__ import annotations

import numpy as np
import pytest

from spine_segmentation.anatomy import VERTEBRA
from spine_segmentation.instances import split_instances
from spine_segmentation.splitting.foreground import find_spine
from tests.phantoms import Phantom, build, kinds, structures


def between(phantom: Phantom, first: str, last: str) -> np.ndarray:
    """Mask of all structures from the first to the last."""
    return (phantom.truth >= phantom.number(first)) & (phantom.truth <= phantom.number(last))


@pytest.mark.parametrize("course", ["lordosis", "natural", "scoliosis"])
@pytest.mark.parametrize(
    ("top", "first", "last"),
    [("T8", "L3", "L4"), ("T8", "L1-L2", "L4-L5"), ("T12", "L3", "L5"), ("C2", "L1", "L3"), ("C2", "C4", "C7")],
)
def test_the_column_beyond_a_void_is_kept(course: str, top: str, first: str, last: str) -> None:
    phantom = build(structures(top, "S1"), course, sacrum=True)
    void = between(phantom, first, last)
    instances = split_instances(phantom.changed((void, 0)))
    left = [name for name in phantom.names if not void[phantom.mask(name)].all()]
    assert [item.kind for item in instances.items] == kinds(left)
    for item, name in zip(instances.items, left, strict=True):
        assert (instances.labels.array == item.label)[phantom.mask(name)].mean() > 0.99


@pytest.mark.parametrize("course", ["lordosis", "kyphosis", "natural", "scoliosis"])
def test_the_course_across_a_void_has_the_right_length(course: str) -> None:
    phantom = build(structures("C2", "S1"), course)
    whole, cut = find_spine(phantom.semantic), find_spine(phantom.changed((between(phantom, "L1", "L3"), 0)))
    assert whole is not None
    assert cut is not None
    assert cut[1].length == pytest.approx(whole[1].length, abs=4.0)


@pytest.mark.parametrize(("first", "last"), [("L2", "L5-S1"), ("T10", "L5")])
def test_beyond_a_void_neither_a_lone_body_nor_what_is_too_far_is_kept(first: str, last: str) -> None:
    phantom = build(structures("T4", "S1"), "lordosis", sacrum=True)
    instances = split_instances(phantom.changed((between(phantom, first, last), 0)))
    above = list(phantom.names[: phantom.names.index(first)])
    assert [item.kind for item in instances.items] == kinds(above)


def test_a_column_beside_the_course_is_not_kept() -> None:
    phantom = build(structures("T8", "S1"), margin=30)
    aside = np.roll(between(phantom, "L4", "S1"), 28, axis=0) & (phantom.truth == 0)
    semantic = phantom.changed((between(phantom, "L2", "S1"), 0))
    moved = np.where(aside, np.roll(phantom.semantic.array, 28, axis=0), semantic.array)
    assert aside.any()
    instances = split_instances(semantic.with_array(moved))
    assert [item.kind for item in instances.items] == kinds(phantom.names[: phantom.names.index("L2")])
    assert not instances.labels.array[aside].any()


def test_crumbs_beyond_a_void_are_no_column() -> None:
    phantom = build(structures("T8", "S1"))
    semantic = phantom.changed((between(phantom, "L2", "S1"), 0))
    middle = np.argwhere(phantom.mask("L5")).mean(axis=0).astype(int)
    for row in range(-15, 16, 10):
        first, last = middle + np.array([0, row, 0]), middle + np.array([1, row + 6, 6])
        semantic.array[tuple(slice(a, b) for a, b in zip(first, last, strict=True))] = VERTEBRA
    instances = split_instances(semantic)
    assert [item.kind for item in instances.items] == kinds(phantom.names[: phantom.names.index("L2")])
