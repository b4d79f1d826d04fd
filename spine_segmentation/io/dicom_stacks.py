"""Stacks: what of a series belongs together as one volume, and which of several is used."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from spine_segmentation.io.dicom_frames import ATTRIBUTES, Frame, order_of
from spine_segmentation.io.dicom_places import normal_of, place_tolerance, places_of
from spine_segmentation.io.dicom_splitting import BY_ORDER, split_volumes

SAGITTAL_DEGREES = 45.0
"""A slice counts as sagittal, coronal or axial if its normal is within this angle of the patient axis."""

LEAST_SAGITTAL_SHARE = 0.2
"""Fewer sagittal images than this share of a series show where the others lie; in a three-plane series they are a
third."""

_PLANES = ("sagittal", "coronal", "axial")
_SECOND_CHOICE = {
    *("P", "PHASE", "PHASE MAP", "REAL", "R", "IMAGINARY", "I"),
    *("F", "FAT", "FF", "FAT_FRACTION", "WATER_FRACTION", "FIELD_MAP", "FIELD MAP", "B0"),
    *("OP", "OOP", "OUT", "OUT_PHASE", "OUTPHASE", "OUT_OF_PHASE", "OPP_PHASE", "OPPOSED", "OPPOSED_PHASE"),
}


def plane_of(frame: Frame) -> str:
    """Name the plane of an image.

    Args:
        frame: One image.

    Returns:
        ``"sagittal"``, ``"coronal"``, ``"axial"``, ``"oblique"``, or ``"unknown"`` without an orientation.
    """
    if frame.orientation is None:
        return "unknown"
    cosines = np.abs(normal_of(frame))
    axis = int(np.argmax(cosines))
    return _PLANES[axis] if cosines[axis] >= np.cos(np.deg2rad(SAGITTAL_DEGREES)) - 1e-6 else "oblique"


def slice_places(frames: Sequence[Frame]) -> npt.NDArray[np.float64]:
    """Compute the distinct places along the normal.

    Args:
        frames: With position and orientation.

    Returns:
        Shape (n,), float64, mm, ascending; places that are one within the tolerance count once.
    """
    places = np.sort(places_of(frames))
    return places[np.diff(places, prepend=-np.inf) > place_tolerance(frames)]


def best_plane(frames: Sequence[Frame]) -> tuple[str, list[Frame]]:
    """Pick the sagittal frames of a series, or where they are hardly any those of its most frequent plane.

    Args:
        frames: All with an orientation.

    Returns:
        The plane's name as of :func:`plane_of`, and its frames, in order.
    """
    planes: dict[str, list[Frame]] = defaultdict(list)
    for frame in frames:
        planes[plane_of(frame)].append(frame)
    enough = len(planes["sagittal"]) >= max(1, LEAST_SAGITTAL_SHARE * len(frames))
    name = "sagittal" if enough else max(planes, key=lambda plane: len(planes[plane]))
    return name, planes[name]


def is_plain(frame: Frame) -> bool:
    """Tell whether an image shows the tissue as magnitude, water or in-phase signal.

    Args:
        frame: One image.

    Returns:
        False for phase, fat, opposed-phase, fraction and field images, by image type and complex image component.
    """
    attributes = frame.attributes
    components = set(f"{attributes['image type']}\\{attributes['signal component']}".upper().split("\\"))
    return components.isdisjoint(_SECOND_CHOICE)


def choose_stack(frames: Sequence[Frame]) -> tuple[list[Frame], str]:
    """Choose the frames of one volume among all frames of a series.

    Frames of several planes are separated first; the sagittal ones are used. What they hold beside one regular volume
    is told apart by :func:`split_volumes`. The stack with most slices is used; among equals a plain image
    before phase, fat and opposed-phase images, then the first in the order of ``ATTRIBUTES``: the first stack ID,
    the shortest echo, the earliest temporal position.

    Args:
        frames: All with geometry.

    Returns:
        The frames of the chosen stack, and one sentence on the choice; it is empty if nothing was left aside.
    """
    plane, candidates = best_plane(frames)
    stacks, names = split_volumes(candidates)
    chosen = min(stacks, key=_rank)
    return chosen, _describe(frames, plane, chosen, stacks, names)


def _rank(stack: list[Frame]) -> tuple[object, ...]:
    return (
        -len(slice_places(stack)),
        not is_plain(stack[0]),
        *(order_of(stack[0].attributes[name]) for name in ATTRIBUTES),
    )


def _describe(
    frames: Sequence[Frame], plane: str, chosen: list[Frame], stacks: list[list[Frame]], names: list[str]
) -> str:
    if len(chosen) == len(frames):
        return ""
    stated = [name for name in names if name in ATTRIBUTES and name not in BY_ORDER]
    shared = {name: {frame.attributes[name] for frame in chosen} for name in stated}
    values = ", ".join(f"{name} {value}" for name, (value, *others) in shared.items() if not others)
    parts = [f"{len(chosen)} {plane} images were used" + (f" ({values})" if values else "")]
    if len(stacks) > 1:
        parts.append(f"one of {len(stacks)} stacks told apart by {', '.join(names)}")
    return f"{', '.join(parts)}; {len(frames) - len(chosen)} images of the series were left aside"
