"""Names on analytic spines with ideal evidence: what the reference system gets right, and what it does not."""

from __future__ import annotations

from itertools import permutations, product

import numpy as np
import pytest

from spine_segmentation.anatomy import BY_ID, BY_NAME, IVD, LEVELS, VERTEBRA, Kind
from spine_segmentation.errors import InvalidVolume, UsageError
from spine_segmentation.instances import split_instances
from spine_segmentation.labeler import MAX_PER_KIND, NO_LANDMARK, name_instances
from spine_segmentation.labeling.decoding import DETERMINED_POSTERIOR
from spine_segmentation.labeling.geometry import PAIRS, GeometryTable
from spine_segmentation.results import Instance, Instances, Labeling
from spine_segmentation.volume import Volume
from tests.phantoms import Phantom, build, structures


def label(phantom: Phantom, semantic: Volume | None = None, strength: float = 12.0) -> Labeling:
    instances = split_instances(semantic or phantom.semantic)
    return name_instances(instances, phantom.evidence(instances, strength))


def names(labeling: Labeling) -> list[str | None]:
    return [structure.name for structure in labeling.structures]


CASES = {
    "whole normal spine": structures("C2", "S1"),
    "lumbarised": structures("C2", "S1", 12, 6),
    "sacralised": structures("C2", "S1", 12, 4),
    "thirteen thoracic": structures("C2", "S1", 13, 5),
    "eleven thoracic": structures("C2", "S1", 11, 5),
    "T10 to S1": structures("T10", "S1"),
    "T5 to T9": structures("T5", "T9"),
    "disc first": structures("L1-L2", "S1"),
    "disc last": structures("T12", "L5-S1"),
    "two vertebrae and one disc": structures("L4", "L5"),
    "one vertebra": ("L3",),
    "one disc": ("L3-L4",),
}


@pytest.mark.parametrize("case", CASES)
def test_names_and_voxels(case: str) -> None:
    course = "natural" if len(CASES[case]) > 15 else "lordosis" if len(CASES[case]) > 5 else "straight"
    phantom = build(CASES[case], course, sacrum=CASES[case][-1] == "S1")
    labeling = label(phantom)
    assert labeling.status == "determined"
    assert names(labeling) == [*CASES[case]]
    ids = np.array([0, *(BY_NAME[name].id for name in phantom.names)], dtype=np.uint8)
    assert labeling.labels.array.dtype == np.uint8
    assert (labeling.labels.array == ids[phantom.truth]).mean() > 0.9999


def test_the_disc_between_l5_and_s1_has_its_right_name() -> None:
    labeling = label(build(structures("T10", "S1")))
    assert [(s.name, s.id) for s in labeling.structures][-3:] == [("L5", 45), ("L5-S1", 50), ("S1", 49)]
    labeling = label(build(structures("T10", "S1", 12, 4)))
    assert [(s.name, s.id) for s in labeling.structures][-3:] == [("L4", 43), ("L4-S1", 51), ("S1", 49)]


@pytest.mark.parametrize("kept", [VERTEBRA, IVD])
def test_only_bodies_or_only_discs(kept: int) -> None:
    phantom = build(structures("T10", "S1"), "lordosis")
    labeling = label(phantom, phantom.changed((phantom.semantic.array != kept, 0)))
    kind = Kind.VERTEBRA if kept == VERTEBRA else Kind.IVD
    assert names(labeling) == [name for name in phantom.names if BY_NAME[name].kind is kind]


def test_nothing_found() -> None:
    phantom = build(["L3"])
    labeling = label(phantom, phantom.changed((phantom.truth > 0, 0)))
    assert (labeling.structures, labeling.status, labeling.confidence) == ((), "undetermined", 0.0)
    assert not labeling.labels.array.any()
    assert labeling.variant == "cannot tell from this field of view"


@pytest.mark.parametrize("offset", [(0, 0, 40), (0, 20, 40), (4, -15, 36)])
def test_stray_island_of_100_voxels(offset: tuple[int, int, int]) -> None:
    phantom = build(structures("C2", "S1"), "natural", (3.3, 0.8, 0.8), margin=30)
    middle = np.argwhere(phantom.mask("T9-T10")).mean(axis=0).astype(int) + offset
    island = np.zeros(phantom.semantic.shape, dtype=bool)
    island[tuple(slice(k, k + n) for k, n in zip(middle, (4, 5, 5), strict=True))] = True
    labeling = label(phantom, phantom.changed((island & (phantom.truth == 0), VERTEBRA)))
    assert names(labeling) == [*phantom.names]


@pytest.mark.parametrize("slices", [1, 2])
def test_one_and_two_slices(slices: int) -> None:
    phantom = build(structures("T8", "S1"), "lordosis", slices=slices)
    assert names(label(phantom)) == [*phantom.names]


@pytest.mark.parametrize(("rows", "columns"), [(1100, 251), (801, 321)])
def test_high_and_odd_images(rows: int, columns: int) -> None:
    phantom = build(structures("C2", "S1"), "natural", (4.0, 0.8, 0.8))
    extra = np.array([phantom.semantic.shape[0], rows, columns]) - phantom.semantic.shape
    pads = [(0, int(more)) for more in extra]
    semantic = Volume(np.pad(phantom.semantic.array, pads), phantom.semantic.affine)
    padded = Phantom(semantic, np.pad(phantom.truth, pads), phantom.names)
    labeling = label(padded)
    assert labeling.labels.shape == padded.semantic.shape
    assert names(labeling) == [*phantom.names]
    ids = np.array([0, *(BY_NAME[name].id for name in phantom.names)], dtype=np.uint8)
    assert (labeling.labels.array == ids[padded.truth]).mean() > 0.9999


@pytest.mark.parametrize("gone", ["L2-L3", "L3"])
def test_a_missed_structure_does_not_shift_the_names(gone: str) -> None:
    phantom = build(structures("T10", "S1"), "lordosis")
    labeling = label(phantom, phantom.changed((phantom.mask(gone), 0)))
    assert names(labeling) == [name for name in phantom.names if name != gone]


def test_fused_bodies_do_not_shift_the_names() -> None:
    phantom = build(structures("T10", "S1"), "lordosis")
    labeling = label(phantom, phantom.changed((phantom.mask("L2-L3"), VERTEBRA)))
    gone = {"L2-L3", "L2", "L3"} - set(names(labeling))
    assert len(gone) == 2
    assert names(labeling) == [name for name in phantom.names if name not in gone]


def ordered_evidence(phantom: Phantom, instances: Instances, slope: float = 1.0) -> np.ndarray:
    """As of a real network: so many nats for every level off, three at most."""
    truth = phantom.evidence(instances).argmax(axis=1)
    return -np.minimum(slope * abs(np.arange(len(LEVELS)) - truth[:, None]), 3.0)


@pytest.mark.parametrize(
    ("first", "last", "lost"),
    [
        ("C2", "T3", ("C6", "C6-C7")),
        ("C2", "T3", ("C5-C6", "C6", "C6-C7")),
        ("T10", "S1", ("L2-L3", "L3", "L3-L4")),
        ("T10", "S1", ("L1", "L1-L2")),
        ("T8", "S1", ("L2", "L2-L3", "L3", "L3-L4", "L4")),
    ],
)
def test_a_body_lost_with_its_discs_shifts_no_name_under_weak_evidence(
    first: str, last: str, lost: tuple[str, ...]
) -> None:
    phantom = build(structures(first, last), "natural")
    instances = split_instances(phantom.changed(*((phantom.mask(name), 0) for name in lost)))
    labeling = name_instances(instances, ordered_evidence(phantom, instances))
    assert [s.best_name for s in labeling.structures] == [name for name in phantom.names if name not in lost]


@pytest.mark.parametrize(("first", "last", "disc"), [("C2", "T3", "C5-C6"), ("T10", "S1", "L2-L3")])
def test_a_block_vertebra_shifts_no_name_under_weak_evidence(first: str, last: str, disc: str) -> None:
    phantom = build(structures(first, last), "natural")
    middle = np.argwhere(phantom.mask(disc)).mean(axis=0)
    bridge = abs(np.indices(phantom.truth.shape)[2] - middle[2]) < 12  # without a waist it stays one body
    instances = split_instances(
        phantom.changed((phantom.mask(disc) & bridge, VERTEBRA), (phantom.mask(disc) & ~bridge, 0))
    )
    labeling = name_instances(instances, ordered_evidence(phantom, instances))
    fused = {disc, *disc.split("-")}
    best = [s.best_name for s in labeling.structures]
    assert [name for name in best if name not in fused] == [name for name in phantom.names if name not in fused]


def test_false_instance_has_an_id_of_its_own() -> None:
    phantom = build(structures("T10", "S1"))
    instances = split_instances(phantom.semantic)
    evidence = phantom.evidence(instances)
    shortened = [name for name in phantom.names if name != "L1-L2"]
    assert len(shortened) == len(instances.items) - 1
    items = list(instances.items)
    false = Instance(len(items) + 1, Kind.VERTEBRA, items[3].position + 1, (0.0, 0.0, 0.0), 200.0, True)
    items.insert(4, false)
    evidence = np.insert(evidence, 4, 0.0, axis=0)
    labeling = name_instances(Instances(instances.labels, tuple(items)), evidence)
    assert labeling.status == "determined"
    assert [name for name in names(labeling) if name] == [*phantom.names]
    unnamed = labeling.structures[4]
    assert (unnamed.name, unnamed.id, unnamed.title) == (None, 103, "Vertebra 3 (level undetermined)")
    assert unnamed.short_title == "Vertebra 3"
    assert unnamed.best_name in BY_NAME


def test_undetermined_structures_are_numbered_by_kind() -> None:
    phantom = build(structures("L1-L2", "L4"))
    labeling = label(phantom, strength=0.0)
    assert labeling.status == "undetermined"
    assert [s.id for s in labeling.structures] == [201, 101, 202, 102, 203, 103]
    assert names(labeling) == [None] * 6
    assert all(BY_NAME[s.best_name].kind is s.kind for s in labeling.structures)
    assert set(np.unique(labeling.labels.array)) == {0, 201, 101, 202, 102, 203, 103}
    assert labeling.confidence < 0.5
    assert len(labeling.runner_up) == 3


def test_runner_up_lists_the_other_vertebrae() -> None:
    phantom = build(structures("L2", "L4-L5"))
    instances = split_instances(phantom.semantic)
    evidence = phantom.evidence(instances, 2.0)
    evidence[:, :-1] = np.maximum(evidence[:, :-1], evidence[:, 1:] - 0.5)
    labeling = name_instances(instances, evidence)
    assert labeling.status == "ambiguous"
    assert labeling.runner_up == ("L1", "L2", "L3")
    assert 0 < labeling.runner_up_confidence < labeling.confidence


def test_two_windows_that_explain_everything_are_ambiguous_and_name_nothing() -> None:
    phantom = build(structures("L2", "L4"))
    instances = split_instances(phantom.semantic)
    evidence = phantom.evidence(instances, 30.0)
    evidence[:, 1:] = np.maximum(evidence[:, 1:], evidence[:, :-1])
    labeling = name_instances(instances, evidence)
    assert labeling.status == "ambiguous"
    assert {candidate.title for candidate in labeling.candidates} == {"L2 L3 L4", "L3 L4 L5"}
    assert sum(candidate.probability for candidate in labeling.candidates) > DETERMINED_POSTERIOR
    assert names(labeling) == [None] * 5
    assert [s.id for s in labeling.structures] == [101, 201, 102, 202, 103]


def test_what_may_lie_below_s1_is_kept_while_the_levels_are_open() -> None:
    """The other candidate needs it as S1."""
    phantom = build(structures("L3", "S1"), "lordosis")
    instances = split_instances(phantom.semantic)
    evidence = phantom.evidence(instances, 30.0)
    evidence[:, 1:] = np.maximum(evidence[:, 1:], evidence[:, :-1])
    below_s1 = np.full(len(instances.items), -30.0)
    below_s1[-2:] = 3.5
    labeling = name_instances(instances, evidence, below_s1)
    assert labeling.status == "ambiguous"
    assert labeling.candidates[0].title == "L4 L5 S1"
    assert len(labeling.structures) == len(instances.items)
    assert labeling.variant.startswith("cannot tell") and labeling.variant_odds is None


def test_what_is_determined_has_one_candidate_and_keeps_its_runner_up() -> None:
    labeling = label(build(structures("T12", "L5-S1")), strength=30.0)
    (candidate,) = labeling.candidates
    assert candidate.title == "T12 L1 L2 L3 L4 L5 L5-S1"
    assert candidate.vertebrae == ("T12", "L1", "L2", "L3", "L4", "L5")
    assert labeling.runner_up not in ((), candidate.vertebrae)
    assert labeling.runner_up_confidence < 1e-3


def test_without_sacrum_and_c2_the_result_says_what_the_levels_rest_on() -> None:
    assert label(build(structures("L1", "L4"))).remarks == (NO_LANDMARK,)
    assert label(build(structures("L1", "S1"))).remarks == ()
    assert label(build(structures("C2", "C6"))).remarks == ()


def test_the_variant_has_its_odds() -> None:
    told, untold = label(build(structures("T10", "S1", 12, 6))), label(build(structures("L1", "L4")))
    assert told.variant == "L6 present" and told.variant_odds is not None and told.variant_odds > 20
    assert untold.variant.startswith("cannot tell") and untold.variant_odds is None


def test_every_structure_carries_its_posterior() -> None:
    labeling = label(build(structures("T10", "S1")))
    for structure in labeling.structures:
        assert structure.confidence >= labeling.confidence - 1e-3
        assert structure.runner_up != structure.best_name
        assert BY_ID[structure.id].name == structure.name


def test_refuses_more_structures_than_ids() -> None:
    grid = Volume.from_axes(np.zeros((1, 2, 2), dtype=np.uint16), "LIP", (1.0, 1.0, 1.0))
    item = Instance(1, Kind.IVD, 0.0, (0.0, 0.0, 0.0), 1.0, True)
    count = MAX_PER_KIND + 1
    with pytest.raises(InvalidVolume, match="one kind"):
        name_instances(Instances(grid, (item,) * count), np.zeros((count, len(LEVELS))))


def test_sacral_segments_taken_for_vertebrae_are_dropped_and_shift_nothing() -> None:
    """Below S1 the segmentation may find a residual disc and a second sacral segment: the evidence says so."""
    names = ("L4", "L4-L5", "L5", "L5-S1", "S1", "S1-S2", "S2")
    kinds = [Kind.IVD if "-" in name else Kind.VERTEBRA for name in names]
    labels = np.repeat(np.arange(1, 8, dtype=np.uint16), 4).reshape(1, 7, 4)
    items = tuple(Instance(k + 1, kind, 20.0 * k, (0.0, 0.0, 0.0), 1.0, True) for k, kind in enumerate(kinds))
    evidence = np.full((7, len(LEVELS)), -4.0)
    for row, name in enumerate(names[:5]):
        evidence[row, LEVELS.index(name.split("-")[0])] = -0.1
    below_s1 = np.array([-4.0] * 5 + [-0.1] * 2)
    labeling = name_instances(Instances(Volume.from_axes(labels, "LIP", (4.0, 1.0, 1.0)), items), evidence, below_s1)
    assert [structure.name for structure in labeling.structures] == list(names[:5])
    assert labeling.status == "determined"
    assert labeling.labels.array[0, :, 0].tolist() == [43, 44, 45, 50, 49, 0, 0]


def test_evidence_of_another_number_of_instances_is_refused() -> None:
    instances = split_instances(build(structures("L1", "L4")).semantic)
    with pytest.raises(UsageError, match="instances"):
        name_instances(instances, np.zeros((1, len(LEVELS))))


def test_where_the_image_says_nothing_the_positions_of_the_bodies_speak() -> None:
    """Bodies as far apart, and the column as tilted, as in the mean lumbar spine."""
    centres = [np.zeros(3)]
    for log_spacing, tilt, _ in GeometryTable.read().mean[PAIRS.index(("T10", "T11")) : PAIRS.index(("L5", "S1")) + 1]:
        centres.append(centres[-1] + np.exp(log_spacing) * np.array([0.0, np.sin(tilt), -np.cos(tilt)]))
    items = tuple(
        Instance(k + 1, Kind.VERTEBRA, float(k), (float(x), float(y), float(z)), 1e4, True)
        for k, (x, y, z) in enumerate(centres)
    )
    labels = Volume(np.arange(len(items) + 1, dtype=np.uint16).reshape(-1, 1, 1), np.eye(4))
    labeling = name_instances(Instances(labels, items), np.zeros((len(items), len(LEVELS))))
    assert [s.best_name for s in labeling.structures] == ["T10", "T11", "T12", "L1", "L2", "L3", "L4", "L5", "S1"]


AXES = ["".join(letters) for order in permutations(("LR", "IS", "PA")) for letters in product(*order)]


@pytest.mark.parametrize("axes", AXES)
def test_the_order_of_the_axes_changes_nothing(axes: str) -> None:
    """Upside down, mirrored and transposed volumes: the same names, candidates and voxels."""
    phantom = build(structures("T11", "L4"), "lordosis", (4.0, 1.2, 1.2))
    instances = split_instances(phantom.semantic)
    evidence = phantom.evidence(instances, 1.0)
    expected = name_instances(instances, evidence)
    turn = phantom.semantic.reorientation(axes)
    turned = name_instances(split_instances(phantom.semantic.reorient(turn)), evidence)
    assert [s.best_name for s in turned.structures] == [s.best_name for s in expected.structures]
    assert turned.confidence == pytest.approx(expected.confidence, abs=1e-6)
    assert [c.names for c in turned.candidates] == [c.names for c in expected.candidates]
    assert (turn.undo(turned.labels.array) == expected.labels.array).all()
