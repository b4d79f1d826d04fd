"""Anatomically possible widths, with known answers."""

from __future__ import annotations

import numpy as np
import pytest

from spine_segmentation.splitting.lateral import WIDTH_PER_DEPTH, within_width

LEFT, POSTERIOR = np.array([1.0, 0.0, 0.0]), np.array([0.0, 1.0, 0.0])


def box(lateral: tuple[float, float], depth: float, spacing: float = 1.0) -> np.ndarray:
    x, y, z = np.arange(*lateral, spacing), np.arange(0, depth, 1.0), np.arange(0, 25, 1.0)
    return np.stack(np.meshgrid(x, y, z, indexing="ij"), axis=-1).reshape(-1, 3)


@pytest.mark.parametrize("spacing", [1.0, 4.0])
def test_a_body_of_usual_width_is_kept_whole(spacing: float) -> None:
    assert within_width(box((-24, 24), 34, spacing), LEFT, POSTERIOR).all()


def test_muscle_taken_for_bone_beside_a_body_is_left_out() -> None:
    body, muscle = box((-24, 24), 34), box((24, 60), 8)
    points = np.concatenate([body, muscle])
    kept = within_width(points, LEFT, POSTERIOR)
    assert kept[: len(body)].mean() > 0.99
    assert points[kept][:, 0].max() <= -24 + WIDTH_PER_DEPTH * 34 + 3


def test_one_slice_and_one_voxel_are_kept() -> None:
    assert within_width(box((0, 1), 34), LEFT, POSTERIOR).all()
    assert within_width(np.zeros((1, 3)), LEFT, POSTERIOR).all()


def test_the_order_of_the_voxels_does_not_matter() -> None:
    points = np.concatenate([box((-24, 24), 34), box((24, 60), 8)])
    order = np.random.default_rng(0).permutation(len(points))
    kept = within_width(points, LEFT, POSTERIOR)
    np.testing.assert_array_equal(within_width(points[order], LEFT, POSTERIOR), kept[order])
