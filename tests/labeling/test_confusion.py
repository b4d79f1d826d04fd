"""Variants that the network takes for their neighbours are found by the number of vertebrae."""

from __future__ import annotations

import numpy as np
import pytest

from spine_segmentation.anatomy import LEVELS
from spine_segmentation.labeling.confusion import CONFUSION, allow_confusion
from spine_segmentation.labeling.sequence import decode
from tests.labeling.test_sequence import ideal, level, random_evidence
from tests.phantoms import kinds, structures


def seen_as(names: tuple[str, ...], true: str, taken_for: str, strength: float) -> np.ndarray:
    """Evidence of a network that takes one level for another, and never scores it."""
    evidence = ideal([taken_for if level(name) == level(true) else name for name in names], strength)
    evidence[:, LEVELS.index(true)] = -strength
    return evidence


@pytest.mark.parametrize("strength", [4.0, 8.0, 20.0])
@pytest.mark.parametrize("first", ["C2", "T8"])
@pytest.mark.parametrize(
    ("thoracic", "lumbar", "true", "taken_for"),
    [(12, 6, "L6", "L5"), (12, 6, "L6", "S1"), (13, 5, "T13", "T12"), (13, 5, "T13", "L1")],
)
def test_a_level_that_the_network_never_sees_is_found_by_counting(
    thoracic: int, lumbar: int, true: str, taken_for: str, first: str, strength: float
) -> None:
    names = structures(first, "S1", thoracic, lumbar)
    decoding = decode(kinds(names), allow_confusion(seen_as(names, true, taken_for, strength)))
    assert decoding.names == names
    assert decoding.probability > 0.9


@pytest.mark.parametrize(("thoracic", "lumbar"), [(12, 5), (12, 6), (12, 4), (13, 5), (11, 5)])
@pytest.mark.parametrize("strength", [6.0, 20.0])
def test_what_the_network_sees_right_stays_right(thoracic: int, lumbar: int, strength: float) -> None:
    names = structures("C2", "S1", thoracic, lumbar)
    decoding = decode(kinds(names), allow_confusion(ideal([*names], strength)))
    assert decoding.names == names
    assert decoding.probability > 0.9


def test_without_confusion_the_sixth_body_would_count_as_false() -> None:
    names = structures("C2", "S1", 12, 6)
    assert "L6" not in decode(kinds(names), seen_as(names, "L6", "L5", 20.0)).names


def test_it_is_a_change_of_probabilities_among_neighbours() -> None:
    taken_for = np.exp(allow_confusion(np.log(np.eye(len(LEVELS)) + 1e-300))).T
    assert taken_for.sum(axis=1) == pytest.approx(np.ones(len(LEVELS)))
    assert np.diag(taken_for) == pytest.approx(np.full(len(LEVELS), 1 - CONFUSION))
    by_name = {
        name: {LEVELS[k] for k in np.flatnonzero(row > 1e-9)} for name, row in zip(LEVELS, taken_for, strict=True)
    }
    assert by_name["T7"] == {"T6", "T7", "T8"}
    assert by_name["L6"] == {"L5", "L6", "S1"}
    assert by_name["S1"] == {"L6", "S1"}
    assert by_name["T12"] == {"T11", "T12", "T13", "L1"}


def test_no_single_structure_is_decisive() -> None:
    evidence = allow_confusion(100 * random_evidence(0, 20))
    best = evidence.argmax(axis=1)
    for row, k in zip(evidence, best, strict=True):
        beside = [j for j in (k - 1, k + 1) if 0 <= j < len(LEVELS) and "S1" not in (LEVELS[j], LEVELS[k])]
        assert all(row[k] - row[j] < 5.0 for j in beside)
