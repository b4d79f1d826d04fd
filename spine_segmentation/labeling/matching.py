"""Which structures of several series are the same: they lie at the same place in the patient."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

from spine_segmentation.anatomy import Kind
from spine_segmentation.results import Instance, Room

SINGLE_REACH_MM = 8.0
"""How far centres of the same structure may be apart where nothing tells the spacing: half the least of an adult."""

Pairs = list[tuple[int, int]]


@dataclass(frozen=True)
class CommonColumn:
    """The structures that some series show together.

    Attributes:
        items: Top to bottom; where several series show a structure, with their mean centre.
        members: For each of these series, by its number, the place in ``items`` of each of its instances.
    """

    items: tuple[Instance, ...]
    members: dict[int, tuple[int, ...]]


def match_series(series: Sequence[Sequence[Instance]]) -> list[CommonColumn]:
    """Put instances of several series that share patient space in one order.

    Two instances are the same structure if they are of the same kind and their centres lie within half a level of one
    another, each with one other at most. A series that has no structure in common with the others, or has them in
    another order, stays apart.

    Args:
        series: Instances of each, top to bottom.

    Returns:
        The columns; every series is in one of them.
    """
    remaining = sorted(range(len(series)), key=lambda number: -len(series[number]))
    columns = []
    while remaining:
        column = _Union.of(remaining.pop(0), series)
        while remaining:
            pairs = {number: column.match(series[number]) for number in remaining}
            joining = max(remaining, key=lambda number: len(pairs[number]))
            if not pairs[joining]:
                break
            column.join(joining, series[joining], pairs[joining])
            remaining.remove(joining)
        columns.append(column.freeze())
    return columns


def half_levels(centres: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Measure half a level at each structure of one kind: structures at most so far apart are the same.

    Args:
        centres: Shape (n, 3), float64, patient coordinates, mm.

    Returns:
        Shape (n,), mm: half the distance to the nearest other one, where none is missed between.
    """
    if len(centres) < 2:
        return np.full(len(centres), SINGLE_REACH_MM)
    distances = cdist(centres, centres)
    np.fill_diagonal(distances, np.inf)
    nearest: npt.NDArray[np.float64] = distances.min(axis=1)
    return np.minimum(nearest, np.median(nearest)) / 2


@dataclass
class _Union:
    """A column that grows.

    Attributes:
        looks: Of each structure, the instances that show it, by number of their series; top to bottom.
        places: Where each structure lies along the column, mm, in the coordinate of the first series.
        numbers: Of its series.
    """

    looks: list[dict[int, Instance]]
    places: npt.NDArray[np.float64]
    numbers: list[int]

    @classmethod
    def of(cls, number: int, series: Sequence[Sequence[Instance]]) -> _Union:
        items = series[number]
        return cls([{number: item} for item in items], np.array([item.position for item in items]), [number])

    def match(self, items: Sequence[Instance]) -> Pairs:
        """Pairs (structure of the column, instance); empty if their orders differ."""
        pairs = [pair for kind in (Kind.VERTEBRA, Kind.IVD) for pair in _match(self.items(), items, kind)]
        pairs.sort()
        ascending = np.diff([k for _, k in pairs]) > 0
        return pairs if ascending.all() else []

    def join(self, number: int, items: Sequence[Instance], pairs: Pairs) -> None:
        """Add a series: its matched instances to their structures, the others between them."""
        places = _carry(np.array([item.position for item in items]), self.places, pairs)
        for structure, k in pairs:
            self.looks[structure][number] = items[k]
        new = sorted({*range(len(items))} - {k for _, k in pairs})
        self.numbers.append(number)
        looks = [*self.looks, *({number: items[k]} for k in new)]
        along = np.concatenate([self.places, places[new]])
        order = np.argsort(along, kind="stable")
        self.looks, self.places = [looks[k] for k in order], along[order]

    def items(self) -> list[Instance]:
        """Every structure as one instance."""
        pairs = zip(self.looks, self.places, strict=True)
        return [_merge([*looks.values()], k, float(place)) for k, (looks, place) in enumerate(pairs, start=1)]

    def freeze(self) -> CommonColumn:
        members = {
            number: tuple(k for k, looks in enumerate(self.looks) if number in looks) for number in sorted(self.numbers)
        }
        return CommonColumn(tuple(self.items()), members)


def _match(one: Sequence[Instance], other: Sequence[Instance], kind: Kind) -> Pairs:
    """Pairs of the same structure of one kind: the assignment of least total distance."""
    rows, columns = ([k for k, item in enumerate(items) if item.kind is kind] for items in (one, other))
    if not rows or not columns:
        return []
    upper, lower = (np.array([items[k].centroid for k in chosen]) for items, chosen in ((one, rows), (other, columns)))
    reach = np.minimum(half_levels(upper)[:, None], half_levels(lower)[None])
    distances = cdist(upper, lower)
    costs = np.where(distances < reach, distances / reach, len(one) + len(other))
    assigned = zip(*linear_sum_assignment(costs), strict=True)
    return [(rows[a], columns[b]) for a, b in assigned if distances[a, b] < reach[a, b]]


def _carry(
    positions: npt.NDArray[np.float64], places: npt.NDArray[np.float64], pairs: Pairs
) -> npt.NDArray[np.float64]:
    """Express positions of a series in the coordinate of the column: linear between pairs, shifted beyond them."""
    at = positions[[k for _, k in pairs]]
    shifts = places[[structure for structure, _ in pairs]] - at
    carried: npt.NDArray[np.float64] = positions + np.interp(positions, at, shifts)
    return carried


def _merge(looks: Sequence[Instance], label: int, place: float) -> Instance:
    whole = [look for look in looks if look.fully_visible] or looks
    x, y, z = np.mean([look.centroid for look in whole], axis=0).tolist()
    volume = float(np.mean([look.volume for look in whole]))
    tilts = [look.tilt for look in whole if look.tilt is not None]
    tilt = float(np.mean(tilts)) if tilts else None
    room = Room(any(look.room.above for look in looks), any(look.room.below for look in looks))
    visible = any(look.fully_visible for look in looks)
    above_sacrum = any(look.above_sacrum for look in looks)
    return Instance(label, looks[0].kind, place, (x, y, z), volume, visible, tilt, room, above_sacrum=above_sacrum)
