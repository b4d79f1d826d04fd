"""Several series of one patient, named together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest

from spine_segmentation.anatomy import LEVELS
from spine_segmentation.errors import UsageError
from spine_segmentation.instances import split_instances
from spine_segmentation.labeler import NO_LANDMARK, name_instances
from spine_segmentation.labeling.anchors import Anchor
from spine_segmentation.labeling.variant import Statement
from spine_segmentation.results import Labeling, LevelEvidence
from spine_segmentation.study import Look, effective_looks, label_study
from spine_segmentation.volume import Volume
from tests.phantoms import Phantom, build, structures

NAMES = structures("T9", "S1")
GRIDS = {"fine": (3.3, 0.9, 0.9), "coarse": (4.4, 1.2, 1.2)}


@pytest.fixture(scope="module")
def columns() -> dict[str, Phantom]:
    """The same spine on two grids, in one patient space."""
    return {name: build(NAMES, "lordosis", spacing) for name, spacing in GRIDS.items()}


def shown(phantom: Phantom, names: Sequence[str]) -> Phantom:
    """The phantom as if the field of view held these structures alone."""
    wanted = np.isin(phantom.truth, [phantom.number(name) for name in names])
    rows = np.flatnonzero(wanted.any(axis=(0, 2)))
    window = slice(max(0, rows[0] - 3), rows[-1] + 4)
    truth = np.where(wanted, phantom.truth, 0)[:, window]
    affine = phantom.semantic.affine.copy()
    affine[:3, 3] += affine[:3, 1] * window.start
    semantic = Volume(np.where(truth > 0, phantom.semantic.array[:, window], 0).astype(np.uint8), affine)
    return Phantom(semantic, truth, phantom.names)


def look(phantom: Phantom, strength: float = 12.0, shift: int = 0, title: str = "series 1") -> Look:
    """A series with evidence of this strength for its names, or for those so many levels further down."""
    instances = split_instances(phantom.semantic)
    evidence = np.roll(phantom.evidence(instances, strength), shift, axis=1)
    return Look(title, instances, LevelEvidence(evidence, np.full(len(evidence), -50.0)))


def alone(one: Look) -> Labeling:
    return name_instances(one.instances, one.evidence.levels, one.evidence.below_s1)


def names(labeling: Labeling) -> tuple[str | None, ...]:
    return tuple(structure.name for structure in labeling.structures)


def level(name: str) -> int:
    """The column of the evidence for a vertebra, of a disc that of the vertebra above."""
    return LEVELS.index(name.partition("-")[0])


def test_a_small_field_of_view_is_named_by_a_large_one(columns: dict[str, Phantom]) -> None:
    small = structures("L1", "L4")
    narrow = look(shown(columns["fine"], small), strength=0.0)
    assert alone(narrow).status != "determined"
    first, second = label_study([narrow, look(columns["coarse"], title="the localizer")])
    assert first.status == second.status == "determined"
    assert names(first) == small
    assert names(second) == NAMES
    assert first.remarks == ("Named together with the localizer.",)
    assert (first.companions, second.companions) == (("the localizer",), ("series 1",))
    assert second.remarks == ("Named together with series 1.",)
    assert first.labels.shape == narrow.instances.labels.shape


def test_the_order_of_the_series_does_not_matter(columns: dict[str, Phantom]) -> None:
    looks = [
        look(shown(columns["fine"], structures("T9", "L2")), 1.5),
        look(shown(columns["coarse"], structures("L1", "S1")), 2.0),
        look(columns["coarse"], 0.5),
    ]
    expected = label_study(looks)
    for order in permutations(range(3)):
        labelings = label_study([looks[k] for k in order])
        for k, labeling in zip(order, labelings, strict=True):
            assert names(labeling) == names(expected[k])
            assert labeling.confidence == pytest.approx(expected[k].confidence, abs=1e-6)


def test_one_series_alone_is_named_as_ever(columns: dict[str, Phantom]) -> None:
    one = look(columns["fine"], 2.0)
    (together,) = label_study([one])
    single = alone(one)
    assert names(together) == names(single)
    assert together.confidence == pytest.approx(single.confidence)
    assert together.remarks == single.remarks == together.companions == ()


def test_a_series_that_alone_is_sure_of_other_names_is_ambiguous(columns: dict[str, Phantom]) -> None:
    """As where the patient moved by a level between the series: nothing tells which names are right."""
    window = structures("T11", "L4")
    right, also = look(columns["fine"]), look(columns["coarse"], title="series 2")
    wrong = look(shown(columns["fine"], window), strength=6.0, shift=1, title="series 3")
    assert alone(wrong).status == "determined"
    first, second, disputed = label_study([right, also, wrong])
    assert names(first) == names(second) == NAMES
    assert disputed.status == "ambiguous"
    assert names(disputed) == (None,) * len(window)
    assert {candidate.names for candidate in disputed.candidates} == {window, alone(wrong).candidates[0].names}
    assert sum(candidate.probability for candidate in disputed.candidates) <= 1.0
    assert tuple(structure.best_name for structure in disputed.structures) == disputed.candidates[0].names
    assert disputed.remarks[-1] == "Alone this series would be named T12 L1 L2 L3 L4 L5."


def test_a_body_that_one_series_shows_fused_does_not_dispute_the_names(columns: dict[str, Phantom]) -> None:
    coarse = columns["coarse"]
    fused = replace(coarse, semantic=coarse.changed((coarse.mask("L2-L3"), 1)))
    instances = split_instances(fused.semantic)
    blocked = look(fused, strength=2.0, title="series 2")
    assert len(instances.items) < len(NAMES)
    first, second = label_study([look(columns["fine"], strength=2.0), blocked])
    assert names(first) == NAMES
    assert second.status == "determined"
    assert second.remarks[-1].startswith("Alone this series would be named T9 ")


def test_series_without_a_structure_in_common_are_named_apart(columns: dict[str, Phantom]) -> None:
    upper = look(shown(columns["fine"], structures("T9", "T12")), title="series 1")
    lower = look(shown(columns["coarse"], structures("L2", "S1")), title="series 2")
    first, second = label_study([upper, lower])
    assert names(first) == structures("T9", "T12")
    assert names(second) == structures("L2", "S1")
    assert first.remarks == (
        NO_LANDMARK,
        "Named apart from series 2: no structures in common in the same order were found.",
    )


def test_a_level_at_two_places_is_said_of_both(columns: dict[str, Phantom]) -> None:
    upper = look(shown(columns["fine"], structures("T9", "T12")))
    lower = look(shown(columns["coarse"], structures("L2", "S1")), shift=-4, title="series 2")
    for labeling, title in zip(label_study([upper, lower]), ("series 2", "series 1"), strict=True):
        assert labeling.status == "determined"
        assert labeling.remarks[-1].startswith(f"The names are contradicted by {title}: its T1")


def test_another_number_of_vertebrae_in_a_series_named_apart_is_said(columns: dict[str, Phantom]) -> None:
    """As where the patient was moved between the series, so that places do not correspond."""
    other = build(structures("T10", "S1", 12, 6))
    affine = other.semantic.affine.copy()
    affine[2, 3] += 1000.0
    moved = Phantom(Volume(other.semantic.array, affine), other.truth, other.names)
    first, second = label_study([look(columns["fine"]), look(moved, title="series 2")])
    assert first.remarks[-1] == "The number of vertebrae is contradicted by series 2: L6 present."
    assert second.remarks[-1] == "The number of vertebrae is contradicted by series 1: normal."


def test_evidence_of_two_series_counts_more_than_of_one(columns: dict[str, Phantom]) -> None:
    one = look(shown(columns["fine"], structures("L1", "L3")), strength=0.8)
    same = look(shown(columns["coarse"], structures("L1", "L3")), strength=0.8, title="series 2")
    assert label_study([one, same])[0].confidence > label_study([one])[0].confidence


def test_looks_count_for_less_than_their_number() -> None:
    counts = [effective_looks(count) for count in range(1, 6)]
    assert counts[:3] == pytest.approx([1, 4 / 3, 3 / 2])
    assert counts == sorted(counts) and counts[-1] < 2


def test_what_is_known_of_the_first_series_holds_for_all(columns: dict[str, Phantom]) -> None:
    looks = [
        look(shown(columns["fine"], structures("T12", "L4")), strength=0.0),
        look(shown(columns["coarse"], structures("L1", "L5")), strength=0.0, title="series 2"),
    ]
    first, second = label_study(looks, [Anchor("L4", "lowest")])
    assert names(first) == structures("T12", "L4")
    assert names(second) == structures("L1", "L5")
    assert first.anchors == second.anchors == ("L4=lowest",)
    with pytest.raises(UsageError, match="contradict"):
        label_study(looks, [Anchor("L4", "lowest"), Anchor("L5", "highest")])


def test_an_anchor_settles_the_numbering_and_what_it_overrules_is_said(columns: dict[str, Phantom]) -> None:
    anchors = [Anchor("T10", "highest"), Anchor("L4", "lowest")]
    wide = look(shown(columns["fine"], structures("T11", "L5")), strength=2.0)
    narrow = look(shown(columns["coarse"], structures("T12", "L3")), strength=2.0, title="series 2")
    single = name_instances(wide.instances, wide.evidence.levels, wide.evidence.below_s1, anchors=anchors)
    assert label_study([wide], anchors)[0].remarks == single.remarks
    first, second = label_study([wide, narrow], anchors)
    assert names(first) == structures("T10", "L4")
    assert names(second) == structures("T11", "L2")
    assert "Without what is known beforehand this would be T11 T12 L1 L2 L3 L4 L5." in first.remarks
    assert "Without what is known beforehand this would be T12 L1 L2 L3." in second.remarks


def test_a_series_without_a_spine_does_no_harm(columns: dict[str, Phantom]) -> None:
    phantom = columns["coarse"]
    nothing = look(Phantom(phantom.semantic.with_array(np.zeros_like(phantom.semantic.array)), phantom.truth, NAMES))
    assert nothing.evidence.levels.shape == (0, len(LEVELS))
    empty, full = label_study([nothing, look(columns["fine"], title="series 2")])
    assert (empty.structures, empty.status) == ((), "undetermined")
    assert names(full) == NAMES


def torn(phantom: Phantom, likelihoods: dict[str, float]) -> Look:
    """A series that sees well what it shows, but for its lowest body, of which it thinks this."""
    seen = look(phantom, strength=1.0, title="series 2")
    levels = seen.evidence.levels.copy()
    levels[-1] = -12.0
    levels[-1, [level(name) for name in likelihoods]] = [*likelihoods.values()]
    return replace(seen, evidence=replace(seen.evidence, levels=levels))


def test_what_another_series_leaves_open_elsewhere_takes_no_names(columns: dict[str, Phantom]) -> None:
    """Whether the lowest body is S1 or L6 says nothing of the vertebrae above, only of the disc."""
    narrow = look(shown(columns["fine"], structures("T11", "L5-S1")), strength=1.0)
    wide = torn(shown(columns["coarse"], structures("T11", "S1")), {"L6": 0.0, "S1": -2.5})
    first, second = label_study([narrow, wide])
    assert alone(narrow).status == first.status == "determined"
    assert second.status == "ambiguous"
    assert names(first)[:-1] == structures("T11", "L5")
    assert first.confidence == pytest.approx(1.0, abs=0.01)
    assert len(first.candidates) == 1


@pytest.mark.parametrize("doubt", np.arange(0.04, 0.2, 0.04))
def test_names_and_confidence_are_those_of_one_candidate(columns: dict[str, Phantom], doubt: float) -> None:
    """The best candidate of all structures need not be the best one of those that a series shows."""
    wide = look(shown(columns["coarse"], structures("T12", "S1")), strength=0.0, title="series 2")
    levels = np.full(wide.evidence.levels.shape, -8.0)
    for row, name, above in zip(levels, structures("T12", "S1"), structures("T11", "L5"), strict=True):
        row[level(name)], row[level(above)] = 0.0, doubt
    levels[-1, level("L5")] = -4.0
    narrow = look(shown(columns["fine"], structures("T12", "L4")), strength=0.0)
    labeling = label_study([narrow, replace(wide, evidence=replace(wide.evidence, levels=levels))])[0]
    assert tuple(structure.best_name for structure in labeling.structures) == labeling.candidates[0].names
    assert labeling.confidence == labeling.candidates[0].probability == max(c.probability for c in labeling.candidates)
    assert min(structure.confidence for structure in labeling.structures) >= labeling.confidence - 1e-6


def test_a_number_of_vertebrae_that_is_open_for_all_series_is_told_of_none() -> None:
    """The neck is determined, whatever the column is like further down."""
    whole = build(structures("C2", "S1", 11, 5), "natural", (4.4, 1.2, 1.2))
    neck = look(shown(whole, structures("C2", "T6")), strength=6.0)
    column = look(whole, title="series 2")
    blurred = [level("T7") <= level(name) <= level("L5") for name in whole.names]
    levels = np.where(np.array(blurred)[:, None], 0.0, column.evidence.levels)
    first, second = label_study([neck, replace(column, evidence=replace(column.evidence, levels=levels))])
    assert first.status == "determined"
    assert second.status == "ambiguous"
    assert (first.variant, first.variant_odds) == (Statement.UNTOLD, None)
