"""The table of structures against DICOM's own dictionary and the reference's numbering."""

from __future__ import annotations

import pytest
from pydicom.sr.codedict import codes

from spine_segmentation import anatomy
from spine_segmentation.anatomy import BY_ID, BY_NAME, LEVELS, STRUCTURES, Kind


def test_ids_and_names_are_unique() -> None:
    assert len(BY_ID) == len(BY_NAME) == len(STRUCTURES)


@pytest.mark.parametrize(
    ("identifier", "name"),
    [(1, "C2"), (2, "C2-C3"), (3, "C3"), (11, "C7"), (13, "T1"), (35, "T12"), (37, "L1"), (45, "L5"), (46, "L5-L6"),
     (47, "L6"), (48, "L6-S1"), (49, "S1"), (50, "L5-S1"), (51, "L4-S1"), (52, "T12-T13"), (53, "T13"), (54, "T13-L1"),
     (55, "T11-L1"), (60, "S2 and below")],
)  # fmt: skip
def test_numbering(identifier: int, name: str) -> None:
    assert BY_ID[identifier].name == name


def test_reference_ids_alternate_between_vertebra_and_disc() -> None:
    assert all(BY_ID[k].kind is (Kind.VERTEBRA if k % 2 else Kind.IVD) for k in range(1, 50))


@pytest.mark.parametrize("structure", [s for s in STRUCTURES if s.kind is Kind.VERTEBRA], ids=lambda s: s.name)
def test_vertebra_codes_are_those_of_cid_7603(structure: anatomy.Structure) -> None:
    known = {code.value: code.meaning for code in (getattr(codes.cid7603, name) for name in codes.cid7603.dir())}
    if structure.name in ("L6", "T13"):
        assert structure.code == anatomy.GENERIC_VERTEBRA
    elif structure.name == "S1":
        assert structure.code.value == "65985001"
    else:
        assert known[structure.code.value].startswith(f"{structure.name} ")


@pytest.mark.parametrize("structure", [s for s in STRUCTURES if s.kind is Kind.IVD], ids=lambda s: s.name)
def test_disc_codes_are_those_of_cid_7604(structure: anatomy.Structure) -> None:
    known = {code.value: code.meaning for code in (getattr(codes.cid7604, name) for name in codes.cid7604.dir())}
    variants = {"L5-L6", "L6-S1", "L4-S1", "T12-T13", "T13-L1", "T11-L1"}
    if structure.name in variants:
        assert structure.code == anatomy.GENERIC_IVD
    else:
        upper, lower = structure.name.split("-")
        meaning = known[structure.code.value]
        assert upper in meaning and lower in meaning


def test_no_level_borrows_the_code_of_another() -> None:
    own = [s.code.value for s in STRUCTURES if s.code not in (anatomy.GENERIC_VERTEBRA, anatomy.GENERIC_IVD)]
    assert len(own) == len(set(own))


@pytest.mark.parametrize(
    ("name", "vertebrae", "level"),
    [("T13", ("T13",), "T13"), ("T12-T13", ("T12", "T13"), "T12"), ("L4-S1", ("L4", "S1"), "L4")],
)
def test_a_structure_knows_its_vertebrae_and_its_level(name: str, vertebrae: tuple[str, ...], level: str) -> None:
    assert BY_NAME[name].vertebrae == vertebrae
    assert LEVELS[BY_NAME[name].level] == level


def test_the_sacrum_below_s1_lies_below_all_levels() -> None:
    sacrum = BY_NAME["S2 and below"]
    assert sacrum.vertebrae == () and sacrum.level == len(LEVELS)


def test_names_are_sorted_by_kind_and_from_top_to_bottom() -> None:
    names = ["L5-S1", "S1", "L5-L6", "C2-C3", "L5", "T13"]
    assert anatomy.sort_by_kind(names) == ["T13", "L5", "S1", "C2-C3", "L5-L6", "L5-S1"]


def test_category_is_dicoms() -> None:
    assert anatomy.CATEGORY.value == codes.SCT.AnatomicalStructure.value
    assert anatomy.GENERIC_VERTEBRA.value == codes.SCT.Vertebra.value


def test_levels_run_from_c2_to_s1_with_both_supernumerary_ones() -> None:
    assert LEVELS[0] == "C2" and LEVELS[-1] == "S1"
    assert LEVELS[LEVELS.index("T12") + 1] == "T13" and LEVELS[LEVELS.index("L5") + 1] == "L6"
    assert set(LEVELS) <= set(anatomy.VERSE_NUMBERS)


def test_neighbours_differ_in_colour() -> None:
    column = [BY_ID[k].color for k in range(1, 50)]
    assert all(
        sum(abs(a - b) for a, b in zip(x, y, strict=True)) > 60 for x, y in zip(column, column[1:], strict=False)
    )
