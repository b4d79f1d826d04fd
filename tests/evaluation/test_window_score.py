from __future__ import annotations

import pytest

from spine_segmentation.anatomy import Kind
from spine_segmentation.evaluation.naming import InstanceName, Naming, count_from_below
from spine_segmentation.evaluation.observation import ObservedWindow
from spine_segmentation.evaluation.window_score import level_offset, score_window
from tests.evaluation.test_naming import observe

WINDOW = observe("L1", "S1")
REQUIRED = [structure.instance for structure in WINDOW.structures]


def naming_of(window: ObservedWindow, shift: int = 0) -> Naming:
    """Counting from below, moved by so many vertebrae; right where the shift is 0."""
    named = count_from_below(window).names
    moved = [named[k + 2 * shift] if 0 <= k + 2 * shift < len(named) else None for k in range(len(named))]
    return Naming(tuple(moved), 0.7, determined=True)


def test_right_names_are_right() -> None:
    score = score_window(WINDOW, naming_of(WINDOW))
    assert [structure.name for structure in score.structures] == ["L4", "L4-L5", "L5", "L5-S1", "S1"]
    assert score.correct and score.strict and score.offset == 0
    assert (score.confidence, score.determined, score.error) == (0.7, True, None)


def test_shifted_names_are_wrong_and_the_offset_tells_by_how_much() -> None:
    score = score_window(WINDOW, naming_of(WINDOW, shift=-1))
    assert not score.correct and score.offset == -1
    assert not any(structure.correct for structure in score.structures)


def test_one_wrong_name_makes_a_window_wrong() -> None:
    names = list(naming_of(WINDOW).names)
    names[REQUIRED[1] or 0] = InstanceName("L3-L4", 0.9, None, 0.0)
    score = score_window(WINDOW, Naming(tuple(names), 0.7, determined=True))
    assert not score.correct and score.offset == 0
    assert sum(structure.correct for structure in score.structures) == 4


def test_a_structure_that_is_not_delivered_is_wrong() -> None:
    names = list(naming_of(WINDOW).names)
    names[REQUIRED[-1] or 0] = None
    last = score_window(WINDOW, Naming(tuple(names), 0.7, determined=True)).structures[-1]
    assert (last.predicted, last.confidence, last.correct) == (None, 0.0, False)


def test_a_structure_that_is_delivered_without_a_name_is_wrong_but_no_less_delivered() -> None:
    names = list(naming_of(WINDOW).names)
    names[REQUIRED[-1] or 0] = InstanceName("S1", 0.4, None, 0.0, named=False)
    last = score_window(WINDOW, Naming(tuple(names), 0.95, determined=True)).structures[-1]
    assert (last.predicted, last.confidence, last.correct) == (None, 0.0, False)
    island = WINDOW.instances[0].model_copy(update={"scored": True})
    window = WINDOW.model_copy(update={"instances": (*WINDOW.instances, island)})
    unnamed = InstanceName("L1", 0.4, None, 0.0, named=False)
    assert not score_window(window, Naming((*naming_of(WINDOW).names, unnamed), 0.95, determined=True)).strict


def test_the_least_sure_vertebra_is_one_that_is_whole() -> None:
    bodies = [k for k, item in enumerate(WINDOW.instances) if item.kind is Kind.VERTEBRA]
    names = [InstanceName("L4", 0.1 if k not in bodies else 0.9, None, 0.0) for k in range(len(WINDOW.instances))]
    names[bodies[-1]] = InstanceName("S1", 0.6, None, 0.0)
    assert score_window(WINDOW, Naming(tuple(names), 0.2, determined=True)).least_vertebra == 0.6
    cut = WINDOW.instances[bodies[-1]].model_copy(update={"fully_visible": False})
    window = WINDOW.model_copy(update={"instances": (*WINDOW.instances[:-1], cut)})
    assert score_window(window, Naming(tuple(names), 0.2, determined=True)).least_vertebra == 0.9


@pytest.mark.parametrize(("scored", "strict"), [(True, False), (False, True)])
def test_an_instance_too_many_is_false_where_the_truth_knows(scored: bool, strict: bool) -> None:
    island = WINDOW.instances[0].model_copy(update={"scored": scored})
    window = WINDOW.model_copy(update={"instances": (*WINDOW.instances, island)})
    naming = naming_of(WINDOW)
    score = score_window(window, Naming((*naming.names, InstanceName("L1", 0.5, None, 0.0)), 0.7, determined=True))
    assert score.correct and score.strict is strict
    assert score_window(window, Naming((*naming.names, None), 0.7, determined=True)).strict


@pytest.mark.parametrize(
    ("true", "predicted", "offset"),
    [
        ("L4", "L4", 0), ("L4", "L5", 1), ("L4", "L3", -1), ("T12", "L1", 1), ("L1", "T12", -1), ("T12", "T13", 1),
        ("T13", "L1", 1), ("L5", "S1", 1), ("L5", "L6", 1), ("L6", "S1", 1), ("C7", "T2", 2),
    ],
)  # fmt: skip
def test_offsets_count_levels_of_the_usual_column(true: str, predicted: str, offset: int) -> None:
    assert level_offset(true, predicted) == offset
