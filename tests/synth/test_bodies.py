from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from torch import Tensor

from spine_segmentation.anatomy import VERSE_NUMBERS
from spine_segmentation.synth.bodies import draw_bodies
from spine_segmentation.synth.body_frame import near_bodies
from spine_segmentation.synth.column import draw_column
from spine_segmentation.synth.tissues import Semantic, Tissue
from tests.synth.straight_spine import (
    PIXEL_MM,
    Painted,
    normal_column,
    one,
    paint,
    plain_bodies,
    position,
)

SLICES = tuple(float(x) for x in np.arange(-40, 41))
MIDDLE = 40


def _body(painted: Painted, name: str) -> Tensor:
    """Where the body of a level is, (N, H, W)."""
    return (painted.tissues.semantic == Semantic.BODY) & (painted.tissues.level == VERSE_NUMBERS[name])


def _row(painted: Painted, arc_length: float) -> int:
    return int((painted.at.axial[:, 0] - arc_length).abs().argmin())


def _profile(name: str, height: float = 0.0, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Front and back of a body seen from above, mm behind the column's line, by slice; NaN where there is none."""
    column = normal_column(seed)
    painted = paint(column, plain_bodies(column, seed), column.centre[position(column, name)], SLICES)
    arc_length = column.centre[position(column, name)] + height * column.height[position(column, name)] / 2
    plane = _body(painted, name)[:, _row(painted, arc_length)]
    places = torch.where(plane, painted.at.d[0], torch.nan)
    return places.nan_to_num(torch.inf).amin(1), places.nan_to_num(-torch.inf).amax(1)


def _width(name: str, height: float) -> float:
    front, back = _profile(name, height)
    return float((back > front).sum())


@pytest.mark.parametrize("name", ["C5", "T7", "L1", "L3"])
def test_bodies_are_wider_than_deep_and_round_at_the_sides(name: str) -> None:
    front, back = _profile(name)
    depth = (back - front).clamp(min=0)
    middle, width = depth[MIDDLE], (depth > 0).sum()
    assert width > 1.0 * middle
    at_the_edge = depth[MIDDLE + int(0.45 * width)]
    assert 0 < at_the_edge < 0.85 * middle


@pytest.mark.parametrize("name", ["T7", "L1"])
def test_the_posterior_wall_is_concave(name: str) -> None:
    backs = [_profile(name, seed=seed)[1] for seed in range(4)]
    assert 0.3 < np.mean([float(back.max() - back[MIDDLE]) for back in backs]) < 4


def test_thoracic_bodies_are_heart_shaped() -> None:
    front, back = _profile("T7")
    depth = (back - front).clamp(min=0)
    aside = MIDDLE + int(0.7 * float((depth > 0).sum()) / 2)
    assert front[aside] - front[MIDDLE] > 1.5 * (back[MIDDLE] - back[aside]).clamp(min=1)


def test_cervical_bodies_are_squarer_than_thoracic_ones() -> None:
    fill = []
    for name in ("C5", "T7"):
        front, back = _profile(name)
        depth = (back - front).clamp(min=0)
        fill.append(float(depth.sum() / ((depth > 0).sum() * depth.max())))
    assert fill[0] > fill[1] > 0.78


@pytest.mark.parametrize("name", ["T7", "L3"])
def test_walls_are_waisted_at_the_sides_too(name: str) -> None:
    middle, rim = _width(name, 0.0), _width(name, 0.85)
    assert 0.75 * rim < middle < 0.985 * rim


def test_walls_retract_from_rims_of_the_nominal_depth() -> None:
    """As in the masks of SPIDER, where the middle of L2 to L4 is 0.95 times as deep as the rims (0.86 to 1.02)."""
    depths = []
    for seed in range(6):
        nominal = 2 * normal_column(seed).half_depth[position(normal_column(seed), "L3")]
        profiles = [_profile("L3", height, seed) for height in (-0.7, 0.0, 0.7)]
        depths.append([float(back[MIDDLE] - front[MIDDLE]) / nominal for front, back in profiles])
    upper, middle, lower = np.mean(depths, axis=0)
    rims = (upper + lower) / 2
    assert 0.98 < rims < 1.05
    assert 0.9 < middle / rims < 0.97


def test_a_lateral_slice_shows_a_smaller_body() -> None:
    column = normal_column()
    k = position(column, "L3")
    aside = 0.93 * float(column.half_width[k])
    painted = paint(column, plain_bodies(column), column.centre[k], (0.0, aside))
    middle, lateral = _body(painted, "L3").sum((1, 2)).tolist()
    assert 0.05 * middle < lateral < 0.75 * middle


def test_the_body_of_s1_is_narrow_and_tapers() -> None:
    column = normal_column()
    above, below = _width("S1", -0.8), _width("S1", 0.7)
    assert 38 * column.scale < above < 58 * column.scale
    assert below < 0.9 * above


def _heights(painted: Painted, name: str) -> Tensor:
    """Height of a body by column of the first slice, mm."""
    return _body(painted, name)[0].sum(0) * PIXEL_MM


def test_lumbar_endplates_are_hollow_and_deepest_behind_the_middle() -> None:
    place = []
    for seed in range(12):
        column = normal_column(seed)
        bodies = plain_bodies(column, seed)
        heights = _heights(paint(column, bodies, column.centre[position(column, "L3")]), "L3")
        half = int(0.6 * column.half_depth[position(column, "L3")] / PIXEL_MM)
        inner = heights[80 - half : 80 + half + 1]
        place.append(float(torch.where(inner == inner.min())[0].float().mean()) - half)
        assert inner.min() < heights.max()
    assert np.mean(place) > 0


def test_a_wedge_lowers_the_front() -> None:
    flat, wedged = (_deformed("wedge", value) for value in (0.0, 8.0))
    half = int(0.75 * flat[1] / PIXEL_MM)
    lost = flat[0] - wedged[0]
    assert lost[80 - half] > 5
    assert abs(float(lost[80 + half])) < 2


def test_a_biconcave_fracture_lowers_the_middle() -> None:
    flat, hollow = (_deformed("biconcavity", value)[0] for value in (0.0, 3.0))
    lost = flat - hollow
    assert lost[80] > 4
    assert lost[80] > 2 * lost[80 - 26]


def _deformed(field: str, value: float) -> tuple[Tensor, float]:
    """Heights of a deformed L2, and half its depth."""
    normal = normal_column()
    column = normal_column(0, **{field: one(normal, "L2", value)})
    k = position(column, "L2")
    return _heights(paint(column, plain_bodies(column), column.centre[k]), "L2"), float(column.half_depth[k])


@pytest.mark.parametrize(("value", "lower"), [(8.0, 1), (-8.0, 0)])
def test_a_lateral_wedge_lowers_one_side(value: float, lower: int) -> None:
    normal = normal_column()
    column = dataclasses.replace(normal, lateral_wedge=one(normal, "L2", value))
    k = position(column, "L2")
    aside = 0.7 * float(column.half_width[k])
    painted = paint(column, plain_bodies(column), column.centre[k], (-aside, aside))
    heights = _body(painted, "L2")[:, :, 80].sum(1) * PIXEL_MM
    assert heights[1 - lower] - heights[lower] > 4


def test_retropulsion_pushes_the_posterior_wall_back() -> None:
    backs = []
    for value in (0.0, 5.0):
        column = dataclasses.replace(normal_column(), retropulsion=one(normal_column(), "L1", value))
        painted = paint(column, plain_bodies(column), column.centre[position(column, "L1")])
        body = _body(painted, "L1")[0]
        backs.append(float(painted.at.d[0][body.any(0)].max()))
    assert 3 < backs[1] - backs[0] < 6


def test_fused_bodies_have_no_disc_and_meet_in_the_middle() -> None:
    normal = normal_column()
    column = dataclasses.replace(normal, fused_below=one(normal, "L2", 1.0).astype(bool))
    k = position(column, "L2")
    painted = paint(column, plain_bodies(column), column.disc_centre[k])
    middle = painted.tissues.semantic[0, :, 80]
    assert not bool((middle[40:120] == Semantic.DISC).any())
    levels = painted.tissues.level[0, :, 80]
    change = int(torch.where(levels == VERSE_NUMBERS["L3"])[0][0])
    assert levels[change - 1] == VERSE_NUMBERS["L2"]
    assert abs(float(painted.at.axial[change, 80]) - column.disc_centre[k]) < 1


def test_discs_fill_the_gap_up_to_the_rim() -> None:
    for name in ("C5", "T8", "L3"):
        column = normal_column(2)
        k = position(column, name)
        painted = paint(column, plain_bodies(column, 2), column.disc_centre[k])
        occupied = (painted.tissues.semantic[0] == Semantic.DISC) | (painted.tissues.semantic[0] == Semantic.BODY)
        inner = painted.at.d[0].abs() < 0.85 * min(column.half_depth[k], column.half_depth[k + 1])
        near = (painted.at.axial[:, 0] - column.disc_centre[k]).abs() < column.disc_height[k]
        assert bool(occupied[near][:, inner].all()), name


def test_the_rim_of_a_disc_is_dark_and_its_nucleus_in_the_middle() -> None:
    column = normal_column()
    k = position(column, "L3")
    painted = paint(column, plain_bodies(column), column.disc_centre[k])
    row = _row(painted, column.disc_centre[k])
    tissue, disc = painted.tissues.tissue[0, row], painted.tissues.semantic[0, row] == Semantic.DISC
    assert tissue[80] == Tissue.NUCLEUS
    edges = torch.where(disc)[0][[0, -1]]
    assert all(int(tissue[edge]) in (Tissue.CORTEX, Tissue.ANNULUS) for edge in edges)
    assert float(painted.tissues.core[0, row, 80]) > 0.8


def test_a_schmorl_node_is_disc_within_the_body() -> None:
    column = normal_column()
    k = position(column, "L1")
    smooth = plain_bodies(column)
    zeros = np.zeros(2 * len(column))
    endplates = dataclasses.replace(
        smooth.endplates, node_depth=one(column, "L1", 6.0, endplate=0), node_behind=zeros, node_aside=zeros
    )
    painted = [
        paint(column, shapes, column.top[k]) for shapes in (smooth, dataclasses.replace(smooth, endplates=endplates))
    ]
    discs = [((p.tissues.semantic == Semantic.DISC)[0, :, 80]).sum() * PIXEL_MM for p in painted]
    assert 4 < float(discs[1] - discs[0]) < 8


def test_uncinate_processes_rise_at_the_sides_of_the_neck() -> None:
    column = normal_column()
    k = position(column, "C5")
    aside = 0.85 * float(column.half_width[k])
    painted = paint(column, plain_bodies(column), column.centre[k], (0.0, aside))
    tops = [float(painted.at.axial[:, 0][_body(painted, "C5")[n, :, 80]].min()) for n in (0, 1)]
    assert tops[1] < tops[0] - 0.4


def test_a_slip_leaves_the_column_far_above_in_place() -> None:
    steps = []
    for seed in range(200):
        column = draw_column(np.random.default_rng(seed))
        shift = draw_bodies(np.random.default_rng(seed), column).shift
        assert np.abs(shift).max() < 13
        assert np.abs(shift[position(column, "T4") : position(column, "T7")]).max() < 2.5
        steps.append(np.abs(np.diff(shift)).max() > 2.5)
    assert 0.08 < np.mean(steps) < 0.45


def test_everything_painted_lies_near_the_bodies() -> None:
    for seed in range(6):
        column = draw_column(np.random.default_rng(seed))
        bodies = draw_bodies(np.random.default_rng(seed), column)
        for name in ("C4", "T8", "L4"):
            painted = paint(column, bodies, column.centre[position(column, name)])
            assert not bool((painted.frame.inside & ~near_bodies(painted.at, bodies, 10.0)).any())
