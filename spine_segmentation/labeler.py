"""Stage 3, the labeler: instances and level evidence to named structures."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path

import numpy as np

from spine_segmentation.anatomy import BY_NAME, LEVELS, UNDETERMINED_IVD_BASE, UNDETERMINED_VERTEBRA_BASE, Kind
from spine_segmentation.arrays import Floats
from spine_segmentation.bundles import bundle_folder, load_bundle
from spine_segmentation.errors import InvalidVolume
from spine_segmentation.labeling.anchors import Anchor, find_anchored
from spine_segmentation.labeling.confusion import allow_confusion
from spine_segmentation.labeling.decoding import DETERMINED_POSTERIOR, Decoding
from spine_segmentation.labeling.disc_tilt import with_tilts
from spine_segmentation.labeling.geometry import WEIGHT, geometry_evidence
from spine_segmentation.labeling.presence import measure_presence
from spine_segmentation.labeling.room import with_room
from spine_segmentation.labeling.sacral import sacral_evidence
from spine_segmentation.labeling.sequence import check_evidence, decode
from spine_segmentation.labeling.variant import Variant
from spine_segmentation.results import (
    Candidate,
    Instance,
    Instances,
    Labeling,
    LevelEvidence,
    ModelIdentity,
    NamedStructure,
    Status,
)
from spine_segmentation.volume import Volume

logger = logging.getLogger(__name__)

NO_LANDMARK = "The levels rest on appearance and spacing alone: neither S1 nor C2 was found."
"""What is said of a field of view that shows no end of the column to count from."""

MAX_PER_KIND = 255 - UNDETERMINED_IVD_BASE
"""Most structures of one kind for which a label map of uint8 has ids; a spine has 26 at most."""


class Labeler:
    """Names separated structures by the labeling bundle's evidence and by where they lie to one another.

    Args:
        device: A torch device.
        models: Folder that holds the bundles; None for the ones that come with the package.

    Raises:
        ModelError: If the bundle's weights are absent or do not fit.
        DeviceUnavailable: If the device does not exist here.
    """

    def __init__(self, device: str = "cpu", models: Path | None = None) -> None:
        self._bundle = load_bundle(bundle_folder("labeling", models), device)

    @property
    def identity(self) -> ModelIdentity:
        """Which network gives the evidence."""
        return self._bundle.identity

    def __call__(self, volume: Volume, instances: Instances, *, anchors: Sequence[Anchor] = ()) -> Labeling:
        """Name the instances of one volume.

        Args:
            volume: MR image in any orientation.
            instances: Separated structures on the same grid.
            anchors: What is known about the levels.

        Returns:
            Named structures and their label map on that grid.

        Raises:
            UsageError: If an anchor means no structure, or anchors contradict one another.
        """
        evidence = self.look(volume, instances)
        return name_instances(instances, evidence.levels, evidence.below_s1, anchors=anchors)

    def look(self, volume: Volume, instances: Instances) -> LevelEvidence:
        """Ask the network for the level of each instance.

        Args:
            volume: MR image in any orientation.
            instances: Separated structures on the same grid.

        Returns:
            What the image says about each.

        Raises:
            InvalidVolume: If there are more than ``MAX_PER_KIND`` instances of one kind.
        """
        _check([instance.kind for instance in instances.items])
        if not instances.items:
            return LevelEvidence(np.zeros((0, len(LEVELS))), np.zeros(0))
        evidence: LevelEvidence = self._bundle.run({"image": volume, "instances": instances})["pred"]
        return evidence


def name_instances(
    instances: Instances, evidence: Floats, below_s1: Floats | None = None, *, anchors: Sequence[Anchor] = ()
) -> Labeling:
    """Name the instances of one volume.

    If the best candidate is not likely enough, no instance is named, and each keeps an id of its own. A false
    instance (one that fits into no sequence) gets no name even if all others are determined.

    Args:
        instances: Separated structures, top to bottom.
        evidence: Shape (n, len(LEVELS)), float64, log-likelihood of each instance's image for what the network takes it
            for; for a disc the level of the vertebra above it. That of the instances' positions comes on top.
        below_s1: Shape (n,), float64, log-likelihood that an instance is part of the sacrum below S1; None if unknown.
        anchors: What is known about the levels.

    Returns:
        Named structures and their label map on the grid of ``instances.labels``; undetermined where there is none.
        What lies below S1 is dropped where the levels are determined.

    Raises:
        UsageError: If the evidence does not fit the instances, an anchor means none of them, or anchors contradict
            one another.
        InvalidVolume: If there are more than ``MAX_PER_KIND`` instances of one kind.
    """
    items = with_room(with_tilts(instances)).items
    known = find_anchored(anchors, instances)
    decoding = decode_instances(items, evidence, below_s1, known)
    labeling = label_instances(instances, decoding, anchors)
    without = describe_anchors(known, decoding.names, lambda: decode_instances(items, evidence, below_s1, {}))
    return replace(labeling, remarks=(*describe_landmarks(decoding.names), *without))


def describe_landmarks(names: Sequence[str | None]) -> tuple[str, ...]:
    """Say what the levels rest on where no end of the column is in view.

    Args:
        names: Of all structures, None for false ones.

    Returns:
        One sentence, or none if there is an end or nothing at all.
    """
    return (NO_LANDMARK,) if names and not {"C2", "S1"} & {*names} else ()


def describe_anchors(
    known: Mapping[int, str], names: Sequence[str | None], without: Callable[[], Decoding]
) -> tuple[str, ...]:
    """Say how the structures would be named if nothing were known, where that is determined and otherwise.

    Args:
        known: Names that are certain, by number of the instance from 0.
        names: Of all structures with that knowledge, None for false ones.
        without: Names them without it; called only if there is any.

    Returns:
        One sentence, or none.
    """
    if not known:
        return ()
    free = without()
    differs = any(one and other and one != other for one, other in zip(names, free.names, strict=True))
    if not differs or not free.determined:
        return ()
    return (f"Without what is known beforehand this would be {free.candidates[0].title}.",)


def decode_instances(
    items: Sequence[Instance],
    evidence: Floats,
    below_s1: Floats | None,
    known: Mapping[int, str],
    geometry_weight: float = WEIGHT,
) -> Decoding:
    """Find the possible names of instances by image and position.

    Args:
        items: Top to bottom, with the tilts of the discs and the room beyond the ends.
        evidence: As for :func:`name_instances`.
        below_s1: Likewise.
        known: Names that are certain, by number of the instance from 0.
        geometry_weight: Power to which the likelihood of the positions is raised.

    Returns:
        The most probable sequences of names, and the posterior of every name for every instance.

    Raises:
        UsageError: If the evidence does not fit the instances, or the known names contradict one another.
    """
    kinds = [instance.kind for instance in items]
    check_evidence(kinds, evidence)
    levels = allow_confusion(evidence) + geometry_evidence(items, geometry_weight) + sacral_evidence(items)
    return decode(kinds, levels, below_s1, known, measure_presence(items))


def label_instances(instances: Instances, decoding: Decoding, anchors: Sequence[Anchor] = ()) -> Labeling:
    """Give the instances of one volume their names or ids of their own.

    Args:
        instances: Separated structures, top to bottom.
        decoding: Of the same.
        anchors: Those that took part.

    Returns:
        Named structures and their label map on the grid of ``instances.labels``.

    Raises:
        InvalidVolume: If there are more than ``MAX_PER_KIND`` instances of one kind.
    """
    _check([instance.kind for instance in instances.items])
    status, candidates = _verdict(decoding.candidates)
    names = decoding.names
    determined = status == "determined"
    end = names.index("S1") + 1 if determined and "S1" in names else len(names)
    structures = _structures(instances.items[:end], decoding, determined)
    variant = decoding.variant if determined else Variant()
    table = np.zeros(len(names) + 1, dtype=np.uint8)
    table[1 : end + 1] = [structure.id for structure in structures]
    runner_up = decoding.candidates[1] if len(decoding.candidates) > 1 else Candidate((), 0.0)
    logger.debug("levels %s, posterior %.3f, %s", status, decoding.probability, variant.statement)
    return Labeling(
        labels=instances.labels.with_array(table[instances.labels.array]),
        structures=structures,
        status=status,
        confidence=decoding.probability,
        runner_up=runner_up.vertebrae,
        runner_up_confidence=runner_up.probability,
        variant=variant.statement,
        variant_odds=variant.odds,
        candidates=candidates,
        anchors=tuple(str(anchor) for anchor in anchors),
    )


def _verdict(candidates: Sequence[Candidate]) -> tuple[Status, tuple[Candidate, ...]]:
    """The status, and the fewest candidates that are likely enough together; all of them if they are not."""
    reached = np.cumsum([candidate.probability for candidate in candidates]) >= DETERMINED_POSTERIOR
    if not reached.any():
        return "undetermined", tuple(candidates)
    needed = int(reached.argmax()) + 1
    return "determined" if needed == 1 else "ambiguous", tuple(candidates[:needed])


def _check(kinds: list[Kind]) -> None:
    most = max(kinds.count(Kind.VERTEBRA), kinds.count(Kind.IVD))
    if most > MAX_PER_KIND:
        raise InvalidVolume(
            f"{most} instances of one kind",
            expected=f"at most {MAX_PER_KIND}",
            remedy="check the segmentation; a spine has at most 26 vertebrae and 25 discs",
        )


def _structures(items: Sequence[Instance], decoding: Decoding, determined: bool) -> tuple[NamedStructure, ...]:
    bases = {Kind.VERTEBRA: UNDETERMINED_VERTEBRA_BASE, Kind.IVD: UNDETERMINED_IVD_BASE}
    unnamed = {kind: count(base + 1) for kind, base in bases.items()}
    structures = []
    for instance, posterior in zip(items, decoding.posteriors, strict=False):
        name = posterior.name if determined else None
        own_id = next(unnamed[instance.kind])
        structures.append(
            NamedStructure(
                id=own_id if name is None else BY_NAME[name].id,
                name=name,
                best_name=posterior.best_name,
                kind=instance.kind,
                confidence=posterior.probability,
                runner_up=posterior.runner_up,
                runner_up_confidence=posterior.runner_up_probability,
                instance=instance,
            )
        )
    return tuple(structures)
