"""Geometry: what an axis permutation or flip must not change."""

from __future__ import annotations

from itertools import permutations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from spine_segmentation.errors import InvalidVolume, UnsupportedOrientation, UsageError
from spine_segmentation.volume import Reorientation, Volume

Order = tuple[int, int, int]
Flips = tuple[bool, bool, bool]

ORIENTATIONS = [(order, flips) for order in permutations(range(3)) for flips in product((False, True), repeat=3)]
PAIRS = ("LR", "PA", "SI")


def random_volume(seed: int = 0) -> Volume:
    """A small volume with an oblique, anisotropic grid."""
    random = np.random.default_rng(seed)
    volume = Volume.from_axes(random.random((4, 6, 5)), "LIP", (3.0, 0.7, 0.9))
    rotation = np.eye(4)
    rotation[:3, :3] = Rotation.from_euler("xyz", random.uniform(-20, 20, 3), degrees=True).as_matrix()
    rotation[:3, 3] = random.uniform(-100, 100, 3)
    return Volume(volume.array, rotation @ volume.affine)


@pytest.mark.parametrize(("order", "flips"), ORIENTATIONS)
def test_every_orientation_has_one_canonical_form(order: Order, flips: Flips) -> None:
    volume = random_volume()
    turned = volume.reorient(Reorientation(order, flips))
    canonical, reorientation = turned.canonical()
    np.testing.assert_array_equal(canonical.array, volume.array)
    np.testing.assert_allclose(canonical.affine, volume.affine, atol=1e-9)
    np.testing.assert_array_equal(reorientation.undo(canonical.array), turned.array)


@given(
    order=st.permutations(range(3)),
    flips=st.tuples(st.booleans(), st.booleans(), st.booleans()),
    seed=st.integers(0, 10_000),
)
@settings(max_examples=50, deadline=None)
def test_every_voxel_keeps_its_place_in_the_patient(order: list[int], flips: Flips, seed: int) -> None:
    volume = random_volume(seed)
    reorientation = Reorientation(tuple(order), flips)
    turned = volume.reorient(reorientation)
    positions = volume.to_patient(np.moveaxis(np.indices(volume.shape), 0, -1))
    moved = np.stack([reorientation.apply(positions[..., k]) for k in range(3)], axis=-1)
    np.testing.assert_allclose(turned.to_patient(np.moveaxis(np.indices(turned.shape), 0, -1)), moved, atol=1e-9)


@pytest.mark.parametrize("axes", ["".join(c) for p in permutations(PAIRS) for c in product(*p)])
def test_axis_codes(axes: str) -> None:
    volume = Volume.from_axes(np.zeros((2, 3, 4)), axes, (1.0, 2.0, 3.0))
    assert volume.spacing == (1.0, 2.0, 3.0)
    same = volume.reorientation(axes)
    assert same == Reorientation((0, 1, 2), (False, False, False))


def test_known_positions() -> None:
    volume = Volume.from_axes(np.zeros((2, 3, 4)), "LIP", (4.0, 0.5, 0.6))
    np.testing.assert_allclose(volume.to_patient([1, 2, 3]), [4.0, 1.8, -1.0])
    assert volume.voxel_volume == pytest.approx(1.2)


def test_thick_slices_that_are_not_sagittal_are_refused() -> None:
    for axes in ("SLP", "PIL"):
        with pytest.raises(UnsupportedOrientation, match="4.0 mm"):
            Volume.from_axes(np.zeros((5, 20, 20)), axes, (4.0, 0.5, 0.5)).canonical()


@pytest.mark.parametrize("spacing", [(2.0, 1.0, 1.0), (1.0, 1.0, 1.0), (0.9, 0.6, 0.6)])
def test_thin_axial_slices_are_accepted(spacing: tuple[float, float, float]) -> None:
    canonical, _ = Volume.from_axes(np.zeros((5, 20, 20)), "SLP", spacing).canonical()
    assert canonical.reorientation() == Reorientation((0, 1, 2), (False, False, False))


@pytest.mark.parametrize("shape", [(3,), (3, 3), (2, 3, 4, 5), (0, 3, 3)])
def test_only_three_dimensions(shape: tuple[int, ...]) -> None:
    with pytest.raises(InvalidVolume, match="three-dimensional|non-empty"):
        Volume(np.zeros(shape), np.eye(4))


@pytest.mark.parametrize("affine", [np.eye(3), np.zeros((4, 4)), np.full((4, 4), np.nan)])
def test_impossible_affines(affine: np.ndarray) -> None:
    with pytest.raises(InvalidVolume, match="affine"):
        Volume(np.zeros((2, 2, 2)), affine)


SENSELESS = [
    ("LLP", (1, 1, 1)),
    ("LI", (1, 1, 1)),
    ("LIX", (1, 1, 1)),
    ("LIP", (1, 0, 1)),
    ("LIP", (1, 1)),
    ("LIP", (1, np.nan, 1)),
]


@pytest.mark.parametrize(("axes", "spacing"), SENSELESS)
def test_senseless_axes(axes: str, spacing: tuple[float, float, float]) -> None:
    with pytest.raises(UsageError):
        Volume.from_axes(np.zeros((2, 2, 2)), axes, spacing)


def test_another_shape_is_not_the_same_grid() -> None:
    with pytest.raises(InvalidVolume, match="shape of the grid"):
        random_volume().with_array(np.zeros((1, 1, 1)))
