"""What series of one patient that were named apart have to say of one another: where they disagree is said of both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import product

import numpy as np

from spine_segmentation.anatomy import BY_NAME, Kind
from spine_segmentation.labeling.matching import half_levels
from spine_segmentation.labeling.variant import THORACIC_STATEMENTS, Statement
from spine_segmentation.results import Labeling, NamedStructure

_NOTHING_IN_COMMON = "no structures in common in the same order were found"
_NO_COMMON_SPACE = "they share no frame of reference"


def set_apart(labeling: Labeling, apart: Mapping[str, Labeling], *, same_space: bool) -> Labeling:
    """Say from which series one was named apart and why, and where they contradict it.

    Series that share patient space contradict one another if a level lies at two places more than half a level apart,
    or if levels follow one another in the wrong order along the patient. The number of vertebrae is compared as far as
    both tell it.

    Args:
        labeling: Of the one.
        apart: Of the others, by their titles.
        same_space: Whether they share the frame of reference.

    Returns:
        The labelling with further remarks.
    """
    if not apart:
        return labeling
    reason = _NOTHING_IN_COMMON if same_space else _NO_COMMON_SPACE
    remarks = [f"Named apart from {', '.join(apart)}: {reason}."]
    for title, other in apart.items():
        misplaced = _find_misplaced(labeling, other) if same_space else None
        if misplaced is not None:
            remarks.append(f"The names are contradicted by {title}: {misplaced}.")
        if _count_otherwise(labeling, other):
            remarks.append(f"The number of vertebrae is contradicted by {title}: {other.variant}.")
    return replace(labeling, remarks=(*labeling.remarks, *remarks))


def _find_misplaced(labeling: Labeling, other: Labeling) -> str | None:
    """Say which structure of the other series lies where its name cannot be; None if there is none."""
    for kind in (Kind.VERTEBRA, Kind.IVD):
        own, others = _named(labeling, kind), _named(other, kind)
        for (one, half_level), (another, other_half) in product(own, others):
            place = _describe_misplaced(one, another, min(half_level, other_half))
            if place is not None:
                return place
    return None


def _named(labeling: Labeling, kind: Kind) -> list[tuple[NamedStructure, float]]:
    """The structures of one kind that have names, with half a level at each, mm."""
    named = [structure for structure in labeling.structures if structure.kind is kind and structure.name is not None]
    reaches = half_levels(np.array([structure.instance.centroid for structure in named]))
    return list(zip(named, reaches.tolist(), strict=True))


def _describe_misplaced(one: NamedStructure, other: NamedStructure, half_level: float) -> str | None:
    """Say where the other structure lies, if names and places of the two do not agree."""
    start, end = np.array(one.instance.centroid), np.array(other.instance.centroid)
    distance, drop = float(np.linalg.norm(end - start)), float(start[2] - end[2])
    levels_down = _level(other) - _level(one)
    if levels_down == 0 and distance > half_level:
        return f"its {other.name} lies {distance:.0f} mm away from the {one.name} of this series"
    if drop * np.sign(levels_down) < -half_level:
        side = "below" if drop > 0 else "above"
        return f"its {other.name} lies {abs(drop):.0f} mm {side} the {one.name} of this series"
    return None


def _level(structure: NamedStructure) -> int:
    return BY_NAME[structure.best_name].level


def _count_otherwise(one: Labeling, other: Labeling) -> bool:
    """Whether two labellings have different numbers of vertebrae in a region where both tell it."""
    counts, others = _counts(one), _counts(other)
    return any(counts[region] != others[region] for region in counts.keys() & others.keys())


def _counts(labeling: Labeling) -> dict[str, Statement]:
    """What is said of the thoracic and of the lumbar vertebrae, as far as their number is told.

    A statement tells the number of its own region, and "normal" always that of the lumbar vertebrae. Nothing said of
    a region means the usual number where the series shows both of its ends.
    """
    if labeling.status != "determined" or labeling.variant_odds is None:
        return {}
    thoracic = THORACIC_STATEMENTS.values()
    said = {"thoracic" if part in thoracic else "lumbar": part for part in labeling.variant.parts}
    names = [structure.name for structure in labeling.structures if structure.name is not None]
    regions = {vertebra[0] for name in names for vertebra in BY_NAME[name].vertebrae}
    ends = {"thoracic": {"C", "L"}, "lumbar": {"T", "S"}}
    return {region: Statement.NORMAL for region, both in ends.items() if regions >= both} | said
