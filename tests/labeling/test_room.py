"""Room for another vertebra beyond the ends of what was found."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from spine_segmentation.anatomy import Kind
from spine_segmentation.labeling.room import with_room
from spine_segmentation.results import Instance, Instances, Room
from spine_segmentation.shown import Shown
from spine_segmentation.volume import Volume

ROWS, STEP = 200, 30.0


def column(first: float, count: int = 4, axes: str = "LIP") -> Instances:
    """Bodies 30 mm apart in an image of 200 mm, the centre of the first so many mm from its upper end."""
    grid = Volume.from_axes(np.zeros((5, ROWS, 80), np.uint16), "LIP", (4.0, 1.0, 1.0))
    places = grid.to_patient([(2, first + STEP * k, 40) for k in range(count)]).tolist()
    items = tuple(
        Instance(k, Kind.VERTEBRA, STEP * k, (x, y, z), 1e4, fully_visible=True)
        for k, (x, y, z) in enumerate(places, start=1)
    )
    return Instances(grid.reorient(grid.reorientation(axes)), items)


@pytest.mark.parametrize("axes", ["LIP", "RSA", "PIL"])
@pytest.mark.parametrize(
    ("first", "above", "below"), [(50.0, True, True), (40.0, False, True), (70.0, True, False), (90.0, True, False)]
)
def test_room_is_a_level_and_a_half_from_the_centre(first: float, above: bool, below: bool, axes: str) -> None:
    items = with_room(column(first, axes=axes)).items
    assert items[0].room == Room(above=above)
    assert items[-1].room == Room(below=below)
    assert {item.room for item in items[1:-1]} == {Room()}


def test_a_vertebra_that_is_cut_tells_nothing() -> None:
    instances = column(20.0)
    items = (*instances.items[:-1], replace(instances.items[-1], fully_visible=False))
    assert with_room(replace(instances, items=items)).items[-1].room == Room()


def test_a_disc_at_the_end_does_not_hide_the_last_vertebra() -> None:
    instances = column(20.0)
    disc = Instance(5, Kind.IVD, 105.0, (0.0, 40.0, -125.0), 1e3, fully_visible=True)
    items = with_room(replace(instances, items=(*instances.items, disc))).items
    assert [item.room for item in items[-2:]] == [Room(below=True), Room()]


def test_one_vertebra_has_no_direction() -> None:
    assert with_room(column(50.0, 1)).items == column(50.0, 1).items


def test_blank_margins_are_no_room() -> None:
    instances = column(50.0)
    visible = np.zeros((ROWS, 80), bool)
    visible[20:161] = True
    items = with_room(replace(instances, shown=Shown(visible))).items
    assert [items[0].room, items[-1].room] == [Room(), Room()]
