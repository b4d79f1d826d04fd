"""What the labeler is given in a window of a labelled scan, and the truth about it: all that naming needs, as JSON.

Names follow from an observation without a network, with these weights of the evidence or with others.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
from pydantic import ValidationError

from spine_segmentation.anatomy import Kind
from spine_segmentation.errors import UnreadableFile
from spine_segmentation.evaluation.extent import labelled_extent
from spine_segmentation.evaluation.record import Record
from spine_segmentation.evaluation.true_instances import labelled_structures
from spine_segmentation.evaluation.truth import UNKNOWN
from spine_segmentation.evaluation.unlabelled import is_unlabelled
from spine_segmentation.io.atomic import atomic_path
from spine_segmentation.labeling.disc_tilt import with_tilts
from spine_segmentation.labeling.room import with_room
from spine_segmentation.levels import EVIDENCE_WEIGHT
from spine_segmentation.results import Instance, Instances, LevelEvidence, ModelIdentity, Room
from spine_segmentation.volume import Volume

_REGIONS = {
    "CC": "cervical", "CT": "cervicothoracic", "TT": "thoracic", "TL": "thoracolumbar", "LL": "lumbar",
    "LS": "lumbosacral", "TS": "thoracic to sacrum", "CL": "cervical to lumbar", "CS": "whole column",
}  # fmt: skip


class WindowIdentity(Record):
    """Which window of which scan."""

    scan: str
    """Name of the scan."""
    patient: str
    """Name of the scan without its contrast."""
    contrast: str | None
    """Weighting that the scan's name ends in; None if it does not."""
    vertebrae: tuple[str, ...]
    """Names of the vertebrae that are whole in view, top to bottom."""
    rows: tuple[int, int]
    """First row in view, and the first one after the last, in canonical orientation."""
    reaches_sacrum: bool
    """Whether the lowest lumbar vertebra or S1 is whole in view."""

    @property
    def visible(self) -> int:
        """Number of vertebrae."""
        return len(self.vertebrae)

    @property
    def region(self) -> str:
        """Region of the spine, e.g. ``"thoracolumbar"``."""
        return _REGIONS[self.vertebrae[0][0] + self.vertebrae[-1][0]]

    @property
    def landmarks(self) -> str:
        """Which end of the column is in view."""
        ends = [*["C2"] * (self.vertebrae[0] == "C2"), *["L5 or S1"] * self.reaches_sacrum]
        return " and ".join(ends) or "neither C2 nor L5"


class ObservedInstance(Record):
    """One separated structure and the evidence of its level."""

    kind: Kind
    """Vertebra or intervertebral disc."""
    position: float
    """Arc length of its centre along the column, mm."""
    centroid: tuple[float, float, float]
    """Patient coordinates of its centre, LPS, mm."""
    volume: float
    """mm3."""
    fully_visible: bool
    """False where the field of view cuts it."""
    tilt: float | None
    """Of a disc in the sagittal plane, radian; None where it is not measured."""
    room_above: bool
    """Whether the field of view has room for another vertebra above it, if it is the first one."""
    room_below: bool
    """The same below the last one."""
    above_sacrum: bool
    """Whether the segmenter found the sacrum below S1 directly below it."""
    levels: tuple[float, ...]
    """Mean over its voxels of the log-probability of each of ``anatomy.LEVELS``."""
    below_s1: float
    """The same of the sacrum below S1."""
    scored: bool
    """False where the truth says nothing about it: it is no false structure then."""


class ObservedStructure(Record):
    """One structure that a window requires."""

    name: str
    """Its true name."""
    instance: int | None
    """Index of the instance that is most frequent inside it, background apart; None if there is none."""


class ObservedWindow(Record):
    """One window."""

    window: WindowIdentity
    """Which one."""
    instances: tuple[ObservedInstance, ...]
    """Top to bottom."""
    structures: tuple[ObservedStructure, ...]
    """What must be named: the vertebrae that are whole in view and the labelled discs between them, top to bottom."""
    seconds: float
    """Wall seconds of networks and splitting."""
    error: str | None = None
    """Why there are no instances; None if the run succeeded."""


class BenchmarkRun(Record):
    """What was done with which scans."""

    version: str
    """Version of this software."""
    synthetic: bool
    """Whether the scans come from this package's own generator."""
    true_instances: bool
    """Whether the truth's instances were named, not those of the segmentation."""
    models: tuple[ModelIdentity, ...]
    """The networks that were used."""
    most: int
    """Most windows of a scan."""
    seed: int
    """Seed of the draw of windows and of their cuts."""
    unusable: dict[str, str]
    """Scans that show no window, with the reason."""


class Observations(BenchmarkRun):
    """The windows of a folder."""

    windows: tuple[ObservedWindow, ...]
    """By scan."""


def describe_instances(instances: Instances, evidence: LevelEvidence, truth: Volume) -> tuple[ObservedInstance, ...]:
    """Join instances, evidence, and whether the truth knows of them.

    Args:
        instances: Within the field of view.
        evidence: Of their levels, weighted by ``EVIDENCE_WEIGHT``.
        truth: What is required, from ``required_truth``, on the same grid.

    Returns:
        One entry an instance, top to bottom.
    """
    items = with_room(with_tilts(instances)).items
    return tuple(
        ObservedInstance(
            kind=item.kind,
            position=item.position,
            centroid=item.centroid,
            volume=item.volume,
            fully_visible=item.fully_visible,
            tilt=item.tilt,
            room_above=item.room.above,
            room_below=item.room.below,
            above_sacrum=item.above_sacrum,
            levels=tuple((levels / EVIDENCE_WEIGHT).tolist()),
            below_s1=float(below_s1 / EVIDENCE_WEIGHT),
            scored=_is_scored(item, instances.labels, truth),
        )
        for item, levels, below_s1 in zip(items, evidence.levels, evidence.below_s1, strict=True)
    )


def find_structures(instances: Instances | None, truth: Volume) -> tuple[ObservedStructure, ...]:
    """Find the instance that is most frequent inside every required structure.

    Args:
        instances: Within the field of view; None if the run failed.
        truth: What is required, from ``required_truth``, on the same grid.

    Returns:
        One entry a required structure; its instance is counted from 0, None if there is none in it.
    """
    labels = np.zeros(truth.shape, np.uint16) if instances is None else instances.labels.array
    required = labelled_structures(truth)
    found = [np.bincount(labels[truth.array == structure.id], minlength=2)[1:] for structure in required]
    return tuple(
        ObservedStructure(name=structure.name, instance=int(counts.argmax()) if counts.any() else None)
        for structure, counts in zip(required, found, strict=True)
    )


def as_instances(window: ObservedWindow) -> Instances:
    """The instances of a window as the labeler takes them, on a grid of one voxel each.

    Args:
        window: The window.

    Returns:
        The instances, labelled from 1 in the order of the window.
    """
    labels = np.arange(len(window.instances) + 1, dtype=np.uint16)[None, None]
    items = tuple(
        Instance(
            label=k,
            kind=item.kind,
            position=item.position,
            centroid=item.centroid,
            volume=item.volume,
            fully_visible=item.fully_visible,
            tilt=item.tilt,
            room=Room(item.room_above, item.room_below),
            above_sacrum=item.above_sacrum,
        )
        for k, item in enumerate(window.instances, start=1)
    )
    return Instances(Volume(labels, np.eye(4)), items)


def write_observations(observations: Observations, path: Path) -> None:
    """Write observations as JSON.

    Args:
        observations: The windows of a folder.
        path: Ends in ``.json``.

    Raises:
        OutputError: If the file cannot be written.
    """
    with atomic_path(path) as temporary:
        temporary.write_text(observations.model_dump_json() + "\n", encoding="utf-8")


def read_observations(path: Path) -> Observations:
    """Read what :func:`write_observations` wrote.

    Args:
        path: The file.

    Returns:
        The windows of a folder.

    Raises:
        UnreadableFile: If it cannot be read, or holds something else.
    """
    try:
        return Observations.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise UnreadableFile(
            f"{path} holds no observed windows",
            expected="evidence.json as spine-segmentation benchmark-labels writes it",
            remedy="run that command again",
        ) from error


def _is_scored(item: Instance, labels: Volume, truth: Volume) -> bool:
    """Whether at least half of an instance is known, and it lies within the labelled part of the column."""
    voxels = np.argwhere(labels.array == item.label)
    known: npt.NDArray[np.bool_] = truth.array[tuple(voxels.T)] != UNKNOWN
    ids = [structure.id for structure in labelled_structures(truth) if structure.kind is item.kind]
    if not ids or 2 * np.count_nonzero(known) < len(voxels):
        return False
    return not is_unlabelled(voxels, truth, labelled_extent(truth, ids))
