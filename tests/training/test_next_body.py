"""What lies right beyond a disc, inwards of its rims, is the next body."""

from __future__ import annotations

import numpy as np
import pytest

from spine_segmentation.splitting.cutting import Plane
from spine_segmentation.training.next_body import FARTHEST_MM, LIP_MM, NEAREST_MM, RIM_MM, is_in_next_body

HALF_DEPTH, HALF_THICKNESS = 17.0, 5.0


def slab(tilt: float, *, lip: float = 0.0) -> tuple[np.ndarray, Plane, np.ndarray]:
    """A disc with its posterior edge the higher one by a tilt (radian), its plane, and posterior along it.

    Its anterior quarter reaches down further by the lip (mm).
    """
    normal = np.array([0.0, np.sin(tilt), -np.cos(tilt)])
    posterior = np.array([0.0, np.cos(tilt), np.sin(tilt)])
    x, a, s = np.meshgrid(np.arange(-9, 10, 3.0), np.arange(-17, 17.5, 0.7), np.arange(-5, 15, 0.5), indexing="ij")
    inside = s <= HALF_THICKNESS + lip * (a < -HALF_DEPTH / 2)
    points = x[inside][:, None] * [1.0, 0, 0] + a[inside][:, None] * posterior + s[inside][:, None] * normal
    return points, Plane(np.zeros(3), normal), posterior


def found(distance: float, aside: float, tilt: float, lip: float = 0.0) -> bool:
    """Whether a point so far below the disc's surface, and so far to posterior, is in the next body."""
    disc, plane, posterior = slab(tilt, lip=lip)
    point = (HALF_THICKNESS + distance) * plane.normal + aside * posterior
    return bool(is_in_next_body(point[None], disc, plane)[0])


@pytest.mark.parametrize("tilt", [0.0, 0.7, -0.4])
def test_right_below_the_disc_lies_the_body(tilt: float) -> None:
    inner = HALF_DEPTH - RIM_MM - 2
    for aside in (-inner, 0.0, inner):
        assert found((NEAREST_MM + FARTHEST_MM) / 2, aside, tilt)


@pytest.mark.parametrize("tilt", [0.0, 0.7])
def test_nothing_is_known_at_the_surface_further_away_or_beside(tilt: float) -> None:
    assert not found(NEAREST_MM - 1, 0.0, tilt)
    assert not found(FARTHEST_MM + 1, 0.0, tilt)
    assert not found(-3 * HALF_THICKNESS, 0.0, tilt)
    for aside in (-HALF_DEPTH, HALF_DEPTH, -40.0, 40.0):
        assert not found((NEAREST_MM + FARTHEST_MM) / 2, aside, tilt)


def test_nothing_is_known_below_a_lip_that_hangs_over_the_rim() -> None:
    lip, aside = LIP_MM + 2, -HALF_DEPTH / 2 - 2
    distance = lip + (NEAREST_MM + FARTHEST_MM) / 2
    assert not found(distance, aside, 0.3, lip)
    assert found((NEAREST_MM + FARTHEST_MM) / 2, 2.0, 0.3, lip)
    assert found((NEAREST_MM + FARTHEST_MM) / 2, aside, 0.3)


def test_a_disc_too_short_to_have_a_middle_tells_nothing() -> None:
    _, plane, _ = slab(0.0)
    assert not is_in_next_body(np.array([[0.0, 0, -6]]), np.zeros((1, 3)), plane).any()
