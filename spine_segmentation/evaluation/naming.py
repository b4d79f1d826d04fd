"""Names for observed windows: by the product, with these weights of the evidence or others, and by two baselines."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from spine_segmentation.anatomy import BY_NAME, LEVELS
from spine_segmentation.arrays import Floats
from spine_segmentation.evaluation.observation import ObservedWindow, as_instances
from spine_segmentation.labeler import decode_instances, label_instances
from spine_segmentation.labeling.enumeration import Enumeration
from spine_segmentation.labeling.geometry import WEIGHT
from spine_segmentation.labeling.variant import Statement
from spine_segmentation.levels import EVIDENCE_WEIGHT
from spine_segmentation.results import Labeling


@dataclass(frozen=True)
class Weights:
    """How much each evidence counts.

    Attributes:
        image: Of the labeling network's; independent pixels that one instance counts for.
        geometry: Of the spacing and tilt of neighbouring bodies; power of their likelihood.
    """

    image: float = EVIDENCE_WEIGHT
    geometry: float = WEIGHT


@dataclass(frozen=True)
class InstanceName:
    """What one instance is called.

    Attributes:
        name: The most likely name, whether determined or not.
        confidence: Its posterior probability.
        runner_up: The second most likely name, None if there is none.
        runner_up_confidence: Its posterior probability.
        named: False where the levels are determined and the product leaves the instance unnamed, as a false one.
    """

    name: str
    confidence: float
    runner_up: str | None
    runner_up_confidence: float
    named: bool = True


@dataclass(frozen=True)
class Naming:
    """What the instances of a window are called.

    Attributes:
        names: One per instance; None for an instance that is not delivered.
        confidence: Posterior probability of the whole sequence.
        determined: Whether the levels count as determined.
        variant: What is said of the number of vertebrae.
    """

    names: tuple[InstanceName | None, ...]
    confidence: float
    determined: bool
    variant: Statement = Statement.UNTOLD


Namer = Callable[[ObservedWindow], Naming]
"""Whatever names the instances of a window."""


def name_window(window: ObservedWindow, weights: Weights | None = None) -> Naming:
    """Name as the product does.

    Args:
        window: The observation.
        weights: None for the product's own.

    Returns:
        The names.
    """
    weights = weights or Weights()
    below_s1 = np.array([item.below_s1 for item in window.instances])
    return _name(window, weights, weights.image * below_s1)


def name_by_geometry(window: ObservedWindow) -> Naming:
    """Name by the position of the instances alone, without the image.

    Args:
        window: The observation.

    Returns:
        The names.
    """
    blind = tuple(item.model_copy(update={"above_sacrum": False}) for item in window.instances)
    return _name(window.model_copy(update={"instances": blind}), Weights(image=0.0), None)


def count_from_below(window: ObservedWindow) -> Naming:
    """Name by counting upwards, as if every field of view ended at the sacrum of a usual spine.

    A disc at the lower end is taken for L5-S1, a vertebra for S1.

    Args:
        window: The observation.

    Returns:
        The names, each with confidence 1.
    """
    column = iter(Enumeration(thoracic=12, lumbar=5).structures[::-1])
    names: list[InstanceName | None] = []
    for item in reversed(window.instances):
        name = next((name for name in column if BY_NAME[name].kind is item.kind), None)
        names.append(InstanceName(name, 1.0, None, 0.0) if name else None)
    return Naming(tuple(names[::-1]), 1.0, determined=bool(names))


def _name(window: ObservedWindow, weights: Weights, below_s1: Floats | None) -> Naming:
    instances = as_instances(window)
    levels = np.array([item.levels for item in window.instances]).reshape(-1, len(LEVELS))
    decoding = decode_instances(instances.items, weights.image * levels, below_s1, {}, weights.geometry)
    return _naming(label_instances(instances, decoding), window)


def _naming(labeling: Labeling, window: ObservedWindow) -> Naming:
    determined = labeling.status == "determined"
    names: list[InstanceName | None] = [
        InstanceName(
            name=found.best_name,
            confidence=found.confidence,
            runner_up=found.runner_up,
            runner_up_confidence=found.runner_up_confidence,
            named=found.name is not None or not determined,
        )
        for found in labeling.structures
    ]
    dropped = [None] * (len(window.instances) - len(names))
    return Naming((*names, *dropped), labeling.confidence, determined, labeling.variant)
