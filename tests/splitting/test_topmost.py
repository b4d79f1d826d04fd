"""The topmost body is trimmed only where it can be C2."""

from __future__ import annotations

import numpy as np
import pytest

from spine_segmentation.instances import split_instances
from tests.phantoms import Phantom, build, kinds, structures


def volume_of(phantom: Phantom, name: str) -> float:
    return float(phantom.mask(name).sum() * phantom.semantic.voxel_volume)


@pytest.mark.parametrize(("first", "partial", "last"), [("L5", "S1", "S1"), ("L1", "L2", "L4"), ("T8", "T9", "T12")])
@pytest.mark.parametrize("seen", [slice(0, 10), slice(8, 11)])
def test_a_body_above_one_found_in_part_keeps_its_width(first: str, partial: str, last: str, seen: slice) -> None:
    phantom = build(structures(first, last), slices=19)
    gone = phantom.mask(partial)
    gone[seen] = False
    instances = split_instances(phantom.changed((gone, 0)))
    assert [item.kind for item in instances.items] == kinds(phantom.names)
    assert instances.items[0].volume == pytest.approx(volume_of(phantom, first), rel=0.01)


def test_c2_above_a_c3_found_in_part_keeps_its_width() -> None:
    phantom = build(structures("C2", "C6"), spacing=(1.5, 0.7, 0.7))
    gone = phantom.mask("C3")
    gone[: int(np.argwhere(gone)[:, 0].mean())] = False
    instances = split_instances(phantom.changed((gone, 0)))
    assert [item.kind for item in instances.items] == kinds(phantom.names)
    assert instances.items[0].volume == pytest.approx(volume_of(phantom, "C2"), rel=0.01)
