"""Telling apart the volumes that share a series and a plane."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Hashable, Sequence

import numpy as np
import numpy.typing as npt

from spine_segmentation.io.dicom_frames import ATTRIBUTES, Attribute, Frame, order_of
from spine_segmentation.io.dicom_geometry import PIXEL_SPACING_TOLERANCE, has_stated_spacing, is_regular
from spine_segmentation.io.dicom_places import group_near, orientations, place_tolerance, places_of, same_orientation

GRID = "matrix, orientation or field of view"
"""The criterion beside ``ATTRIBUTES``: frames that differ in these are never slices of one volume."""

STATION_SHARE = 0.5
"""Images that are displaced in their plane by more than this share of their own extent show another field of view."""

BY_ORDER = {"acquisition time", "content time", "instance number"}
"""Attributes that nearly every image has to itself; images at one place are told apart by their order."""

_CRITERIA = ("stack", GRID, *(name for name in ATTRIBUTES if name != "stack"))
_CONTRASTS = ("echo time", "image type", "signal component")
"""What never differs within one volume, be its slices ever so regular."""

_PER_SLICE = {"trigger time", "acquisition number", *BY_ORDER}
"""What may differ within one volume, because slices are acquired in turn or in packages."""

_ON_STORING = {"content time", "instance number"}
"""What an image gets anew when it is stored again; these tell whole volumes apart and no single images."""


def split_volumes(frames: list[Frame]) -> tuple[list[list[Frame]], list[str]]:
    """Split frames into volumes, as far as places, geometry and attributes tell them apart.

    Frames at even distances on a straight line are one volume, unless their contrast differs. All others are divided
    where that parts frames at one place, or makes a regular stack of each part; what nothing divides stays together.

    Args:
        frames: Of one plane, with geometry.

    Returns:
        The volumes, and the names of what told them apart: of ``ATTRIBUTES``, or ``GRID``.
    """
    regular = is_regular(frames)
    for name in _CONTRASTS if regular else _CRITERIA:
        parts = _parts(frames, name)
        if len(parts) > 1 and (_are_stacks(parts) if regular else _separates(name, frames, parts)):
            found = [split_volumes(part) for part in parts]
            names = [name, *(name for _, names in found for name in names)]
            return [volume for volumes, _ in found for volume in volumes], list(dict.fromkeys(names))
    return [frames], []


def _parts(frames: list[Frame], name: str) -> list[list[Frame]]:
    parts: dict[Hashable, list[Frame]] = defaultdict(list)
    for key, frame in zip(_keys(frames, name), frames, strict=True):
        parts[key].append(frame)
    return list(parts.values())


def _keys(frames: list[Frame], name: str) -> Sequence[Hashable]:
    if name == GRID:
        return _grids(frames)
    values = [frame.attributes[name] for frame in frames]
    return _passes(frames, values) if name in BY_ORDER else values


def _are_stacks(parts: list[list[Frame]]) -> bool:
    return all(len(part) > 1 and is_regular(part) for part in parts)


def _separates(name: str, frames: list[Frame], parts: list[list[Frame]]) -> bool:
    """Tell whether a criterion separates volumes; one that merely numbers the slices does not."""
    if name == GRID:
        return True
    if name in _ON_STORING and len(set(map(len, parts))) > 1:
        return False
    return _parts_places(frames, parts) or _explains_distances(name, frames, parts)


def _parts_places(frames: list[Frame], parts: list[list[Frame]]) -> bool:
    """Tell whether fewer frames share a place in every part, and no more parts are made than that takes."""
    repeats = _repeats(frames)
    return len(parts) <= repeats and all(_repeats(part) < repeats for part in parts)


def _explains_distances(name: str, frames: list[Frame], parts: list[list[Frame]]) -> bool:
    """Tell whether every part is regular, and not every other slice of a volume that lacks some."""
    if 2 * len(parts) > len(frames) or not all(map(is_regular, parts)):
        return False
    return name not in _PER_SLICE or all(map(has_stated_spacing, parts))


def _repeats(frames: list[Frame]) -> int:
    """Count the most frames at one place."""
    return int(np.bincount(group_near(places_of(frames), place_tolerance(frames))).max())


def _passes(frames: list[Frame], values: list[Attribute]) -> list[int]:
    """Count the frames at each frame's place whose value comes before its own."""
    places = group_near(places_of(frames), place_tolerance(frames)).tolist()
    known: dict[int, list[tuple[bool, float, str]]] = defaultdict(list)
    for order, place in sorted(zip(map(order_of, values), places, strict=True)):
        known[place].append(order)
    return [bisect_left(known[place], order_of(value)) for place, value in zip(places, values, strict=True)]


def _grids(frames: list[Frame]) -> list[tuple[Hashable, ...]]:
    """What the slices of one volume share: image size, pixel spacing, orientation and field of view."""
    known = orientations(frames)
    spacings = np.array([frame.pixel_spacing for frame in frames])
    groups = [group_near(column, PIXEL_SPACING_TOLERANCE * column.min()) for column in spacings.T]
    return [
        (frame.size, next(k for k, one in enumerate(known) if same_orientation(frame.orientation or (), one)), *shared)
        for frame, *shared in zip(frames, *groups, *_stations(frames, spacings), strict=True)
    ]


def _stations(frames: list[Frame], spacings: npt.NDArray[np.float64]) -> list[npt.NDArray[np.intp]]:
    """Group frames by their places along the rows, then along the columns of the first one."""
    positions = np.array([frame.position for frame in frames])
    along_rows, along_columns = np.array(frames[0].orientation).reshape(2, 3)
    extents = np.array([frame.size for frame in frames]) * spacings
    least = STATION_SHARE * extents.min(axis=0)
    return [group_near(positions @ along_columns, least[0]), group_near(positions @ along_rows, least[1])]
