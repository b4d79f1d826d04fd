"""What is said of series that were named apart."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from spine_segmentation.anatomy import BY_NAME
from spine_segmentation.labeling.named_apart import set_apart
from spine_segmentation.labeling.variant import Statement
from spine_segmentation.results import Instance, Labeling, NamedStructure, Status
from spine_segmentation.volume import Volume
from tests.phantoms import structures

STEP = 16.0
WHOLE = structures("C2", "S1")


def labeling(
    names: Sequence[str], variant: str | None = None, *, lower: float = 0.0, status: Status = "determined"
) -> Labeling:
    """Names of a straight column, each where it belongs, but for so many millimetres further down."""
    items = []
    for k, name in enumerate(names, start=1):
        given, kind = BY_NAME[name], BY_NAME[name].kind
        down = STEP * WHOLE.index(name) + lower
        instance = Instance(k, kind, down, (0.0, 0.0, -down), 1e3, True)
        title = name if status == "determined" else None
        items.append(NamedStructure(given.id, title, name, kind, 1.0, None, 0.0, instance))
    labels = Volume(np.zeros((1, 1, 1), np.uint8), np.eye(4))
    said, odds = (Statement.UNTOLD, None) if variant is None else (Statement(variant), 99.0)
    return Labeling(labels, tuple(items), status, 1.0, (), 0.0, said, odds)


def remarks(one: Labeling, other: Labeling, *, same_space: bool = True) -> tuple[str, ...]:
    """What contradicts the one."""
    return set_apart(one, {"series 2": other}, same_space=same_space).remarks[1:]


NECK, BACK = structures("C2", "T2"), structures("T10", "S1")


def test_the_reason_is_said() -> None:
    apart = {"series 2": labeling(BACK), "series 3": labeling(BACK)}
    (remark,) = set_apart(labeling(NECK), apart, same_space=False).remarks
    assert remark == "Named apart from series 2, series 3: they share no frame of reference."
    assert set_apart(labeling(NECK), {}, same_space=True).remarks == ()


@pytest.mark.parametrize("lower", [0.0, 15.0, -15.0, 500.0])
def test_names_in_the_order_of_their_places_agree(lower: float) -> None:
    assert remarks(labeling(NECK), labeling(BACK, lower=lower)) == ()
    assert remarks(labeling(BACK, lower=lower), labeling(NECK)) == ()


def test_a_level_at_two_places() -> None:
    one, other = labeling(structures("T2", "T9")), labeling(structures("T9", "L2"), lower=60.0)
    assert remarks(one, other) == (
        "The names are contradicted by series 2: its T9 lies 60 mm away from the T9 of this series.",
    )
    assert len(remarks(other, one)) == 1
    assert remarks(one, labeling(structures("T9", "L2"), lower=10.0)) == ()


def test_levels_in_the_wrong_order() -> None:
    neck = labeling(NECK, lower=STEP * (WHOLE.index("T10") - WHOLE.index("C2") + 4))
    assert remarks(labeling(["T10", "T11"]), neck) == (
        "The names are contradicted by series 2: its C2 lies 64 mm below the T10 of this series.",
    )
    assert remarks(neck, labeling(["T10", "T11"])) == (
        "The names are contradicted by series 2: its T10 lies 64 mm above the C2 of this series.",
    )


def test_discs_are_compared_with_discs() -> None:
    assert remarks(labeling(["T10-T11"]), labeling(["T10"], lower=200.0)) == ()
    assert len(remarks(labeling(["T10-T11"]), labeling(["T10-T11"], lower=200.0))) == 1


def test_places_in_different_spaces_and_open_levels_say_nothing() -> None:
    assert remarks(labeling(NECK), labeling(NECK, lower=200.0), same_space=False) == ()
    assert remarks(labeling(NECK), labeling(NECK, lower=200.0, status="ambiguous")) == ()


@pytest.mark.parametrize(
    ("own", "variant", "others", "other"),
    [
        (BACK, "normal", BACK, "L6 present"),
        (WHOLE, "normal", WHOLE, "13 thoracic vertebrae"),
        (WHOLE, "13 thoracic vertebrae", BACK, "L6 present"),
        (WHOLE, "13 thoracic vertebrae, L6 present", BACK, "normal"),
        (WHOLE[:-2], "13 thoracic vertebrae", WHOLE[:-2], "11 thoracic vertebrae"),
    ],
)
def test_another_number_of_vertebrae(own: Sequence[str], variant: str, others: Sequence[str], other: str) -> None:
    one, another = labeling(own, variant), labeling(others, other)
    assert remarks(one, another) == (f"The number of vertebrae is contradicted by series 2: {other}.",)
    assert remarks(another, one) == (f"The number of vertebrae is contradicted by series 2: {variant}.",)


@pytest.mark.parametrize(
    ("own", "variant", "others", "other"),
    [
        (BACK, "normal", WHOLE, "13 thoracic vertebrae"),
        (BACK, "L6 present", WHOLE[:-2], "13 thoracic vertebrae"),
        (BACK, "L6 present", WHOLE, "13 thoracic vertebrae, L6 present"),
        (BACK, "normal", WHOLE, None),
        (WHOLE, "normal", BACK, "normal"),
    ],
)
def test_what_only_one_counts_is_no_contradiction(
    own: Sequence[str], variant: str, others: Sequence[str], other: str | None
) -> None:
    one, another = labeling(own, variant), labeling(others, other)
    assert remarks(one, another) == remarks(another, one) == ()
