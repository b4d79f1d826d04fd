"""Stage 3, the labeler: instances and level evidence to named structures."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from itertools import count
from pathlib import Path

import numpy as np
import numpy.typing as npt

from spine_segmentation.anatomy import BY_NAME, LEVELS, UNDETERMINED_IVD_BASE, UNDETERMINED_VERTEBRA_BASE, Kind
from spine_segmentation.bundles import bundle_folder, load_bundle
from spine_segmentation.errors import InvalidVolume
from spine_segmentation.geometry import geometry_evidence
from spine_segmentation.results import Instance, Instances, Labeling, ModelIdentity, NamedStructure
from spine_segmentation.sequence import Decoding, check_evidence, decode
from spine_segmentation.volume import Volume

logger = logging.getLogger(__name__)

DETERMINED_POSTERIOR = 0.9
"""Least posterior probability of the whole sequence of names for which the levels count as determined. If the
network's evidence is calibrated, one in ten of the labellings that only just pass has a wrong name. It must stay below
0.948, what the priors leave to L5-S1 against L5-L6 where the field of view ends in that disc."""

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

    def __call__(self, volume: Volume, instances: Instances) -> Labeling:
        """Name the instances of one volume.

        Args:
            volume: MR image in any orientation.
            instances: Separated structures on the same grid.

        Returns:
            Named structures and their label map on that grid.
        """
        if not instances.items:
            return name_instances(instances, np.zeros((0, len(LEVELS))))
        evidence = self._bundle.run({"image": volume, "instances": instances})["pred"]
        return name_instances(instances, evidence.levels, evidence.below_s1)


def name_instances(
    instances: Instances, evidence: npt.NDArray[np.float64], below_s1: npt.NDArray[np.float64] | None = None
) -> Labeling:
    """Name the instances of one volume.

    If the best sequence of names is not likely enough, no instance is named, and each keeps an id of its own. A false
    instance (one that fits into no sequence) gets no name even if all others are determined.

    Args:
        instances: Separated structures, top to bottom.
        evidence: Shape (n, len(LEVELS)), float64, log-likelihood of each instance's image for each level; for a disc
            the level of the vertebra above it. That of the instances' positions comes on top.
        below_s1: Shape (n,), float64, log-likelihood that an instance is part of the sacrum below S1; None if unknown.

    Returns:
        Named structures and their label map on the grid of ``instances.labels``; undetermined where there is none.
        What lies below S1 is dropped.

    Raises:
        UsageError: If the evidence does not fit the instances.
        InvalidVolume: If there are more than ``MAX_PER_KIND`` instances of one kind.
    """
    kinds = [instance.kind for instance in instances.items]
    _check(kinds)
    check_evidence(kinds, evidence)
    decoding = decode(kinds, evidence + geometry_evidence(instances.items), below_s1)
    determined = bool(kinds) and decoding.probability >= DETERMINED_POSTERIOR
    end = decoding.names.index("S1") + 1 if "S1" in decoding.names else len(kinds)
    structures = _structures(instances.items[:end], decoding, determined)
    table = np.zeros(len(kinds) + 1, dtype=np.uint8)
    table[1 : end + 1] = [structure.id for structure in structures]
    logger.debug("sequence posterior %.3f, %s", decoding.probability, decoding.variant.statement)
    return Labeling(
        labels=instances.labels.with_array(table[instances.labels.array]),
        structures=structures,
        status="determined" if determined else "undetermined",
        confidence=decoding.probability if kinds else 0.0,
        runner_up=_vertebrae(decoding.runner_up, kinds),
        runner_up_confidence=decoding.runner_up_probability,
        variant=decoding.variant.statement,
    )


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


def _vertebrae(names: tuple[str | None, ...], kinds: list[Kind]) -> tuple[str, ...]:
    """Names of the vertebrae in a sequence."""
    pairs = zip(names, kinds, strict=False)
    return tuple(name for name, kind in pairs if name is not None and kind is Kind.VERTEBRA)
