"""One study, one numbering: series that share patient space are named together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from spine_segmentation.anatomy import Kind
from spine_segmentation.arrays import Floats
from spine_segmentation.labeler import (
    decode_instances,
    describe_anchors,
    describe_landmarks,
    label_instances,
)
from spine_segmentation.labeling.anchors import Anchor, find_anchored
from spine_segmentation.labeling.candidates import contradict, decisive
from spine_segmentation.labeling.decoding import Decoding
from spine_segmentation.labeling.disc_tilt import with_tilts
from spine_segmentation.labeling.matching import CommonColumn, match_series
from spine_segmentation.labeling.named_apart import set_apart
from spine_segmentation.labeling.room import with_room
from spine_segmentation.results import Instances, Labeling, LevelEvidence

LOOK_CORRELATION = 0.5
"""How strongly the evidence of two series of one patient agrees beyond the truth: the network errs alike on the same
anatomy. A working figure; 0 would count every series as an independent witness, 1 all of them as one."""


@dataclass(frozen=True)
class Look:
    """What one series of a study shows.

    Attributes:
        title: What remarks call the series, without patient data, e.g. ``"series 3"``.
        instances: Its separated structures.
        evidence: What the labeling network says about them.
    """

    title: str
    instances: Instances
    evidence: LevelEvidence

    @property
    def kinds(self) -> list[Kind]:
        """Of its structures, top to bottom."""
        return [item.kind for item in self.instances.items]


def label_study(looks: Sequence[Look], anchors: Sequence[Anchor] = ()) -> tuple[Labeling, ...]:
    """Name the instances of several series of one patient that share patient space.

    Structures that lie at the same place are one, and the evidence of all series for it is added up; one sequence of
    names is found for all. A series that has no structures in common with the others in the same order is named apart.
    Remarks say with which series each was named, and where a series alone, or one named apart, would have it
    otherwise. A series that alone is determined with other names for its vertebrae is not determined: without an anchor
    nothing tells which are right.

    Args:
        looks: The series; coordinates of all are in one frame of reference.
        anchors: What is known about the levels of the first series.

    Returns:
        For each series its named structures.

    Raises:
        UsageError: If evidence does not fit the instances, an anchor means no structure, or anchors contradict one
            another.
        InvalidVolume: If a series has more structures of one kind than there are ids.
    """
    looks = [replace(look, instances=with_room(with_tilts(look.instances))) for look in looks]
    columns = match_series([look.instances.items for look in looks])
    labelings: dict[int, Labeling] = {}
    for column in columns:
        labelings |= _label_column(column, looks, anchors if 0 in column.members else ())
    for column in columns:
        apart = {looks[k].title: labelings[k] for k in range(len(looks)) if k not in column.members}
        for number in column.members:
            labelings[number] = set_apart(labelings[number], apart, same_space=True)
    return tuple(labelings[number] for number in range(len(looks)))


def applicable_anchors(looks: Sequence[Look], anchors: Sequence[Anchor]) -> tuple[Anchor, ...]:
    """Leave anchors out where no series shows any structure: that there is no spine is no anchor's fault.

    Args:
        looks: All series.
        anchors: What is known about the levels of the first one.

    Returns:
        All of them or none.
    """
    return tuple(anchors) if any(look.instances.items for look in looks) else ()


def effective_looks(count: int) -> float:
    """Compute how many independent witnesses several series count for.

    This is the design effect of Kish (Survey Sampling, 1965).

    Args:
        count: Number of series, at least 1.

    Returns:
        1 for one series, and less than ``count`` for more.
    """
    return count / (1 + (count - 1) * LOOK_CORRELATION)


def _label_column(column: CommonColumn, looks: Sequence[Look], anchors: Sequence[Anchor]) -> dict[int, Labeling]:
    """Name the series of one column."""
    known = find_anchored(anchors, looks[0].instances)
    places = {column.members[0][k]: name for k, name in known.items()} if known else {}
    decoding = _decode_column(column, looks, places)
    free = _decode_column(column, looks, {}) if places else decoding
    labelings = {}
    for number, members in column.members.items():
        look = looks[number]
        own = {k: places[place] for k, place in enumerate(members) if place in places}
        companions = tuple(looks[k].title for k in column.members if k != number)
        together = decoding.restrict(members, look.kinds)
        labeling = _label_look(look, together, own, anchors)
        remarks = (
            *describe_landmarks(decoding.names),
            *describe_anchors(places, together.names, partial(free.restrict, members, look.kinds)),
            *((f"Named together with {', '.join(companions)}.",) if companions else ()),
            *labeling.remarks,
        )
        labelings[number] = replace(labeling, companions=companions, remarks=remarks)
    return labelings


def _decode_column(column: CommonColumn, looks: Sequence[Look], known: Mapping[int, str]) -> Decoding:
    """Decode the structures of one column, some of whose names are known."""
    levels = _pool(column, {number: looks[number].evidence.levels for number in column.members})
    below_s1 = _pool(column, {number: looks[number].evidence.below_s1 for number in column.members})
    return decode_instances(column.items, levels, below_s1, known)


def _label_look(look: Look, together: Decoding, known: Mapping[int, str], anchors: Sequence[Anchor]) -> Labeling:
    """Name one series by what all show together.

    If it alone is sure of other names, and no anchor settles the numbering, neither naming is determined.
    """
    alone = decode_instances(look.instances.items, look.evidence.levels, look.evidence.below_s1, known)
    if not alone.determined:
        return label_instances(look.instances, together, anchors)
    disputed = contradict(*(decisive(decoding.names, look.kinds) for decoding in (together, alone)))
    decoding = together.mix(alone, look.kinds) if disputed and not anchors else together
    return replace(label_instances(look.instances, decoding, anchors), remarks=_describe_alone(alone, together))


def _pool(column: CommonColumn, evidence: Mapping[int, Floats]) -> Floats:
    """Evidence of each structure of a column: the mean of its looks, as often as they count."""
    rows: list[list[Floats]] = [[] for _ in column.items]
    for number, members in column.members.items():
        for place, row in zip(members, evidence[number], strict=True):
            rows[place].append(row)
    pooled = [effective_looks(len(looks)) * np.mean(looks, axis=0) for looks in rows]
    shape = next(iter(evidence.values())).shape[1:]
    return np.array(pooled).reshape(len(rows), *shape)


def _describe_alone(alone: Decoding, together: Decoding) -> tuple[str, ...]:
    """Say how a series would be named alone, if that is otherwise than together."""
    pairs = zip(alone.names, together.posteriors, strict=True)
    differs = any(name is not None and name != posterior.best_name for name, posterior in pairs)
    return (f"Alone this series would be named {alone.candidates[0].title}.",) if differs else ()
