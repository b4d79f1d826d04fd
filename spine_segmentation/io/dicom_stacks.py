"""Stacks: what of a series belongs together as one volume, and which of several is used."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from spine_segmentation.io.dicom_frames import ATTRIBUTES, Attribute, Frame

SAGITTAL_DEGREES = 45.0
"""A slice counts as sagittal, coronal or axial if its normal is within this angle of the patient axis."""

ORIENTATION_TOLERANCE = 1e-3
"""Orientations whose direction cosines differ by no more than this are the same; scanners round to 1e-4 and finer."""

POSITION_TOLERANCE_MM = 0.01
"""Slices closer together than this lie at one position."""

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


def normal_of(frame: Frame) -> npt.NDArray[np.float64]:
    """Compute the unit vector across the slice: the cross product of its two axes.

    Args:
        frame: With an orientation.

    Returns:
        Shape (3,), float64, patient coordinates (LPS).
    """
    axes = np.array(frame.orientation).reshape(2, 3)
    normal = np.cross(axes[0], axes[1])
    return np.asarray(normal / np.linalg.norm(normal))


def places_of(frames: Sequence[Frame]) -> npt.NDArray[np.float64]:
    """Compute how far along the normal of the first frame each frame lies.

    Args:
        frames: With position and orientation.

    Returns:
        Shape (n,), float64, mm.
    """
    return np.asarray(np.array([frame.position for frame in frames]) @ normal_of(frames[0]))


def slice_places(frames: Sequence[Frame]) -> npt.NDArray[np.float64]:
    """Compute the distinct places along the normal.

    Args:
        frames: With position and orientation.

    Returns:
        Shape (n,), float64, mm, ascending; places nearer than ``POSITION_TOLERANCE_MM`` count once.
    """
    places = np.sort(places_of(frames))
    return places[np.diff(places, prepend=-np.inf) > POSITION_TOLERANCE_MM]


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

    Frames of several planes are separated first; the sagittal ones are used. Only where places repeat or orientations
    differ, frames are told apart by ``ATTRIBUTES``. The stack with most slices is used; among equals a plain image
    before phase, fat and opposed-phase images, then the first in the order of ``ATTRIBUTES``: the first stack ID,
    the shortest echo, the earliest temporal position.

    Args:
        frames: All with geometry.

    Returns:
        The frames of the chosen stack, and one sentence on the choice; it is empty if nothing was left aside.
    """
    plane, candidates = best_plane(frames)
    stacks, names = _split(candidates)
    chosen = min(stacks, key=_rank)
    return chosen, _describe(frames, plane, chosen, stacks, names)


def orientations(frames: Sequence[Frame]) -> list[tuple[float, ...]]:
    """List the distinct orientations, in the order in which they occur.

    Args:
        frames: With an orientation.

    Returns:
        Six direction cosines each: of the rows, then of the columns.
    """
    found: list[tuple[float, ...]] = []
    for frame in frames:
        current = frame.orientation or ()
        if not any(np.allclose(current, known, rtol=0, atol=ORIENTATION_TOLERANCE) for known in found):
            found.append(current)
    return found


def _split(frames: list[Frame]) -> tuple[list[list[Frame]], list[str]]:
    """Tell frames apart until no place repeats, as far as their attributes can; with the attributes that did it."""
    stacks, names = [frames], []
    for name in ATTRIBUTES:
        parts = [part for stack in stacks for part in _split_by(stack, name)]
        if len(parts) > len(stacks):
            names.append(name)
        stacks = parts
    return stacks, names


def _split_by(frames: list[Frame], name: str) -> list[list[Frame]]:
    """Split by one attribute, if that separates volumes; one that merely numbers the slices does not."""
    repeats = _repeats(frames)
    if repeats == 1:
        return [frames]
    keys = _passes(frames) if name == "acquisition time" else [frame.attributes[name] for frame in frames]
    parts: dict[Attribute, list[Frame]] = defaultdict(list)
    for key, frame in zip(keys, frames, strict=True):
        parts[key].append(frame)
    separates = len(parts) <= repeats and all(_repeats(part) < repeats for part in parts.values())
    return list(parts.values()) if separates else [frames]


def _passes(frames: list[Frame]) -> list[Attribute]:
    """How many frames were acquired at each frame's place before it."""
    places = np.round(places_of(frames) / POSITION_TOLERANCE_MM)
    times = [_order(frame.attributes["acquisition time"]) for frame in frames]
    return [
        float(sum(time < times[k] for time, place in zip(times, places, strict=True) if abs(place - places[k]) <= 1))
        for k in range(len(frames))
    ]


def _repeats(frames: list[Frame]) -> int:
    """Count the volumes the frames hold at least: most frames at one place times number of orientations."""
    places = np.sort(places_of(frames))
    groups = Counter(np.cumsum(np.diff(places, prepend=places[0]) > POSITION_TOLERANCE_MM).tolist())
    return max(groups.values()) * len(orientations(frames))


def _rank(stack: list[Frame]) -> tuple[object, ...]:
    return (
        -len(slice_places(stack)),
        not is_plain(stack[0]),
        *(_order(stack[0].attributes[name]) for name in ATTRIBUTES),
    )


def _order(value: Attribute) -> tuple[bool, float, str]:
    return (True, 0.0, value) if isinstance(value, str) else (False, value, "")


def _describe(
    frames: Sequence[Frame], plane: str, chosen: list[Frame], stacks: list[list[Frame]], names: list[str]
) -> str:
    if len(chosen) == len(frames):
        return ""
    values = ", ".join(f"{name} {chosen[0].attributes[name]}" for name in names if name != "acquisition time")
    parts = [f"{len(chosen)} {plane} images were used" + (f" ({values})" if values else "")]
    if len(stacks) > 1:
        parts.append(f"one of {len(stacks)} stacks told apart by {', '.join(names)}")
    return f"{', '.join(parts)}; {len(frames) - len(chosen)} images of the series were left aside"
