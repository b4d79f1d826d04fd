"""What the user knows about the levels: this structure is L5, the lowest vertebra is S1."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Self, cast

import numpy as np
from scipy.spatial.distance import cdist

from spine_segmentation.anatomy import BY_NAME, Kind
from spine_segmentation.errors import UsageError
from spine_segmentation.results import Instances

REACH_MM = 10.0
"""A point belongs to the nearest structure if it is no farther from it than this, less than half a cervical level."""

Place = tuple[float, float, float] | Literal["lowest", "highest"]

_COORDINATE = r"\s*[-+]?\d+(?:\.\d*)?\s*"
_FORM = re.compile(rf"([A-Z0-9-]+)\s*=\s*(lowest|highest|{_COORDINATE},{_COORDINATE},{_COORDINATE})")


@dataclass(frozen=True)
class Anchor:
    """A structure whose name is known.

    Attributes:
        name: A vertebra or disc, e.g. ``"L5"``.
        place: A point in it or near it, patient coordinates, LPS, mm; or ``"lowest"`` or ``"highest"`` for the last or
            first structure of its kind in the field of view.

    Raises:
        UsageError: If there is no such structure in a spine.
    """

    name: str
    place: Place

    def __post_init__(self) -> None:
        if self.name not in BY_NAME or BY_NAME[self.name].kind is Kind.SACRUM:
            raise UsageError(
                f"an anchor for {self.name!r}",
                expected="a vertebra from C2 to S1, or a disc such as L4-L5",
                remedy="correct the name",
            )

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read an anchor as it is given on the command line.

        Args:
            text: ``"L5=<x>,<y>,<z>"``, ``"L5=lowest"`` or ``"L5=highest"``.

        Returns:
            The anchor; a point is in patient coordinates (LPS), mm.

        Raises:
            UsageError: If it has not this form, or names no structure of a spine.
        """
        match = _FORM.fullmatch(text.strip())
        if match is None:
            raise UsageError(
                f"an anchor {text!r}",
                expected="NAME=x,y,z in patient coordinates (LPS, mm), NAME=lowest or NAME=highest",
                remedy="write for instance L5=-3.5,40,-120 or S1=lowest",
            )
        name, place = match.groups()
        if place in ("lowest", "highest"):
            return cls(name, cast("Literal['lowest', 'highest']", place))
        x, y, z = (float(coordinate) for coordinate in place.split(","))
        return cls(name, (x, y, z))

    def __str__(self) -> str:
        """Write it as it is given on the command line."""
        place = self.place if isinstance(self.place, str) else ",".join(map(_plain, self.place))
        return f"{self.name}={place}"


def _plain(coordinate: float) -> str:
    """All digits of a number, without an exponent."""
    return str(np.format_float_positional(coordinate, trim="-"))


def find_anchored(anchors: Sequence[Anchor], instances: Instances) -> dict[int, str]:
    """Find the instances that anchors mean.

    Args:
        anchors: What is known.
        instances: Separated structures.

    Returns:
        Name of the instance, by its number from 0 among ``instances.items``.

    Raises:
        UsageError: If there is no structure of the right kind at the place, or two anchors name one structure
            differently.
    """
    known: dict[int, str] = {}
    for anchor in anchors:
        found = _find(anchor, instances)
        if known.setdefault(found, anchor.name) != anchor.name:
            raise UsageError(
                f"anchors name one structure {known[found]} and {anchor.name}",
                expected="one name for a structure",
                remedy="leave one of them out",
            )
    return known


def _find(anchor: Anchor, instances: Instances) -> int:
    kind = BY_NAME[anchor.name].kind
    if not isinstance(anchor.place, str):
        found = _nearest(anchor, anchor.place, instances)
        if instances.items[found].kind is not kind:
            raise _nothing_there(anchor, f"the structure there is not of kind {kind}")
        return found
    same = [k for k, instance in enumerate(instances.items) if instance.kind is kind]
    if not same:
        raise _nothing_there(anchor, f"nothing of kind {kind} was found")
    return same[-1 if anchor.place == "lowest" else 0]


def _nearest(anchor: Anchor, point: tuple[float, float, float], instances: Instances) -> int:
    """Number of the structure that has the voxel nearest to a point."""
    volume = instances.labels
    inside = np.argwhere(volume.array > 0)
    distances = cdist([point], volume.to_patient(inside))[0]
    if distances.min(initial=np.inf) > REACH_MM:
        raise _nothing_there(anchor, f"no structure within {REACH_MM:g} mm")
    label = int(volume.array[tuple(inside[distances.argmin()])])
    return next(k for k, instance in enumerate(instances.items) if instance.label == label)


def _nothing_there(anchor: Anchor, reason: str) -> UsageError:
    return UsageError(
        f"anchor {anchor}: {reason}",
        expected=f"a {BY_NAME[anchor.name].kind} at that place (LPS, mm)",
        remedy="take the point from the centroids in result.json of a run without anchors",
    )
