from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spine_segmentation.arrays import Mask
from spine_segmentation.evaluation.surface import SurfaceDistances, SurfaceScore
from spine_segmentation.volume import Volume

GRID = Volume.from_axes(np.zeros((6, 7, 60), np.uint8), "LPS", (4.0, 2.0, 0.5))

NOTHING = np.zeros(GRID.shape, bool)


def surface_score(predicted: Mask, wanted: Mask, unknown: Mask, grid: Volume) -> SurfaceScore | None:
    distances = SurfaceDistances.of(predicted, wanted, unknown, grid)
    return distances.score(np.ones(grid.shape, bool)) if distances else None


def slab(start: int, stop: int) -> Mask:
    """A plate across the whole image: its only surfaces are two planes."""
    mask = np.zeros(GRID.shape, bool)
    mask[:, :, start:stop] = True
    return mask


@given(st.integers(-8, 8))
def test_planes_moved_outwards_are_too_large_by_that_many_millimetres(steps: int) -> None:
    score = surface_score(slab(20 - steps, 40 + steps), slab(20, 40), NOTHING, GRID)
    assert score is not None
    assert score.bias_mm == pytest.approx(0.5 * steps)
    assert score.distance_95_mm == pytest.approx(0.5 * abs(steps))


def test_a_shift_has_no_bias() -> None:
    score = surface_score(slab(22, 42), slab(20, 40), NOTHING, GRID)
    assert score is not None
    assert score.bias_mm == pytest.approx(0.0)
    assert score.distance_95_mm == pytest.approx(1.0)


def test_the_affine_and_not_the_axis_gives_the_distance() -> None:
    skewed = Volume(GRID.array, np.diag([1.0, 1.0, 3.0, 1.0]) @ GRID.affine)
    score = surface_score(slab(18, 42), slab(20, 40), NOTHING, skewed)
    assert score is not None and score.bias_mm == pytest.approx(3.0)


def test_faces_count_by_their_area() -> None:
    """A block that is 1 mm too long along the third axis: two of its sides are right."""
    wanted, predicted = NOTHING.copy(), NOTHING.copy()
    wanted[:, :3, :40], predicted[:, :3, :42] = True, True
    score = surface_score(predicted, wanted, NOTHING, GRID)
    assert score is not None
    ends, sides = 2 * (6 * 4.0) * (3 * 2.0), (6 * 4.0) * (20.0 + 21.0)
    strip = (6 * 4.0) * 0.5 * (0.5 + 1.0)
    assert score.bias_mm == pytest.approx((1.0 * ends + strip) / (ends + sides))


def test_unknown_voxels_have_no_surface() -> None:
    score = surface_score(slab(20, 44), slab(20, 40), slab(38, 50), GRID)
    assert score is not None
    assert score.bias_mm == score.distance_95_mm == 0.0


def test_nothing_has_no_surface() -> None:
    assert surface_score(NOTHING, slab(20, 40), NOTHING, GRID) is None
    assert surface_score(slab(20, 40), NOTHING, NOTHING, GRID) is None
    assert surface_score(slab(20, 40), slab(20, 40), slab(0, 60), GRID) is None


def test_a_part_of_the_image_has_a_score_of_its_own() -> None:
    """The upper plane is 1 mm too high, the lower one 2 mm too low."""
    distances = SurfaceDistances.of(slab(16, 42), slab(20, 40), NOTHING, GRID)
    assert distances is not None
    for part, bias in ((slab(30, 60), 1.0), (slab(0, 30), 2.0), (slab(0, 60), 1.5)):
        score = distances.score(part)
        assert score is not None and score.bias_mm == pytest.approx(bias)
    assert distances.score(slab(45, 60)) is None


def test_the_nearest_face_may_lie_outside_the_part() -> None:
    distances = SurfaceDistances.of(slab(20, 44), slab(20, 40), NOTHING, GRID)
    assert distances is not None
    score = distances.score(slab(42, 60))
    assert score is not None and score.distance_95_mm == pytest.approx(2.0)
