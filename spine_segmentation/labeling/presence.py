"""Whether an instance is false, and whether a vertebra was missed above it, by sizes and distances.

Distances count in levels: a level is the local distance of two neighbours of one kind, so that a person's size need not
be known. A false instance is smaller than its neighbours, and they are one level apart, not two. Where a vertebra was
missed, there is a level more than there should be, even if what lies beyond is false. And where the field of view has
room for a vertebra beyond the last one found, the column ends there, or goes on unseen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

from spine_segmentation.anatomy import Kind
from spine_segmentation.arrays import Floats
from spine_segmentation.results import Instance

MISSED_COUNTS = 6
"""Numbers of missed vertebrae that are told apart: none to four, and five or more, which count as five: the longest gap
that is bridged (``foreground.py``) hides at most four lumbar vertebrae; in the neck it may hide more."""

_NEIGHBOURS = 9
"""So many of the nearest distances or volumes tell what is usual; their median bears four that are wrong, such as three
distances beside two bodies in one."""

UNSEEN_END = 0.1
"""Probability that a vertebra that would be whole in view beyond the last one is not found; a working figure, far above
that of a miss between two others, since signal fades toward the ends of the coil."""

_DISTANCE_DEVIATION = 0.15
"""Of a distance, in levels. Neighbouring levels of a person differ by 0.05 (``geometry_table.json``); the rest is what
the field of view or a flaw of the segmentation moves a centre by, a working figure."""

_DISTANCE_OUTLIERS = 0.005
_LONGEST_DISTANCE = 7.0
"""Share of distances that follow no rule, up to so many levels; a working figure."""

_DOUBLE_TOLERANCE = 0.5
"""A body fills two levels if the discs beside it are two levels apart and it lies midway, to within this; in levels."""

_SIZE_DEVIATION = {Kind.VERTEBRA: 0.25, Kind.IVD: 0.35}
_SIZE_OUTLIERS = 0.01
"""Deviation of the log volume from its neighbours': 0.1 and 0.25 in the masks of 26 SPIDER patients and of synthetic
persons, plus what segmentation adds; and the share of deformed ones, a working figure."""

_FALSE_SIZES = (-4.0, 1.0)
"""Log volume of a false instance relative to its neighbours: anything from a crumb to two bodies in one."""


@dataclass(frozen=True)
class Presence:
    """What sizes and distances say of each of n instances.

    Attributes:
        false: Log-likelihood that it is false, against its being a structure of the column; shape (n,).
        missed: Log-likelihood that so many vertebrae were missed between it and the instance above, against the fewest
            that their kinds allow; shape (n, MISSED_COUNTS).
        unseen_above: Log-probability of what was found if the column goes on above the first instance.
        unseen_below: The same below the last one.
    """

    false: Floats
    missed: Floats
    unseen_above: float = 0.0
    unseen_below: float = 0.0

    @classmethod
    def unknown(cls, count: int) -> Self:
        """Say that nothing is known.

        Args:
            count: Number of instances.

        Returns:
            Zeros: nothing speaks for or against any instance.
        """
        return cls(np.zeros(count), np.zeros((count, MISSED_COUNTS)))


def measure_presence(instances: Sequence[Instance]) -> Presence:
    """Compare sizes and distances with those of the neighbours.

    Args:
        instances: Top to bottom.

    Returns:
        What they say; zeros where there is nothing to compare with.
    """
    is_vertebra = np.array([item.kind is Kind.VERTEBRA for item in instances], dtype=bool)
    places = np.array([item.position for item in instances])
    same_kind = [np.flatnonzero(is_vertebra == kind) for kind in (True, False)]
    if max(map(len, same_kind)) < 2:
        return Presence.unknown(len(instances))
    levels = _count_levels(places, same_kind)
    false = sum((_size_evidence(instances, members) for members in same_kind), np.zeros(len(instances)))
    for members in same_kind:
        between = levels[members[2:]] - levels[members[:-2]]
        false[members[1:-1]] += _log_distance(between, 1.0) - _log_distance(between, 2.0)
    false[1:] += _log_reach(np.diff(levels))
    return Presence(
        false,
        _missed_evidence(levels, is_vertebra),
        unseen_above=np.log(UNSEEN_END) if instances[0].room.above else 0.0,
        unseen_below=np.log(UNSEEN_END) if instances[-1].room.below else 0.0,
    )


def _count_levels(places: Floats, same_kind: Sequence[npt.NDArray[np.intp]]) -> Floats:
    """Where each instance lies along the column, in levels."""
    steps = np.concatenate([np.diff(places[members]) for members in same_kind])
    middles = np.concatenate([(places[members[1:]] + places[members[:-1]]) / 2 for members in same_kind])
    gaps, between = np.diff(places), (places[1:] + places[:-1]) / 2
    usual = _usual(steps, abs(between[:, None] - middles))
    counted = np.divide(gaps, usual, out=np.zeros_like(gaps), where=usual > 0)
    return np.concatenate([[0.0], np.cumsum(counted)])


def _missed_evidence(levels: Floats, is_vertebra: npt.NDArray[np.bool_]) -> Floats:
    """Log-likelihood of each number of missed vertebrae above each instance; (n, MISSED_COUNTS)."""
    places = _as_upper_of_two(levels, is_vertebra)
    distances, same = np.diff(places), is_vertebra[1:] == is_vertebra[:-1]
    fewest = np.where(same & ~is_vertebra[1:], 1, 0)
    shortest = np.where(same, 1.0, 0.5)
    evidence = np.zeros((len(levels), MISSED_COUNTS))
    for count in range(MISSED_COUNTS):
        more = np.maximum(count - fewest, 0)
        evidence[1:, count] = _log_distance(distances, shortest + more) - _log_distance(distances, shortest)
    return evidence


def _as_upper_of_two(levels: Floats, is_vertebra: npt.NDArray[np.bool_]) -> Floats:
    """Move a body that stands alone in the middle between two discs two levels apart to the place of the upper of two.

    It is a block vertebra, or two bodies whose disc was missed: it gets the name of the upper one, and the gap below
    says that one is missing.
    """
    places = levels.copy()
    alone = 1 + np.flatnonzero(is_vertebra[1:-1] & ~is_vertebra[:-2] & ~is_vertebra[2:])
    above, below = levels[alone - 1], levels[alone + 1]
    double = (abs(below - above - 2) < _DOUBLE_TOLERANCE) & (abs(2 * levels[alone] - above - below) < _DOUBLE_TOLERANCE)
    places[alone[double]] = above[double] + 0.5
    return places


def _log_distance(distance: Floats, expected: float | Floats) -> Floats:
    """Log density of a distance, all in levels."""
    regular = np.exp(-0.5 * ((distance - expected) / _DISTANCE_DEVIATION) ** 2)
    regular *= (1 - _DISTANCE_OUTLIERS) / (_DISTANCE_DEVIATION * np.sqrt(2 * np.pi))
    logs: Floats = np.log(regular + _DISTANCE_OUTLIERS / _LONGEST_DISTANCE)
    return logs


def _log_reach(distance: Floats) -> Floats:
    """Log-probability that a structure has its next one at least so far away, in levels, if no vertebra was missed.

    Beyond a false structure the next true one lies farther away than the false one does.
    """
    regular = (1 - _DISTANCE_OUTLIERS) * ndtr((1.0 - distance) / _DISTANCE_DEVIATION)
    logs: Floats = np.log(regular + _DISTANCE_OUTLIERS * (1 - np.minimum(distance / _LONGEST_DISTANCE, 0.99)))
    return logs


def _size_evidence(instances: Sequence[Instance], members: npt.NDArray[np.intp]) -> Floats:
    """Log-likelihood by size that each of these instances of one kind is false, 0 for others and cut ones; (n,)."""
    evidence = np.zeros(len(instances))
    whole = [k for k in members.tolist() if instances[k].fully_visible]
    if len(whole) > 1:
        sizes = np.log([instances[k].volume for k in whole])
        ranks = np.arange(len(whole), dtype=np.float64)
        distances = abs(ranks[:, None] - ranks)
        np.fill_diagonal(distances, np.inf)
        usual = _usual(sizes, distances, len(whole) - 1)
        evidence[whole] = _false_by_size(sizes - usual, _SIZE_DEVIATION[instances[whole[0]].kind])
    return evidence


def _usual(values: Floats, distances: Floats, most: int = _NEIGHBOURS) -> Floats:
    """Median of the nearest values, at most so many; distances have shape (n, values), the median (n,)."""
    nearest = np.argsort(distances, axis=1, kind="stable")[:, : min(most, _NEIGHBOURS)]
    median: Floats = np.median(values[nearest], axis=1)
    return median


def _false_by_size(log_ratio: Floats, deviation: float) -> Floats:
    """Log-likelihood of relative volumes for false instances, against that for structures of the column."""
    smallest, largest = _FALSE_SIZES
    broad = 1 / (largest - smallest)
    regular = np.exp(-0.5 * (log_ratio / deviation) ** 2) / (deviation * np.sqrt(2 * np.pi))
    evidence: Floats = np.log(broad) - np.log((1 - _SIZE_OUTLIERS) * regular + _SIZE_OUTLIERS * broad)
    return evidence
