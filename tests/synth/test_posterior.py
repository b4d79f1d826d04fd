from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch

from spine_segmentation.anatomy import VERSE_NUMBERS
from spine_segmentation.synth.column import Column
from spine_segmentation.synth.laminae import draw_laminae
from spine_segmentation.synth.midline import draw_midline
from spine_segmentation.synth.morphometry import BELOW_S1, S1
from spine_segmentation.synth.spinous import draw_spinous
from spine_segmentation.synth.tissues import Semantic, Tissue
from tests.synth.straight_posterior import PIXEL_MM, Behind, paint_behind, posterior_of
from tests.synth.straight_spine import normal_column, one
from tests.synth.straight_spine import position as level_at

COLUMN = normal_column()
SHAPES = posterior_of(COLUMN)


def _around(name: str, *lateral: float, column: Column = COLUMN, **changes: Any) -> Behind:
    """Slices around a level; the shapes' groups of fields may be changed."""
    shapes = dataclasses.replace(posterior_of(column), **changes)
    return paint_behind(column.position(VERSE_NUMBERS[name]), lateral, column, shapes)


@pytest.mark.parametrize("name", ["T4", "T9", "L1", "L3", "L5"])
def test_a_pedicle_joins_the_upper_half_of_its_body_without_a_gap(name: str) -> None:
    k, pedicles = level_at(COLUMN, name), SHAPES.pedicles
    axis = pedicles.place[k] - pedicles.convergence[k] * 14
    scan = _around(name, float(axis))
    row = scan.row(pedicles.centre[k])
    body = np.flatnonzero(scan.where(Semantic.BODY)[0, row])
    pedicle = scan.bone(name)[0, row]
    assert pedicle[body[-1] + 1 : body[-1] + 1 + round(6 / PIXEL_MM)].all()
    assert COLUMN.top[k] < pedicles.centre[k] - 0.5 * pedicles.half_height[k]
    assert pedicles.centre[k] < COLUMN.centre[k]


def test_pedicles_are_slender_in_the_middle_of_the_thorax_and_widen_down_the_lumbar_spine() -> None:
    half = dict(zip(COLUMN.vertebrae, SHAPES.pedicles.half_width, strict=False))
    width = {name: 2 * value / COLUMN.scale for name, value in half.items()}
    assert 3.5 < width["T5"] < 6 < width["L1"] < width["L3"] < width["L5"] < 23


@pytest.mark.parametrize(("upper", "lower"), [("C4", "C5"), ("T6", "T7"), ("L2", "L3"), ("L4", "L5"), ("L5", "S1")])
def test_the_superior_process_of_the_lower_vertebra_lies_in_front_of_the_joint(upper: str, lower: str) -> None:
    facets, k = SHAPES.facets, level_at(COLUMN, upper)
    scan = _around(upper, float(facets.place[k]))
    row = scan.row(facets.centre[k])
    joint = scan.column(float(scan.at.d[row][torch.argmin((scan.canal.behind[row] - facets.behind[k]).abs())]))
    reach = round(3 / PIXEL_MM)
    assert scan.bone(lower)[0, row, joint - reach : joint].any()
    assert scan.bone(upper)[0, row, joint : joint + reach].any()
    assert not scan.where(Semantic.POSTERIOR)[0, row, joint]
    assert scan.tissue(Tissue.CARTILAGE)[0, row, joint] or scan.tissue(Tissue.FLUID)[0, row, joint]


@pytest.mark.parametrize("name", ["C5", "T8", "L2", "L4"])
def test_the_root_lies_in_fat_between_the_pedicles(name: str) -> None:
    k, foramina = level_at(COLUMN, name), SHAPES.foramina
    place = float(foramina.place[k])
    scan = _around(name, place)
    row = scan.row(foramina.root[k] + 5 * foramina.descent[k])
    column = scan.column(foramina.front[k] - 5 * foramina.forward[k])
    assert scan.tissue(Tissue.NERVE)[0, row, column]
    around = scan.tissues.tissue[0, row - 16 : row + 17, column - 12 : column + 13]
    assert int((around == Tissue.EPIDURAL_FAT).sum()) > 60
    assert SHAPES.pedicles.centre[k] < foramina.root[k] < SHAPES.pedicles.centre[k + 1]


def test_transverse_processes_reach_farthest_at_l3_and_have_the_level_of_their_vertebra() -> None:
    for name, reached, beyond in (("L1", 25, 50), ("L3", 35, 60), ("T6", 22, 45), ("C5", 20, 40)):
        scan = _around(name, -beyond * COLUMN.scale, -reached * COLUMN.scale, reached * COLUMN.scale)
        counts = scan.bone(name).sum(axis=(1, 2)) * PIXEL_MM**2
        assert counts[0] == 0, name
        assert counts[1] > 15, name
        assert counts[2] > 15, name


def test_a_transverse_process_grows_into_the_ala_on_its_side_only() -> None:
    wing = np.zeros((len(COLUMN), 2))
    wing[level_at(COLUMN, "L5"), 1] = 1.0
    column = normal_column(sacral_wing=wing)
    scan = _around("L5", -38 * COLUMN.scale, 38 * COLUMN.scale, column=column)
    right, left = scan.bone("L5").sum(axis=(1, 2))
    assert left > 4 * right
    assert scan.bone("S1")[1].any()
    touching = scan.bone("L5")[1, :-1] & scan.bone("S1")[1, 1:]
    assert touching.any()


def test_every_presacral_level_has_a_spinous_process_in_the_midline_in_order() -> None:
    rows = []
    for name in COLUMN.vertebrae[:-1]:
        bone = _around(name, 0.0).bone(name)
        assert bone.sum() * PIXEL_MM**2 > 60, name
        rows.append(COLUMN.position(VERSE_NUMBERS[name]) + np.nonzero(bone)[1].mean() * PIXEL_MM)
    assert np.all(np.diff(rows) > 0)


def test_after_laminectomy_there_is_scar_where_lamina_and_process_were() -> None:
    removed = one(COLUMN, "L3", 1.0)
    rng = np.random.default_rng
    laminae = draw_laminae(rng(0), COLUMN, removed)
    scan = _around(
        "L3", 0.0, 3.0,
        laminae=laminae,
        spinous=draw_spinous(rng(0), COLUMN, laminae.centre, removed),
        midline=draw_midline(rng(0), COLUMN, laminae.centre, removed),
    )  # fmt: skip
    assert not scan.bone("L3").any()
    assert scan.bone("L2")[0].any()
    assert scan.tissue(Tissue.SCAR).sum(axis=(1, 2)).min() * PIXEL_MM**2 > 150
    assert not _around("L3", 0.0).tissue(Tissue.SCAR).any()


def test_spondylolysis_parts_the_pars() -> None:
    k = level_at(COLUMN, "L5")
    place = float(SHAPES.facets.place[k])
    whole, parted = (
        _around("L5", place, facets=dataclasses.replace(SHAPES.facets, lysis=one(COLUMN, "L5", gap)))
        for gap in (0.0, 1.5)
    )
    lost = whole.bone("L5") & ~parted.bone("L5")
    assert 8 < lost.sum() * PIXEL_MM**2 < 60
    assert not (parted.bone("L5") & ~whole.bone("L5")).any()


def test_the_wings_of_s1_are_its_posterior_elements_and_those_below_belong_to_the_sacrum() -> None:
    scan = paint_behind(COLUMN.position(S1) + 15, (-32.0 * COLUMN.scale, 32.0 * COLUMN.scale), COLUMN, SHAPES)
    below = scan.where(Semantic.POSTERIOR) & (scan.tissues.level == BELOW_S1).numpy()
    for side in range(2):
        assert scan.bone("S1")[side].sum() * PIXEL_MM**2 > 200
        assert below[side].any()
    assert np.nonzero(scan.bone("S1"))[1].mean() < np.nonzero(below)[1].mean()


def test_a_sacral_foramen_passes_from_front_to_back() -> None:
    k = COLUMN.index(S1)
    sacral = SHAPES.sacral
    scan = paint_behind(float(sacral.foramen[k]), (float(sacral.foramen_place[k]),), COLUMN, SHAPES)
    row, start = scan.row(sacral.foramen[k] + 1.5), scan.column(float(COLUMN.half_depth[k]))
    assert scan.tissue(Tissue.FAT)[0, row, start : start + round(6 / PIXEL_MM)].any()
    assert scan.tissue(Tissue.NERVE)[0, row - 12 : row + 12].any()


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", ["C4", "T7", "L4", "S1"])
def test_levels_are_given_to_bone_and_to_nothing_else(name: str, seed: int) -> None:
    column = normal_column(seed)
    shapes = posterior_of(column, seed)
    scan = paint_behind(column.position(VERSE_NUMBERS[name]), (-30.0, -14.0, -5.0, 0.0, 9.0, 20.0), column, shapes)
    bone = scan.where(Semantic.POSTERIOR) | scan.where(Semantic.BODY)
    np.testing.assert_array_equal(scan.tissues.level.numpy() > 0, bone)


def test_a_slice_shows_the_same_alone_and_among_others() -> None:
    lateral = (-42.0, -21.0, -12.0, -6.0, 0.0, 4.5, 16.0, 33.0)
    for name in ("C4", "T6", "L4"):
        together = _around(name, *lateral).tissues
        for place, x in enumerate(lateral):
            alone = _around(name, x).tissues
            assert torch.equal(alone.tissue[0], together.tissue[place]), (name, x)
            assert torch.equal(alone.level[0], together.level[place]), (name, x)


def test_nothing_is_painted_where_the_grid_does_not_reach_the_spine() -> None:
    scan = paint_behind(900.0, (0.0, 15.0), COLUMN, SHAPES)
    assert not scan.where(Semantic.POSTERIOR).any()
