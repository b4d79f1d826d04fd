"""What the sacrum says of the vertebra above it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from spine_segmentation.anatomy import LEVELS
from spine_segmentation.instances import split_instances
from spine_segmentation.labeler import name_instances
from spine_segmentation.labeling.matching import match_series
from spine_segmentation.labeling.sacral import MISTAKEN, sacral_evidence
from spine_segmentation.results import Instances
from tests.phantoms import build, structures


def lumbar(last: str, *, sacrum: bool) -> Instances:
    return split_instances(build(structures("L1", last), sacrum=sacrum).semantic)


def one_too_high(instances: Instances, strength: float) -> np.ndarray:
    """A network that takes S1 for L5, and every level above for the one above it, yet not without doubt."""
    levels = np.array([LEVELS.index(name.split("-")[0]) for name in structures("L1", "S1")])
    evidence = np.full((len(instances.items), len(LEVELS)), -strength)
    rows = np.arange(len(levels))
    evidence[rows, levels] = -0.5
    evidence[rows, levels - 1] = 0.0
    return evidence


def test_only_the_marked_vertebra_has_evidence() -> None:
    instances = lumbar("S1", sacrum=True)
    evidence = sacral_evidence(instances.items)
    assert evidence.shape == (len(instances.items), len(LEVELS))
    assert not evidence[:-1].any()
    others = np.delete(evidence[-1], LEVELS.index("S1"))
    assert np.exp(evidence[-1, LEVELS.index("S1")]) == pytest.approx(1 - MISTAKEN)
    assert np.exp(others) == pytest.approx(MISTAKEN)
    assert not sacral_evidence(lumbar("S1", sacrum=False).items).any()
    assert sacral_evidence(()).shape == (0, len(LEVELS))


def test_the_sacrum_decides_where_the_network_is_one_level_off() -> None:
    with_sacrum, without = lumbar("S1", sacrum=True), lumbar("S1", sacrum=False)
    evidence = one_too_high(with_sacrum, 8.0)
    right, wrong = (name_instances(instances, evidence) for instances in (with_sacrum, without))
    assert [structure.best_name for structure in right.structures] == [*structures("L1", "S1")]
    assert right.confidence > wrong.confidence
    assert wrong.structures[-1].best_name == "L5"


def test_series_of_a_study_share_the_landmark() -> None:
    with_sacrum, without = lumbar("S1", sacrum=True).items, lumbar("S1", sacrum=False).items
    assert [item.above_sacrum for item in without] == [False] * len(without)
    moved = [replace(item, centroid=other.centroid) for item, other in zip(without, with_sacrum, strict=True)]
    (column,) = match_series([moved, with_sacrum])
    assert [item.above_sacrum for item in column.items] == [*[False] * (len(without) - 1), True]
