from __future__ import annotations

import dataclasses

import numpy as np
import torch

from spine_segmentation.anatomy import VERSE_NUMBERS
from spine_segmentation.synth.canal import draw_canal
from spine_segmentation.synth.column import Column
from spine_segmentation.synth.morphometry import L1, S1
from spine_segmentation.synth.profiles import ARC_LENGTHS
from spine_segmentation.synth.tissues import NO_LEVEL, Semantic, Tissue
from tests.synth.straight_posterior import PIXEL_MM, Behind, canal_of, paint_behind
from tests.synth.straight_spine import normal_column, plain_bodies
from tests.synth.straight_spine import position as level_at

COLUMN = normal_column()


def _at(name: str, *lateral: float, column: Column = COLUMN) -> Behind:
    return paint_behind(column.position(VERSE_NUMBERS[name]), lateral, column)


def _area(scan: Behind, tissue: Tissue, arc_length: float, extent: float = 4) -> float:
    """Area of a tissue within the canal around an arc length, mm2."""
    row, half = scan.row(arc_length), round(extent / 2 / PIXEL_MM)
    found = scan.tissue(tissue) & scan.where(Semantic.CANAL)
    return float(found[:, row - half : row + half].sum()) * PIXEL_MM**2


def test_the_conus_lies_at_the_lower_third_of_l1_in_the_mean_and_never_beyond_t12_to_l3() -> None:
    places = []
    for seed in range(150):
        column = normal_column(seed)
        conus = canal_of(column, seed).nerves.conus
        l1 = column.index(L1)
        assert column.centre[l1 - 1] <= conus <= column.top[l1 + 2]
        places.append((conus - column.top[l1]) / column.height[l1])
    assert 0.6 < np.mean(places) < 1.0


def test_the_sac_ends_at_s2_in_the_mean() -> None:
    ends = []
    for seed in range(100):
        column = normal_column(seed)
        filled = ARC_LENGTHS[canal_of(column, seed).calibre > 0.1]
        s1 = column.index(S1)
        ends.append((filled[-1] - column.top[s1 + 1]) / column.height[s1 + 1])
    assert 0 < np.mean(ends) < 1


def test_the_cord_ends_and_the_roots_begin_at_the_conus() -> None:
    canal = canal_of(COLUMN)
    scan = paint_behind(canal.nerves.conus, (-3.0, 0.0, 3.0), COLUMN, canal=canal)
    row = scan.row(canal.nerves.conus)
    assert scan.tissue(Tissue.CORD)[1, row - 20].any()
    assert not scan.tissue(Tissue.CORD)[:, row + 1 :].any()
    roots = scan.tissue(Tissue.NERVE) & scan.where(Semantic.CANAL)
    assert not roots[:, : row - 40].any()
    assert roots[:, row + 10 :].sum() * PIXEL_MM**2 > 20


def test_roots_gather_at_the_back_of_the_sac() -> None:
    places = []
    for seed in range(6):
        canal = canal_of(COLUMN, seed)
        scan = paint_behind(COLUMN.position(VERSE_NUMBERS["L3"]), (-4.0, -1.0, 2.0, 5.0), COLUMN, canal=canal)
        roots = scan.tissue(Tissue.NERVE) & scan.where(Semantic.CANAL)
        depth = (scan.canal.behind / scan.canal.depth + 0.5).numpy()
        places.append(np.broadcast_to(depth, roots.shape)[roots].mean())
    assert np.mean(places) > 0.05


def test_every_row_from_c2_to_s1_shows_canal_between_body_and_arch() -> None:
    for name in ("C4", "T3", "T9", "L2", "L5"):
        scan = _at(name, 0.0)
        canal = scan.where(Semantic.CANAL)[0]
        inside = (scan.at.s[:, 0] > 0).numpy()
        assert canal.any(axis=1)[inside].all(), name
        arch = scan.where(Semantic.POSTERIOR)[0]
        last = np.where(canal, np.arange(canal.shape[1]), 0).max(axis=1)
        both = arch.any(axis=1) & inside
        assert (arch.argmax(axis=1)[both] > last[both] - round(2 / PIXEL_MM)).mean() > 0.97, name


def test_the_canal_has_no_level_and_ends_below_s1() -> None:
    scan = paint_behind(COLUMN.position(S1) + 40, (0.0,), COLUMN)
    canal = scan.where(Semantic.CANAL)
    assert not (scan.tissues.level.numpy()[canal] != NO_LEVEL).any()
    end = scan.row(COLUMN.position(S1) + 60)
    assert canal[0, end - 4].any()
    assert not canal[0, end + 1 :].any()


def test_a_worn_disc_narrows_the_sac_at_its_height() -> None:
    k = level_at(COLUMN, "L4")
    worn = COLUMN.disc_height.copy()
    worn[k] *= 0.25
    narrow = dataclasses.replace(COLUMN, disc_height=worn)
    place, lateral = float(COLUMN.disc_centre[k]), (-6.0, -2.0, 2.0, 6.0)
    sac = [
        sum(
            _area(paint_behind(place, lateral, column, canal=canal_of(column, seed)), tissue, place)
            for tissue in (Tissue.CSF, Tissue.NERVE)
            for seed in range(4)
        )
        for column in (COLUMN, narrow)
    ]
    assert sac[1] < 0.9 * sac[0]


def test_a_root_leaves_the_sac_in_a_sleeve() -> None:
    posterior_half_width = float(canal_of(COLUMN).half_width[np.searchsorted(ARC_LENGTHS, COLUMN.position(22))])
    scan = _at("L3", posterior_half_width - 1.5, posterior_half_width + 6)
    assert scan.tissue(Tissue.NERVE)[0].any()
    assert scan.tissue(Tissue.NERVE)[1].any()
    assert not (scan.tissue(Tissue.CSF)[1]).any()


def test_walls_follow_slipped_bodies() -> None:
    bodies = plain_bodies(COLUMN)
    k = level_at(COLUMN, "L5")
    shift = bodies.shift.copy()
    shift[k] = -8.0
    slipped = dataclasses.replace(bodies, shift=shift)
    straight, moved = (draw_canal(np.random.default_rng(0), COLUMN, each) for each in (bodies, slipped))
    at = np.searchsorted(ARC_LENGTHS, COLUMN.centre[k])
    assert -8.5 < moved.front[at] - straight.front[at] < -5


def test_the_canal_is_the_same_on_every_grid() -> None:
    lateral = (-9.0, -3.0, 0.0, 5.0, 11.0)
    together = _at("L2", *lateral)
    for place, x in enumerate(lateral):
        assert torch.equal(together.tissues.tissue[place], _at("L2", x).tissues.tissue[0])
