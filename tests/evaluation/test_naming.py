from __future__ import annotations

import numpy as np
import pytest

from spine_segmentation.anatomy import LEVELS, Kind
from spine_segmentation.evaluation.label_benchmark import Observer
from spine_segmentation.evaluation.naming import Weights, count_from_below, name_by_geometry, name_window
from spine_segmentation.evaluation.observation import ObservedWindow, WindowIdentity, as_instances
from spine_segmentation.evaluation.windows import list_windows
from spine_segmentation.labeler import name_instances
from spine_segmentation.labeling.geometry import geometry_evidence
from spine_segmentation.levels import EVIDENCE_WEIGHT
from tests.evaluation.columns import column, image_of, knowing


def observe(first: str, last: str, observer: Observer | None = None, visible: int = 3) -> ObservedWindow:
    """The lowest window of a column."""
    truth = column(first, last)
    window = list_windows(truth, [visible])[-1]
    rows = (window.first_rows[0], window.end_rows[0])
    identity = WindowIdentity(
        scan="a", patient="a", contrast=None, vertebrae=window.vertebrae, rows=rows, reaches_sacrum=True
    )
    return (observer or knowing())(image_of(truth), truth, window, identity)


WINDOW = observe("L1", "S1")


def test_the_products_weights_give_what_the_labeler_gives() -> None:
    instances = as_instances(WINDOW)
    levels = EVIDENCE_WEIGHT * np.array([item.levels for item in WINDOW.instances])
    labeling = name_instances(instances, levels, EVIDENCE_WEIGHT * np.array([i.below_s1 for i in WINDOW.instances]))
    naming = name_window(WINDOW)
    assert naming.confidence == pytest.approx(labeling.confidence)
    assert naming.determined == (labeling.status == "determined")
    for ours, theirs in zip(naming.names, labeling.structures, strict=True):
        assert ours is not None and (ours.name, ours.runner_up) == (theirs.best_name, theirs.runner_up)
        assert ours.confidence == pytest.approx(theirs.confidence)


def test_where_levels_are_determined_only_delivered_names_are_names() -> None:
    """A body that is found twice: one of the two is called false."""
    last = max(k for k, item in enumerate(WINDOW.instances) if item.kind is Kind.VERTEBRA)
    doubled = (*WINDOW.instances[: last + 1], WINDOW.instances[last], *WINDOW.instances[last + 1 :])
    window = WINDOW.model_copy(update={"instances": doubled})
    levels = EVIDENCE_WEIGHT * np.array([item.levels for item in doubled])
    below_s1 = EVIDENCE_WEIGHT * np.array([item.below_s1 for item in doubled])
    labeling = name_instances(as_instances(window), levels, below_s1)
    naming = name_window(window)
    assert naming.determined and None in [structure.name for structure in labeling.structures]
    for ours, theirs in zip(naming.names, labeling.structures, strict=True):
        assert ours is not None and (ours.name, ours.named) == (theirs.best_name, theirs.name is not None)


def test_where_levels_are_not_determined_the_most_likely_names_count() -> None:
    naming = name_window(WINDOW, Weights(image=0.0, geometry=0.0))
    assert not naming.determined and all(name is not None and name.named for name in naming.names)


def test_without_weight_geometry_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    image_alone = name_window(WINDOW, Weights(image=0.1, geometry=0.0))
    monkeypatch.setattr(
        "spine_segmentation.labeler.geometry_evidence", lambda items, _: np.zeros((len(items), len(LEVELS)))
    )
    levels = 0.1 * np.array([item.levels for item in WINDOW.instances])
    below_s1 = 0.1 * np.array([item.below_s1 for item in WINDOW.instances])
    assert image_alone.confidence == pytest.approx(name_instances(as_instances(WINDOW), levels, below_s1).confidence)


def test_geometry_alone_does_not_look_at_the_image() -> None:
    assert name_by_geometry(WINDOW) == name_by_geometry(observe("L1", "S1", knowing(shift=-3)))
    assert geometry_evidence(as_instances(WINDOW).items).any()


def test_geometry_alone_does_not_look_at_the_sacrum_that_the_segmenter_found() -> None:
    first = min(k for k, item in enumerate(WINDOW.instances) if item.kind is Kind.VERTEBRA)
    marked = [item.model_copy(update={"above_sacrum": k == first}) for k, item in enumerate(WINDOW.instances)]
    window = WINDOW.model_copy(update={"instances": tuple(marked)})
    assert name_by_geometry(window) == name_by_geometry(WINDOW)
    assert name_window(window) != name_window(WINDOW)


def test_counting_from_below_takes_the_lowest_body_for_s1() -> None:
    names = [name.name for name in count_from_below(WINDOW).names if name]
    assert WINDOW.instances[-1].kind is Kind.VERTEBRA
    assert names[-5:] == ["L4", "L4-L5", "L5", "L5-S1", "S1"]


def test_counting_from_below_takes_a_disc_at_the_lower_end_for_l5_s1() -> None:
    lowest = max(k for k, item in enumerate(WINDOW.instances) if item.kind is Kind.IVD)
    window = WINDOW.model_copy(update={"instances": WINDOW.instances[: lowest + 1]})
    assert [name.name for name in count_from_below(window).names if name][-2:] == ["L5", "L5-S1"]


def test_counting_from_below_passes_over_a_missed_disc_and_ends_with_the_column() -> None:
    bodies = tuple(item for item in WINDOW.instances if item.kind is Kind.VERTEBRA)
    names = count_from_below(WINDOW.model_copy(update={"instances": bodies * 8})).names
    assert [name.name for name in names[-3:] if name] == ["L4", "L5", "S1"]
    assert names[0] is None


def test_nothing_is_named_where_nothing_was_found() -> None:
    window = WINDOW.model_copy(update={"instances": ()})
    for namer in (name_window, name_by_geometry, count_from_below):
        naming = namer(window)
        assert naming.names == () and not naming.determined
