"""Tilts of discs whose direction is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spine_segmentation.anatomy import Kind
from spine_segmentation.labeling.disc_tilt import with_tilts
from spine_segmentation.results import Instance, Instances
from spine_segmentation.volume import Volume


def slab(degrees: float, length: float = 34.0, height: float = 9.0, slices: int = 5) -> Instances:
    """One disc whose posterior edge is raised by an angle, in slices of 4 mm."""
    grid = Volume.from_axes(np.zeros((slices, 60, 60), np.uint16), "LIP", (4.0, 0.8, 0.8))
    _, back, up = np.moveaxis(grid.to_patient(np.moveaxis(np.indices(grid.shape), 0, -1)), -1, 0)
    back, up, angle = back - back.mean(), up - up.mean(), np.radians(degrees)
    along, across = back * np.cos(angle) + up * np.sin(angle), up * np.cos(angle) - back * np.sin(angle)
    labels = ((abs(along) < length / 2) & (abs(across) < height / 2)).astype(np.uint16)
    return Instances(grid.with_array(labels), (Instance(1, Kind.IVD, 0.0, (0.0, 0.0, 0.0), 1.0, True),))


def tilt(instances: Instances) -> float | None:
    return with_tilts(instances).items[0].tilt


@settings(max_examples=25, deadline=None)
@given(st.floats(-50.0, 60.0), st.sampled_from([1, 5]))
def test_the_angle_is_found(degrees: float, slices: int) -> None:
    found = tilt(slab(degrees, slices=slices))
    assert found is not None
    assert np.degrees(found) == pytest.approx(degrees, abs=2.0)


@pytest.mark.parametrize("axes", ["LIP", "RSA", "PIL", "SAR"])
def test_the_order_of_the_axes_changes_nothing(axes: str) -> None:
    instances = slab(30.0)
    turned = Instances(instances.labels.reorient(instances.labels.reorientation(axes)), instances.items)
    assert tilt(turned) == pytest.approx(tilt(instances))


def test_other_labels_change_nothing() -> None:
    alone = slab(30.0)
    labels = alone.labels.array.copy()
    labels[:, :10] = 2
    body = Instance(2, Kind.VERTEBRA, 10.0, (0.0, 0.0, 0.0), 1.0, True)
    both = with_tilts(Instances(alone.labels.with_array(labels), (*alone.items, body)))
    assert both.items[0].tilt == tilt(alone)
    assert both.items[1] == body


def test_a_disc_that_is_cut_has_none() -> None:
    instances = slab(30.0)
    assert tilt(replace(instances, items=(replace(instances.items[0], fully_visible=False),))) is None


def test_a_fragment_without_direction_has_none() -> None:
    assert tilt(slab(30.0, length=9.0)) is None


def test_nothing_found() -> None:
    nothing = replace(slab(0.0), items=())
    empty = replace(nothing, labels=nothing.labels.with_array(np.zeros(nothing.labels.shape, np.uint16)))
    assert with_tilts(empty) == empty
