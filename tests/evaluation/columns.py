"""Labelled columns with known answers, and networks that know the truth."""

from __future__ import annotations

import numpy as np

from spine_segmentation.anatomy import BY_ID, BY_NAME, LEVELS
from spine_segmentation.evaluation.label_benchmark import Observer
from spine_segmentation.evaluation.true_instances import true_instances
from spine_segmentation.results import LevelEvidence
from spine_segmentation.study import Look
from spine_segmentation.volume import Volume
from tests.phantoms import Phantom, build, structures

STRENGTH = 12.0
"""Log-likelihood ratio of the level that a network believes in."""


def label_map(phantom: Phantom) -> Volume:
    """Structure ids of a phantom."""
    ids = np.array([0, *(BY_NAME[name].id for name in phantom.names)], np.uint8)
    return phantom.semantic.with_array(ids[phantom.truth])


def column(first: str = "T10", last: str = "S1", course: str = "natural") -> Volume:
    """Structure ids of a curved column."""
    return label_map(build(structures(first, last), course, spacing=(4.0, 1.2, 1.2)))


def image_of(truth: Volume) -> Volume:
    """An image that shows a truth: its ids are its intensities, so that a network can tell everything from it."""
    return truth.with_array(truth.array.astype(np.int16))


def knowing(shift: int = 0) -> Observer:
    """Networks that see the truth in the image, and name every structure so many levels too low."""

    def look(image: Volume, truth: Volume) -> Look:
        instances = true_instances(truth)
        evidence = np.full((len(instances.items), len(LEVELS)), -STRENGTH)
        for k, item in enumerate(instances.items):
            shown = image.array[instances.labels.array == item.label].astype(np.intp)
            name = BY_ID[int(np.bincount(shown).argmax())].name
            usual = [level for level in LEVELS if level not in ("T13", "L6")]
            level = usual[(usual.index(name.split("-")[0]) + shift) % len(usual)]
            evidence[k, LEVELS.index(level)] = 0.0
        return Look("", instances, LevelEvidence(evidence, np.full(len(instances.items), -STRENGTH)))

    return Observer(look, (), true_instances=True)
