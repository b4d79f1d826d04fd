"""Planes through discs, and waists."""

from __future__ import annotations

import numpy as np
import pytest

from spine_segmentation.splitting.cutting import Plane, bone_share, count_planes_above, find_waist, fit_plane

DOWN = np.array([0.0, 0.0, -1.0])


def slab(
    tilt: float, depth: float = 34.0, height: float = 8.0, slices: tuple[float, ...] = (-8, -4, 0, 4, 8)
) -> np.ndarray:
    """Voxels of a disc that is tilted in the sagittal plane, degrees, in a grid of 4 x 0.7 x 0.7 mm."""
    x, y, z = np.meshgrid(slices, np.arange(-40, 40, 0.7), np.arange(-40, 40, 0.7), indexing="ij")
    sine, cosine = np.sin(np.radians(tilt)), np.cos(np.radians(tilt))
    along, across = z * cosine + y * sine, y * cosine - z * sine
    inside = (np.abs(along) <= height / 2) & (np.abs(across) <= depth / 2)
    return np.stack([x[inside], y[inside], z[inside]], axis=1) + np.array([3.0, 20.0, -50.0])


def angle(plane: Plane, tilt: float) -> float:
    """Between the plane's normal and the true one, degrees."""
    true = np.array([0.0, -np.sin(np.radians(tilt)), -np.cos(np.radians(tilt))])
    return float(np.degrees(np.arccos(np.clip(plane.normal @ true, -1, 1))))


@pytest.mark.parametrize("tilt", [-35, -20, 0, 20, 35])
def test_plane_follows_the_disc(tilt: float) -> None:
    plane = fit_plane(slab(tilt), DOWN)
    assert angle(plane, tilt) < 0.2 * abs(tilt) + 0.5
    np.testing.assert_allclose(plane.point, [3.0, 20.0, -50.0], atol=0.5)


def test_plane_ignores_outliers() -> None:
    disc = slab(0)
    spill = disc[:: len(disc) // 60] + np.array([0.0, 16.0, 14.0])
    assert angle(fit_plane(np.concatenate([disc, spill]), DOWN), 0) < 1.5


def test_one_slice_takes_the_lateral_tilt_of_the_column() -> None:
    direction = np.array([np.sin(0.3), 0.0, -np.cos(0.3)])
    plane = fit_plane(slab(0, slices=(0.0,)), direction)
    lateral = np.cross(plane.normal, [0.0, 1.0, 0.0])
    assert abs(lateral @ direction) < 0.35
    assert abs(plane.normal[1]) < 0.05


def test_a_small_fragment_takes_the_direction_of_the_column() -> None:
    assert angle(fit_plane(slab(40, depth=4.0, height=4.0), DOWN), 0) < 10


def test_a_single_voxel_gives_a_plane_across_the_column() -> None:
    plane = fit_plane(np.array([[1.0, 2.0, 3.0]]), DOWN)
    np.testing.assert_allclose(plane.normal, DOWN, atol=1e-12)


def test_bone_shares_the_plane_of_a_disc_that_does_not_reach_across() -> None:
    space = slab(20)
    bone = np.concatenate([space + 9.0 * fit_plane(space, DOWN).normal, space - 9.0 * fit_plane(space, DOWN).normal])
    behind = space[:, 1] > 20.0
    assert bone_share(fit_plane(space, DOWN), bone, space) == 0.0
    half = np.concatenate([bone, space[~behind]])
    assert bone_share(fit_plane(space, DOWN), half, space[behind]) == pytest.approx(0.5, abs=0.05)
    assert bone_share(fit_plane(space[:1], DOWN), np.empty((0, 3)), space[:1]) == 0.0


def test_counts_planes_and_does_not_let_distant_ones_cross() -> None:
    steep = Plane(np.array([0.0, 0.0, -200.0]), np.array([0.0, -np.sin(1.2), -np.cos(1.2)]))
    planes = [Plane(np.array([0.0, 0.0, z]), DOWN) for z in (0.0, -30.0)] + [steep]
    points = np.array([[0, 0, 10], [0, 0, -10], [0, -100, -20], [0, 0, -40], [0, 0, -260], [0, 90, -290]], dtype=float)
    assert count_planes_above(points, planes).tolist() == [0, 1, 1, 2, 3, 3]
    near = np.array([[0.0, -30.0, -195.0], [0.0, 30.0, -195.0]])
    assert count_planes_above(near, planes).tolist() == [3, 2]


@pytest.mark.parametrize("middle", [0.3, 0.7])
def test_waist(middle: float) -> None:
    positions = np.arange(0.0, 60.0, 0.5)
    width = np.where(np.abs(positions - 32.0) < 3.5, int(40 * middle), 40)
    waist = find_waist(np.repeat(positions, width))
    assert waist == pytest.approx(32.0, abs=1.5)


def test_no_waist_in_a_block_or_a_mild_concavity() -> None:
    positions = np.arange(0.0, 60.0, 0.5)
    assert find_waist(np.repeat(positions, 40)) is None
    assert find_waist(np.repeat(positions, 36 + np.round(4 * np.abs(positions - 30) / 30).astype(int))) is None
