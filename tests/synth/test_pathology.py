from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from torch import Tensor

from spine_segmentation.anatomy import VERSE_NUMBERS
from spine_segmentation.synth.bodies import BodyShapes
from spine_segmentation.synth.bridging import Bridges
from spine_segmentation.synth.column import Column, draw_column
from spine_segmentation.synth.disc_defects import DiscDefects
from spine_segmentation.synth.endplate_changes import EndplateChanges, draw_endplate_changes
from spine_segmentation.synth.herniation import Herniations
from spine_segmentation.synth.implants import Implants
from spine_segmentation.synth.marrow_lesions import MarrowLesions
from spine_segmentation.synth.morphometry import is_presacral
from spine_segmentation.synth.pathology import Pathology, draw_pathology
from spine_segmentation.synth.profiles import ARC_LENGTHS
from spine_segmentation.synth.tissues import Semantic, Tissue
from tests.synth.straight_spine import Painted, normal_column, one, paint, plain_bodies, position

COLUMN = normal_column(3)
BODIES: BodyShapes = plain_bodies(COLUMN, 3)
N = len(COLUMN)
ZEROS = np.zeros(N)
NEVER = np.zeros(N, dtype=np.bool_)
CODES = np.zeros(2 * N, dtype=np.uint8)
HEALTHY = Pathology(
    Herniations(ZEROS, ZEROS, ZEROS + 8, ZEROS + 4, ZEROS, ZEROS),
    DiscDefects(ZEROS, ZEROS, ZEROS, ZEROS, ZEROS + 0.5, ZEROS),
    EndplateChanges(CODES, np.zeros(2 * N), np.zeros(2 * N), seed=1),
    MarrowLesions(CODES[:N], ZEROS, ZEROS, ZEROS, ZEROS, ZEROS, ZEROS, seed=2),
    Bridges(NEVER, np.zeros_like(ARC_LENGTHS), 0.0, 12.0),
    Implants(NEVER, NEVER, NEVER, np.zeros(2), ZEROS + 14),
)
SLICES = (-16.0, -8.0, 0.0, 8.0, 16.0)
K = position(COLUMN, "L3")


def _paint(pathology: Pathology, arc_length: float | None = None, column: Column = COLUMN) -> Painted:
    middle = float(column.centre[K]) if arc_length is None else arc_length
    return paint(column, BODIES, middle, SLICES, pathology)


def _at_disc(pathology: Pathology) -> Painted:
    return _paint(pathology, float(COLUMN.disc_centre[K]))


def _count(painted: Painted, tissue: Tissue) -> int:
    return int((painted.tissues.tissue == tissue).sum())


def _same_truth(first: Painted, second: Painted) -> bool:
    pairs = ((first.tissues.semantic, second.tissues.semantic), (first.tissues.level, second.tissues.level))
    return all(torch.equal(a, b) for a, b in pairs)


def _disc(painted: Painted) -> Tensor:
    return (painted.tissues.semantic == Semantic.DISC) & (painted.tissues.level == VERSE_NUMBERS["L3"])


def _herniated(**changes: float) -> Pathology:
    values = {"length": 5.0, "half_width": 8.0, "half_height": 5.0, **changes}
    shapes = dataclasses.replace(HEALTHY.herniations, **{name: one(COLUMN, "L3", v) for name, v in values.items()})
    shapes = dataclasses.replace(shapes, half_width=np.maximum(shapes.half_width, 1))
    return dataclasses.replace(HEALTHY, herniations=dataclasses.replace(shapes, half_height=shapes.half_height + 0.1))


def test_a_healthy_person_has_nothing_painted() -> None:
    plain, healthy = paint(COLUMN, BODIES, float(COLUMN.centre[K]), SLICES), _paint(HEALTHY)
    assert torch.equal(plain.tissues.tissue, healthy.tissues.tissue)
    assert _same_truth(plain, healthy)


def test_a_protrusion_is_disc_behind_the_disc() -> None:
    healthy, herniated = _at_disc(HEALTHY), _at_disc(_herniated())
    added = _disc(herniated) & ~_disc(healthy)
    back = [float(p.at.d[_disc(p)[2]].max()) for p in (healthy, herniated)]
    assert 3 < back[1] - back[0] < 6
    assert float(herniated.at.d[added[2]].min()) > 0
    assert not bool((added & (healthy.tissues.semantic == Semantic.BODY)).any())
    assert not bool(added[[0, 4]].any())


@pytest.mark.parametrize("migration", [6.0, -6.0])
def test_an_extrusion_migrates(migration: float) -> None:
    healthy, herniated = _at_disc(HEALTHY), _at_disc(_herniated(migration=migration, half_height=9.0))
    added = (_disc(herniated) & ~_disc(healthy))[2]
    assert float(herniated.at.axial[added].mean() - COLUMN.disc_centre[K]) * np.sign(migration) > 2


def test_a_hydrated_herniation_is_as_bright_as_a_nucleus() -> None:
    dry, wet = _at_disc(_herniated()), _at_disc(_herniated(hydration=0.8))
    assert _count(wet, Tissue.NUCLEUS) > _count(dry, Tissue.NUCLEUS)
    behind = (wet.at.d > COLUMN.half_depth[K] + 1) & _disc(wet)
    assert 0.2 < float(wet.tissues.core[behind].max()) < 0.81


@pytest.mark.parametrize(
    ("field", "value", "tissue"),
    [("fissure", 1.2, Tissue.FLUID), ("gas", 1.2, Tissue.VACUUM), ("infected", 1.0, Tissue.FLUID)],
)
def test_defects_lie_in_the_disc_and_leave_its_truth(field: str, value: float, tissue: Tissue) -> None:
    defects = dataclasses.replace(HEALTHY.disc_defects, **{field: one(COLUMN, "L3", value)})
    healthy, defect = _at_disc(HEALTHY), _at_disc(dataclasses.replace(HEALTHY, disc_defects=defects))
    changed = defect.tissues.tissue == tissue
    assert bool(changed.any())
    assert bool(_disc(defect)[changed].all())
    assert _same_truth(healthy, defect)


def test_a_fissure_is_posterior() -> None:
    defects = dataclasses.replace(HEALTHY.disc_defects, fissure=one(COLUMN, "L3", 1.2))
    painted = _at_disc(dataclasses.replace(HEALTHY, disc_defects=defects))
    fluid = (painted.tissues.tissue == Tissue.FLUID)[2]
    assert float(painted.at.d[fluid].min()) > 0.6 * COLUMN.half_depth[K]


def _modic(extent: float, tissue: Tissue = Tissue.FATTY_MARROW) -> Pathology:
    extents = one(COLUMN, "L3", extent, endplate=1) + one(COLUMN, "L4", extent, endplate=0)
    changes = EndplateChanges(
        (np.where(extents > 0, int(tissue), 0)).astype(np.uint8), extents, np.zeros(2 * N), seed=1
    )
    return dataclasses.replace(HEALTHY, endplate_changes=changes)


def test_modic_changes_are_bands_at_both_endplates_of_a_disc() -> None:
    healthy, changed = _at_disc(HEALTHY), _at_disc(_modic(6.0))
    band = changed.tissues.tissue == Tissue.FATTY_MARROW
    for name in ("L3", "L4"):
        assert bool((band & (changed.tissues.level == VERSE_NUMBERS[name])).any())
    distance = (changed.at.axial - COLUMN.disc_centre[K]).abs().expand(band.shape)[band]
    assert float(distance.max()) < COLUMN.disc_height[K] / 2 + 16
    assert bool((healthy.tissues.tissue[band] == Tissue.MARROW).all())
    assert _same_truth(healthy, changed)


def test_the_border_of_modic_changes_is_irregular() -> None:
    changed = _at_disc(_modic(6.0))
    band = (changed.tissues.tissue == Tissue.FATTY_MARROW) & (changed.tissues.level == VERSE_NUMBERS["L3"])
    heights = band[2].sum(0)[60:100].float()
    assert float(heights.std()) > 0.5


def _lesion(tissue: Tissue, radius: float, raggedness: float = 0.0) -> Pathology:
    size = one(COLUMN, "L3", radius)
    codes = np.where(size > 0, int(tissue), 0).astype(np.uint8)
    lesions = MarrowLesions(codes, size, size, ZEROS, ZEROS, ZEROS, ZEROS + raggedness, seed=2)
    return dataclasses.replace(HEALTHY, lesions=lesions)


def test_a_haemangioma_is_round_and_striated() -> None:
    painted = _paint(_lesion(Tissue.HAEMANGIOMA, 8.0))
    lesion = (painted.tissues.tissue == Tissue.HAEMANGIOMA)[2]
    rows, columns = torch.where(lesion)
    assert abs(int(rows.max() - rows.min()) - 32) < 4
    assert abs(int(columns.max() - columns.min()) - 32) < 6
    middle = lesion[80].int()
    assert int((middle[1:] - middle[:-1] == 1).sum()) >= 3


def test_a_large_metastasis_fills_the_body_and_no_other() -> None:
    healthy, changed = _paint(HEALTHY), _paint(_lesion(Tissue.METASTASIS, 40.0, 0.3))
    lesion = changed.tissues.tissue == Tissue.METASTASIS
    body = (changed.tissues.semantic == Semantic.BODY) & (changed.tissues.level == VERSE_NUMBERS["L3"])
    assert bool(body[lesion].all())
    assert int(lesion.sum()) > 0.85 * int(body.sum())
    assert _same_truth(healthy, changed)


def test_bridges_are_bone_in_front_of_the_disc() -> None:
    over = one(COLUMN, "L3", 1.0).astype(bool)
    thickness = np.where(np.abs(ARC_LENGTHS - COLUMN.disc_centre[K]) < 12, 4.0, 0.0)
    bridges = Bridges(over, thickness, aside=-8.0, half_width=14.0)
    healthy, bridged = _at_disc(HEALTHY), _at_disc(dataclasses.replace(HEALTHY, bridges=bridges))
    added = (bridged.tissues.semantic == Semantic.BODY) & (healthy.tissues.semantic != Semantic.BODY)
    assert bool(added[1].any())
    assert not bool(added[4].any())
    assert float(bridged.at.d.expand(added.shape)[added].max()) < 0
    assert set(bridged.tissues.level[added].tolist()) == {VERSE_NUMBERS["L3"], VERSE_NUMBERS["L4"]}


def _fixed(name: str, places: tuple[str, ...], *, cage: bool) -> Pathology:
    chosen = sum((one(COLUMN, place, 1.0) for place in places), ZEROS).astype(bool)
    between = np.append(chosen[1:], False) & chosen & cage
    ends = COLUMN.centre[chosen][[0, -1]] + np.array([-8.0, 4.0])
    empty = {"screws": NEVER, "plate": NEVER, "cage": between, "rod": ends, "pedicle": ZEROS + 15}
    return dataclasses.replace(HEALTHY, implants=Implants(**{**empty, name: chosen}))


def test_pedicle_screws_reach_from_the_body_to_the_rod() -> None:
    healthy, fixed = _paint(HEALTHY), _paint(_fixed("screws", ("L2", "L3", "L4"), cage=True))
    metal = fixed.tissues.tissue == Tissue.METAL
    assert not bool(metal[2][fixed.at.d > COLUMN.half_depth[K]].any())
    aside = fixed.at.d[metal[4]]
    assert float(aside.max()) > COLUMN.half_depth[K] + 8
    assert bool((metal & (fixed.tissues.semantic == Semantic.BODY))[1].any())
    assert bool((metal & (fixed.tissues.semantic == Semantic.DISC)).any())
    assert _same_truth(healthy, fixed)


def test_a_plate_lies_in_front_of_the_neck() -> None:
    middle = float(COLUMN.centre[position(COLUMN, "C5")])
    fixed = _paint(_fixed("plate", ("C5", "C6"), cage=False), middle)
    metal = (fixed.tissues.tissue == Tissue.METAL)[2]
    assert bool(metal.any())
    assert float(fixed.at.d[metal].max()) < 0
    assert not bool((metal & (fixed.tissues.semantic[2] == Semantic.BODY)).any())


def test_a_slice_of_pathology_does_not_depend_on_the_other_slices() -> None:
    pathology = dataclasses.replace(_modic(8.0), lesions=_lesion(Tissue.METASTASIS, 12.0, 0.5).lesions)
    volume = _paint(pathology).tissues.tissue[1:4]
    part = paint(COLUMN, BODIES, float(COLUMN.centre[K]), SLICES[1:4], pathology).tissues.tissue
    assert float((volume == part).float().mean()) > 0.9999


@pytest.fixture(scope="module")
def population() -> list[tuple[Column, Pathology]]:
    rngs = [np.random.default_rng(seed) for seed in range(500)]
    columns = [draw_column(rng) for rng in rngs]
    return [(column, draw_pathology(rng, column)) for column, rng in zip(columns, rngs, strict=True)]


def test_pathology_is_as_frequent_as_stated(population: list[tuple[Column, Pathology]]) -> None:
    shares = {
        "herniation": np.mean([bool(p.herniations.length.any()) for _, p in population]),
        "fissure": np.mean([bool(p.disc_defects.fissure.any()) for _, p in population]),
        "gas": np.mean([bool(p.disc_defects.gas.any()) for _, p in population]),
        "haemangioma": np.mean([Tissue.HAEMANGIOMA in p.lesions.tissue for _, p in population]),
        "metastasis": np.mean([bool((p.lesions.raggedness > 0.4).any()) for _, p in population]),
        "bridge": np.mean([bool(p.bridges.over.any()) for _, p in population]),
        "metal": np.mean([bool((p.implants.screws | p.implants.plate).any()) for _, p in population]),
        "pus": np.mean([bool(p.disc_defects.infected.any()) for _, p in population]),
        "modic": np.mean(
            [bool(np.isin(p.endplate_changes.tissue, [Tissue.FATTY_MARROW]).any()) for _, p in population]
        ),
    }
    expected = {
        "herniation": (0.4, 0.75), "fissure": (0.2, 0.55), "gas": (0.08, 0.35), "haemangioma": (0.28, 0.42),
        "metastasis": (0.02, 0.08), "bridge": (0.02, 0.1), "metal": (0.01, 0.06), "pus": (0.0, 0.04),
        "modic": (0.1, 0.35),
    }  # fmt: skip
    for name, (least, most) in expected.items():
        assert least <= shares[name] <= most, (name, shares[name])


def test_nothing_befalls_sacral_or_fused_discs(population: list[tuple[Column, Pathology]]) -> None:
    for column, pathology in population:
        disc = is_presacral(column.levels) & ~column.fused_below
        assert not pathology.herniations.length[~disc].any()
        assert not (pathology.disc_defects.gas + pathology.disc_defects.fissure)[~disc].any()
        assert not pathology.bridges.over[~is_presacral(column.levels)].any()


def test_implants_are_neighbours_with_cages_between(population: list[tuple[Column, Pathology]]) -> None:
    for _, pathology in population:
        implants = pathology.implants
        places = np.flatnonzero(implants.screws | implants.plate)
        assert np.all(np.diff(places) == 1)
        assert set(np.flatnonzero(implants.cage)) <= set(places[:-1])
        assert not (implants.screws & implants.plate).any()


def test_half_of_the_fractures_are_fresh() -> None:
    column = dataclasses.replace(COLUMN, wedge=one(COLUMN, "L1", 6.0))
    k = 2 * position(column, "L1")
    changes = [draw_endplate_changes(np.random.default_rng(seed), column, ZEROS) for seed in range(200)]
    fresh = [c.extent[k] > 0 and c.tissue[k] == Tissue.EDEMA for c in changes]
    assert 0.35 < np.mean(fresh) < 0.65


def test_the_same_seed_has_the_same_pathology() -> None:
    first, again = (draw_pathology(np.random.default_rng(7), COLUMN) for _ in range(2))
    np.testing.assert_array_equal(first.herniations.length, again.herniations.length)
    np.testing.assert_array_equal(first.endplate_changes.extent, again.endplate_changes.extent)
    np.testing.assert_array_equal(first.lesions.radius, again.lesions.radius)
