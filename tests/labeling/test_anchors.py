"""What the user says about the levels: which structure it means, and that it is obeyed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from spine_segmentation.anatomy import LEVELS
from spine_segmentation.errors import UsageError
from spine_segmentation.instances import split_instances
from spine_segmentation.labeler import name_instances
from spine_segmentation.labeling.anchors import REACH_MM, Anchor, find_anchored
from spine_segmentation.results import Instances, Labeling
from tests.phantoms import build, structures

NAMES = structures("L1", "L5")


@pytest.fixture(scope="module")
def instances() -> Instances:
    """Five bodies and four discs of which nothing says what they are."""
    return split_instances(build(NAMES).semantic)


def labelled(instances: Instances, *anchors: str) -> Labeling:
    evidence = np.zeros((len(instances.items), len(LEVELS)))
    return name_instances(instances, evidence, anchors=[Anchor.parse(text) for text in anchors])


@pytest.mark.parametrize(
    "text", ["L5=lowest", "S1=highest", "L4-L5=1.5,-2,30", "T13=-0.25,4,-120", "L1=0.00002,0,-1234567"]
)
def test_anchors_are_read_and_written(text: str) -> None:
    assert str(Anchor.parse(text)) == text
    assert Anchor.parse(f" {text.replace('=', ' = ').replace(',', ' , ')} ") == Anchor.parse(text)


@pytest.mark.parametrize(
    "text", ["", "L5", "L5=", "L5=middle", "L5=1,2", "L5=1,2,3,4", "L5=a,b,c", "=lowest", "L5=1e3,2,nan"]
)
def test_other_forms_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match="anchor"):
        Anchor.parse(text)


@pytest.mark.parametrize("name", ["L9", "C1", "L5-L4", "S2 and below", "l5"])
def test_structures_that_do_not_exist_are_refused(name: str) -> None:
    with pytest.raises(UsageError, match="anchor"):
        Anchor(name, "lowest")


def test_lowest_and_highest_are_of_their_kind(instances: Instances) -> None:
    last = len(NAMES) - 1
    assert find_anchored([Anchor("L5", "lowest")], instances) == {last: "L5"}
    assert find_anchored([Anchor("L4-L5", "lowest")], instances) == {last - 1: "L4-L5"}
    assert find_anchored([Anchor("L1", "highest"), Anchor("L1-L2", "highest")], instances) == {0: "L1", 1: "L1-L2"}


@pytest.mark.parametrize("name", NAMES)
def test_a_point_means_the_structure_it_lies_in(name: str, instances: Instances) -> None:
    k = NAMES.index(name)
    assert find_anchored([Anchor(name, instances.items[k].centroid)], instances) == {k: name}


def beside(instances: Instances, distance: float) -> tuple[float, float, float]:
    """A point so far in front of the third body."""
    inside = instances.labels.to_patient(np.argwhere(instances.labels.array == instances.items[4].label))
    x, _, z = instances.items[4].centroid
    return x, float(inside[:, 1].min()) - distance, z


def test_a_point_means_the_nearest_structure_within_reach(instances: Instances) -> None:
    near, far = beside(instances, REACH_MM - 2), beside(instances, REACH_MM + 2)
    assert find_anchored([Anchor("L3", near)], instances) == {4: "L3"}
    with pytest.raises(UsageError, match="no structure within"):
        find_anchored([Anchor("L3", far)], instances)


def test_a_point_in_a_disc_names_no_vertebra(instances: Instances) -> None:
    with pytest.raises(UsageError, match="not of kind vertebra"):
        find_anchored([Anchor("L3", instances.items[3].centroid)], instances)


def test_without_structures_there_is_nothing_to_anchor(instances: Instances) -> None:
    empty = Instances(instances.labels.with_array(np.zeros_like(instances.labels.array)), ())
    for place in ("lowest", (0.0, 0.0, 0.0)):
        with pytest.raises(UsageError, match="anchor L3"):
            find_anchored([Anchor("L3", place)], empty)


def test_an_anchor_determines_everything(instances: Instances) -> None:
    assert labelled(instances).status != "determined"
    for anchor, expected in {"L5=lowest": NAMES, "T7=highest": structures("T7", "T11")}.items():
        labeling = labelled(instances, anchor)
        assert labeling.status == "determined"
        assert tuple(structure.name for structure in labeling.structures) == expected
        assert labeling.anchors == (anchor,)


def test_anchors_that_agree_are_all_reported(instances: Instances) -> None:
    x, y, z = (round(coordinate, 1) for coordinate in instances.items[0].centroid)
    anchors = ("L5=lowest", f"L1={x:g},{y:g},{z:g}")
    assert labelled(instances, *anchors).anchors == anchors


@pytest.mark.parametrize(
    "anchors", [("L1=lowest", "L5=highest"), ("L5=lowest", "L4=lowest"), ("L5=highest", "L5=lowest")]
)
def test_anchors_that_contradict_one_another_are_refused(anchors: tuple[str, ...], instances: Instances) -> None:
    with pytest.raises(UsageError, match=r"contradict one another|name one structure"):
        labelled(instances, *anchors)


def test_an_anchor_below_the_network_s_sacrum_keeps_its_structure(instances: Instances) -> None:
    """What the image calls part of the sacrum is not dropped if the user says that it is L5."""
    evidence = np.zeros((len(instances.items), len(LEVELS)))
    below_s1 = np.full(len(instances.items), -9.0)
    below_s1[-2:] = 9.0
    labeling = name_instances(instances, evidence, below_s1, anchors=[Anchor("L5", "lowest")])
    assert labeling.structures[-1].name == "L5"


def test_anchors_hold_for_a_volume_that_is_upside_down(instances: Instances) -> None:
    flipped = instances.labels.reorient(instances.labels.reorientation("LSA"))
    labeling = labelled(
        replace(instances, labels=flipped), "L3=" + ",".join(f"{c:.2f}" for c in instances.items[4].centroid)
    )
    assert labeling.structures[4].name == "L3"


def test_what_would_be_said_without_an_anchor_is_told_where_it_differs(instances: Instances) -> None:
    evidence = build(NAMES).evidence(instances)
    remark = "Without what is known beforehand this would be L1 L2 L3 L4 L5."
    told = {
        name: name_instances(instances, evidence, anchors=[Anchor(name, "lowest")]).remarks for name in ("L4", "L5")
    }
    assert remark in told["L4"]
    assert not any("Without" in sentence for sentence in told["L5"])
