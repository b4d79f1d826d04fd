"""Whether the field of view has room for another vertebra beyond one: then the column ends there, or goes on unseen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from spine_segmentation.anatomy import Kind
from spine_segmentation.results import Instance, Instances, Room
from spine_segmentation.shown import Shown

LEVELS_OF_ROOM = 1.5
"""From the centre of a vertebra to the far end of the next one, in distances of two vertebrae; the sacrum's curve and
larger neighbours included."""


def with_room(instances: Instances) -> Instances:
    """Find out whether another vertebra would be in view above the first and below the last one.

    Its place is that of the end vertebra, moved on by the step from its neighbour.

    Args:
        instances: Separated structures.

    Returns:
        The same with ``Instance.room`` of the first and the last vertebra, as far as they are whole in view.
    """
    bodies = [k for k, item in enumerate(instances.items) if item.kind is Kind.VERTEBRA]
    if len(bodies) < 2:
        return instances
    step = _usual_step([instances.items[k] for k in bodies])
    items = list(instances.items)
    for end, neighbour, below in ((bodies[0], bodies[1], False), (bodies[-1], bodies[-2], True)):
        items[end] = replace(items[end], room=_room(items[end], items[neighbour], step, instances, below))
    return replace(instances, items=tuple(items))


def _usual_step(bodies: Sequence[Instance]) -> float:
    """Median distance of two bodies, mm."""
    return float(np.median([np.linalg.norm(np.subtract(a.centroid, b.centroid)) for a, b in pairwise(bodies)]))


def _room(end: Instance, neighbour: Instance, step: float, within: Instances, below: bool) -> Room:
    outwards: npt.NDArray[np.float64] = np.subtract(end.centroid, neighbour.centroid)
    length = float(np.linalg.norm(outwards))
    if not end.fully_visible or length == 0:
        return end.room
    beyond = np.array(end.centroid) + outwards / length * step * LEVELS_OF_ROOM
    if not _is_inside(beyond, within):
        return end.room
    return replace(end.room, below=True) if below else replace(end.room, above=True)


def _is_inside(point: npt.NDArray[np.float64], instances: Instances) -> bool:
    """Whether a point lies in the field of view; on which side of the outer slices does not matter."""
    canonical, _ = instances.labels.canonical()
    index = np.linalg.solve(canonical.affine[:3, :3], point - canonical.affine[:3, 3])
    return (instances.shown or Shown.whole(instances.labels)).holds(index[1:])
