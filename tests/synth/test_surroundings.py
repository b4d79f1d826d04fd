from __future__ import annotations

import cc3d
import numpy as np
import pytest
import torch

from spine_segmentation.synth.canal import CanalFrame, canal_frame
from spine_segmentation.synth.column import draw_column
from spine_segmentation.synth.coordinates import Coordinates, locate
from spine_segmentation.synth.curve import Curve
from spine_segmentation.synth.grid import Grid
from spine_segmentation.synth.head import draw_head
from spine_segmentation.synth.landmarks import Landmarks
from spine_segmentation.synth.morphometry import C2, C5, L1, L5, S1, T1, T12
from spine_segmentation.synth.overwrite import overwrite
from spine_segmentation.synth.person import Person, draw_person
from spine_segmentation.synth.scene import Reach, Scene, tabulate
from spine_segmentation.synth.skin import paint_skin, skin_depth
from spine_segmentation.synth.solids import Ellipsoid, Tube
from spine_segmentation.synth.surroundings import BLOB_SHARE, draw_surroundings, paint_surroundings
from spine_segmentation.synth.tissues import Tissue, TissueMap

CPU = torch.device("cpu")


def _people(count: int) -> list[Person]:
    """Persons with anatomical organs."""
    people = (draw_person(np.random.default_rng(seed)) for seed in range(100))
    return [person for person in people if person.surroundings.blobs is None][:count]


PEOPLE = _people(4)


def _grid(person: Person, level: float, lateral: tuple[float, ...], shape: tuple[int, int] = (200, 170)) -> Grid:
    """Slices around a level, beside the column."""
    arc = Landmarks(person.column).arc(level)
    y, z = person.curve.point(arc)
    aside = float(np.interp(arc, np.arange(2600) * 0.5 - 220, person.curve.lateral))
    slices = tuple(x + aside for x in lateral)
    return Grid(slices, *shape, pixel_size=1.0, origin=(z - shape[0] / 2, y - shape[1] * 0.6), device=CPU)


def _frame(person: Person, grid: Grid) -> tuple[TissueMap, Coordinates, CanalFrame]:
    at = locate(grid, person.column, person.curve, person.jitter, person.jitter_seed)
    return TissueMap.empty(grid.shape, CPU), at, canal_frame(at, person.canal)


def _paint(person: Person, grid: Grid) -> tuple[TissueMap, Coordinates]:
    tissues, at, canal = _frame(person, grid)
    paint_surroundings(tissues, at, canal, person.surroundings, person.column, grid)
    return tissues, at


def _scene(person: Person, grid: Grid) -> Scene:
    tissues, at, canal = _frame(person, grid)
    return Scene(tissues, at, canal, 5, grid)


def _where(tissues: TissueMap, *kinds: Tissue) -> torch.Tensor:
    return torch.isin(tissues.tissue, torch.tensor([int(kind) for kind in kinds], dtype=torch.uint8))


@pytest.mark.parametrize("shape", [(3, 5, 7), (5, 7), (7,)])
def test_a_code_is_written_where_the_mask_holds(shape: tuple[int, ...]) -> None:
    generator = torch.Generator().manual_seed(0)
    codes = torch.randint(0, 256, (3, 6, 9), dtype=torch.uint8, generator=generator)[:, 1:, 2:]
    mask = torch.rand(shape, generator=generator) < 0.5
    expected = codes.clone().masked_fill_(mask, 200)
    overwrite(codes, mask, 200)
    assert torch.equal(codes, expected)


def test_landmarks_are_the_columns_own_positions() -> None:
    for seed in range(20):
        column = draw_column(np.random.default_rng(seed))
        marks = Landmarks(column)
        for level in (C2, C5, T1, L1, S1):
            assert marks.arc(level) == pytest.approx(column.position(level))
        places = [marks.arc(level) for level in np.arange(C2, S1, 0.25)]
        assert np.all(np.diff(places) > 0)
        assert marks.half_depth(C5) < marks.half_depth(L1) < 30


def test_tables_are_linear_between_their_nodes_and_zero_beyond() -> None:
    values = tabulate(torch.tensor([-50.0, 10.0, 20.0, 30.0, 90.0]), (10.0, 30.0), ((1.0, 3.0), (5.0, 5.0)))
    assert values[0].tolist() == pytest.approx([0.0, 1.0, 2.0, 3.0, 0.0])
    assert values[1].tolist() == pytest.approx([0.0, 5.0, 5.0, 5.0, 0.0])


def test_a_patch_holds_all_that_lies_in_its_box() -> None:
    grid = _grid(PEOPLE[0], L1 + 2, (-20.0, 0.0, 20.0))
    scene, centre = _scene(PEOPLE[0], grid), Landmarks(PEOPLE[0].column).arc(L1 + 2)
    for half in (2.0, 9.0, 40.0):
        reach = Reach((centre - half, centre + half), (-30.0, -30.0 + half), (15.0, 25.0), paired=True)
        patch = scene.patch(reach)
        assert patch is not None
        patch.paint(torch.ones_like(patch.x, dtype=torch.bool), Tissue.LIVER)
        inside = (scene.s - centre).abs() < half
        inside &= (scene.d > reach.d[0]) & (scene.d < reach.d[1])
        there = inside & (scene.aside > 15) & (scene.aside < 25)
        assert bool((scene.tissues.tissue[there] == Tissue.LIVER).all())


@pytest.mark.parametrize(
    "reach",
    [Reach((-1e3, -500.0), (-20.0, 20.0), (-9.0, 9.0)), Reach((-1e3, 1e3), (-20.0, 20.0), (60.0, 90.0), paired=True)],
)
def test_a_part_out_of_reach_costs_nothing(reach: Reach) -> None:
    assert _scene(PEOPLE[0], _grid(PEOPLE[0], L1, (-4.0, 0.0, 4.0))).patch(reach) is None


def test_an_ellipsoid_has_its_volume_and_a_pair_has_two() -> None:
    lateral = tuple(float(x) for x in range(-60, 61, 2))
    grid, centre = _grid(PEOPLE[0], L1 + 2, lateral), Landmarks(PEOPLE[0].column).arc(L1 + 2)
    for paired, count in ((False, 1), (True, 2)):
        scene = _scene(PEOPLE[0], grid)
        Ellipsoid(Tissue.SPLEEN, (centre, -30.0, 32.0), (20.0, 12.0, 15.0), paired=paired).paint(scene)
        volume = 2.0 * int(_where(scene.tissues, Tissue.SPLEEN).sum())
        assert volume == pytest.approx(count * 4 / 3 * np.pi * 20 * 12 * 15, rel=0.35)
        assert cc3d.connected_components(_where(scene.tissues, Tissue.SPLEEN).numpy()).max() == count


def test_a_tube_runs_from_end_to_end_within_its_coat() -> None:
    person = PEOPLE[0]
    grid, marks = _grid(person, L1 + 2, (0.0,)), Landmarks(person.column)
    ends = marks.arc(L1 + 1), marks.arc(L1 + 3)
    scene = _scene(person, grid)
    Tube(Tissue.LIVER, ends, (-30.0, -30.0), (0.0, 0.0), (8.0, 8.0), (8.0, 8.0), rim=0.5, coat=Tissue.SPLEEN).paint(
        scene
    )
    inside, coat = (_where(scene.tissues, kind)[0] for kind in (Tissue.LIVER, Tissue.SPLEEN))
    rows = scene.s[inside]
    assert float(rows.min()) == pytest.approx(ends[0] - 4, abs=5)
    assert float(rows.max()) == pytest.approx(ends[1] + 4, abs=5)
    grown = torch.nn.functional.max_pool2d(inside[None].float(), 3, 1, 1)[0] > 0
    assert float((inside | coat)[grown].float().mean()) > 0.97


def test_only_tissues_are_painted_and_everywhere() -> None:
    tissues, _ = _paint(PEOPLE[1], _grid(PEOPLE[1], L1, (0.0, 30.0)))
    assert not tissues.semantic.any()
    assert not tissues.level.any()
    assert bool((tissues.tissue != Tissue.AIR).all())


@pytest.mark.parametrize("level", [C5, T1 + 6, L1 + 2])
def test_a_slice_does_not_depend_on_its_neighbours(level: int) -> None:
    person, lateral = PEOPLE[2], (-33.0, -18.0, 2.0, 25.0, 41.0)
    together, _ = _paint(person, _grid(person, level, lateral))
    for index, x in enumerate(lateral):
        alone, _ = _paint(person, _grid(person, level, (x,)))
        assert torch.equal(alone.tissue[0], together.tissue[index])


@pytest.mark.parametrize("level", [C5, T1 + 6])
def test_a_smaller_grid_shows_the_same_person(level: int) -> None:
    person = PEOPLE[3]
    whole = _grid(person, level, (6.0, 28.0))
    part = Grid(whole.lateral, 90, 80, 1.0, (whole.origin[0] + 48, whole.origin[1] + 40), CPU)
    large, small = (_paint(person, grid)[0].tissue for grid in (whole, part))
    same = large[:, 48:138, 40:120] == small
    assert float(same.float().mean()) > 0.999


def test_lateral_slices_are_not_uniform() -> None:
    for person in PEOPLE:
        for level in (C5, T1 + 6, L1 + 2):
            tissues, _ = _paint(person, _grid(person, level, (-32.0, 32.0)))
            for one in tissues.tissue:
                shares = torch.bincount(one.flatten().long(), minlength=len(Tissue)) / one.numel()
                assert float(shares.max()) < 0.75
                assert int((shares > 0.002).sum()) >= 4


def test_ribs_form_a_chain_of_ovals_beside_the_thoracic_column() -> None:
    for person in PEOPLE:
        grid = _grid(person, T1 + 6, (-38.0, 38.0), (220, 170))
        tissues, at = _paint(person, grid)
        near = (at.d > 0) & (at.d < 45)
        for marrow in (_where(tissues, Tissue.PELVIC_MARROW) & near).numpy():
            ribs = cc3d.connected_components(marrow, connectivity=8)
            rows = [np.nonzero(ribs == k)[0] for k in range(1, ribs.max() + 1)]
            centres = np.sort([r.mean() for r in rows if len(r) > 15])
            assert len(centres) >= 5
            assert 14 < np.median(np.diff(centres)) < 36


def test_the_last_ribs_join_the_pedicles() -> None:
    for person in PEOPLE:
        behind = []
        for level in (T1 + 6, T12):
            tissues, at = _paint(person, _grid(person, level, (-17.0, 17.0), (40, 120)))
            ribs = _where(tissues, Tissue.PELVIC_MARROW)
            behind.append(float(at.d.expand_as(ribs)[ribs].mean()))
        assert behind[1] - behind[0] > 3


def test_psoas_grows_downwards_beside_the_lumbar_bodies() -> None:
    for person in PEOPLE:
        column, marks = person.column, Landmarks(person.column)
        area = []
        for level in (L1 + 0.5, L1 + 3.0):
            beside = marks.half_width(level) + 12
            tissues, at = _paint(person, _grid(person, level, (-beside, beside), (16, 170)))
            front = (at.d < 22) & (at.d > -45)
            area.append(float((_where(tissues, Tissue.MUSCLE) & front).sum()))
        assert area[1] > 1.2 * area[0]
        assert column.scale > 0


def test_kidneys_lie_beside_the_upper_lumbar_levels() -> None:
    for person in PEOPLE:
        tissues, at = _paint(person, _grid(person, L1 + 0.5, (-52.0, 52.0)))
        for one in tissues.tissue:
            cortex, medulla = one == Tissue.KIDNEY_CORTEX, one == Tissue.KIDNEY_MEDULLA
            assert int(cortex.sum()) > 200
            assert int(medulla.sum()) > 50
            middle = float(at.s[cortex | medulla].mean())
            assert Landmarks(person.column).arc(T12) < middle < Landmarks(person.column).arc(L1 + 2.5)


def test_lungs_end_at_the_diaphragm_and_the_liver_lies_below_on_the_right() -> None:
    for person in PEOPLE:
        marks = Landmarks(person.column)
        tissues, at = _paint(person, _grid(person, T12, (-45.0, 45.0), (240, 190)))
        lung, liver = _where(tissues, Tissue.LUNG), _where(tissues, Tissue.LIVER)
        assert float(at.s.expand_as(lung)[lung].max()) < marks.arc(L1 + 1)
        assert int(lung.sum()) > 2000
        assert int(liver[0].sum()) > 1.3 * int(liver[1].sum())
        assert float(at.s[liver[0]].mean()) > float(at.s[lung[0]].mean())


def test_aorta_runs_left_and_the_cava_right_of_the_lumbar_midline() -> None:
    for seed in range(30):
        marks = Landmarks(draw_column(np.random.default_rng(seed)))
        vessels = draw_surroundings(np.random.default_rng(seed), draw_column(np.random.default_rng(seed))).vessels.great
        tubes = [vessel for vessel in vessels if isinstance(vessel, Tube)]
        long = [tube for tube in tubes if tube.s[-1] > marks.arc(L1 + 2) and tube.s[0] < marks.arc(T12)]
        assert len(long) == 2
        cava, aorta = long
        assert cava.x[2] < aorta.x[3]
        assert max(cava.d) < -marks.half_depth(L1)


def test_ilium_with_its_joint_lies_beside_the_sacrum() -> None:
    for person in PEOPLE:
        tissues, at = _paint(person, _grid(person, S1, (-48.0, 0.0, 48.0)))
        bone = _where(tissues, Tissue.PELVIC_MARROW).flatten(1).sum(1)
        assert min(bone[0], bone[2]) > 300
        assert bone[1] < 50
        assert bool(_where(tissues, Tissue.CARTILAGE)[[0, 2]].flatten(1).any(1).all())
        assert at.x.shape == tissues.tissue.shape


def test_no_pelvis_is_painted_where_the_sacrum_is_out_of_sight() -> None:
    scene = _scene(PEOPLE[0], _grid(PEOPLE[0], T1, (0.0,), (120, 120)))
    assert scene.upright(Landmarks(PEOPLE[0].column).arc(S1)) is None


def test_upright_coordinates_begin_at_the_first_sacral_body_and_are_straight() -> None:
    person = PEOPLE[0]
    arc, grid = Landmarks(person.column).arc(S1), _grid(person, S1, (0.0,))
    upright = _scene(person, grid).upright(arc)
    assert upright is not None
    below, behind = upright
    y, z = person.curve.point(arc)
    row, column = round(z - grid.origin[0]), round(y - grid.origin[1])
    assert abs(float(below[row, column])) < 9
    assert abs(float(behind[row, column])) < 9
    assert float(behind[row, -1] - behind[row, 0]) > 0.7 * grid.columns
    assert float(below[-1, column] - below[0, column]) > 0.7 * grid.rows


def test_some_persons_have_random_organs() -> None:
    column = draw_column(np.random.default_rng(0))
    drawn = [draw_surroundings(np.random.default_rng(seed), column) for seed in range(300)]
    share = np.mean([surroundings.blobs is not None for surroundings in drawn])
    assert share == pytest.approx(BLOB_SHARE, abs=0.06)
    person = next(p for p in (draw_person(np.random.default_rng(k)) for k in range(100)) if p.surroundings.blobs)
    tissues, at = _paint(person, _grid(person, L1 + 2, (0.0, 20.0)))
    front = tissues.tissue[:, at.d < -45]
    assert front.unique().numel() >= 4
    assert not bool((front == Tissue.LIVER).any())


def test_the_skin_of_the_back_covers_fat_and_muscle() -> None:
    for person in PEOPLE:
        grid = _grid(person, L1 + 2, (-20.0, 0.0), (160, 220))
        tissues, at, canal = _frame(person, grid)
        tissues.depth.copy_(skin_depth(at, canal, person.skin))
        paint_surroundings(tissues, at, canal, person.surroundings, person.column, grid)
        paint_skin(tissues, at, person.skin)
        behind = canal.behind > 5
        assert bool((tissues.tissue[:, behind & (tissues.depth < -16)] == Tissue.AIR).all())
        shallow = behind & (tissues.depth > 3) & (tissues.depth < 4)
        kinds = tissues.tissue[:, shallow]
        assert bool(((kinds == Tissue.SUBCUTANEOUS_FAT) | (kinds == Tissue.LIGAMENT)).all())
        assert bool((tissues.tissue[:, behind & (tissues.depth > 60)] != Tissue.SUBCUTANEOUS_FAT).all())


def test_a_head_sits_on_the_dens() -> None:
    for seed in range(10):
        head = draw_head(np.random.default_rng(seed), draw_column(np.random.default_rng(seed)))
        assert head.centre[0] + head.half_height < 0
        assert 1 < head.skull < head.scalp
        assert head.half_width < head.half_length * 1.1


def test_a_jaw_with_marrow_lies_in_front_of_the_neck() -> None:
    for person in PEOPLE:
        tissues, at = _paint(person, _grid(person, C2, (-36.0, 0.0), (120, 240)))
        jaw = _where(tissues, Tissue.PELVIC_MARROW) & (at.d < -25) & (at.s < Landmarks(person.column).arc(C5))
        assert bool((jaw.flatten(1).sum(1) > 80).all())


def test_straight_columns_are_handled() -> None:
    person, arc = PEOPLE[0], np.arange(-220.0, 1080.0, 4.0)
    straight = Curve(**{**vars(person.curve), "y": np.zeros_like(arc), "z": arc, "arc": arc})
    centre = Landmarks(person.column).arc(L5)
    grid = Grid((0.0, 30.0), 120, 120, 1.0, (centre - 60, -70.0), CPU)
    at = locate(grid, person.column, straight, 0.0, 0)
    tissues = TissueMap.empty(grid.shape, CPU)
    paint_surroundings(tissues, at, canal_frame(at, person.canal), person.surroundings, person.column, grid)
    assert tissues.tissue.unique().numel() > 5
