from __future__ import annotations

import dataclasses

import torch

from spine_segmentation.synth.coordinates import Coordinates
from spine_segmentation.synth.implicit import intersect, rounded
from spine_segmentation.synth.selection import paint_where
from spine_segmentation.synth.tissues import Semantic, Tissue, TissueMap

SHAPE = (2, 5, 7)


@dataclasses.dataclass(frozen=True)
class _Number:
    number: torch.Tensor


def _coordinates() -> Coordinates:
    plane = torch.arange(35.0).view(5, 7)
    return Coordinates(plane, plane + 100, torch.stack([plane, -plane]), plane, plane.long())


def test_what_is_painted_in_the_row_lies_at_the_selected_pixels() -> None:
    tissues = TissueMap.empty(SHAPE, torch.device("cpu"))
    at = _coordinates()
    reach = at.s % 3 == 0

    def paint(row: TissueMap, place: Coordinates, also: _Number) -> None:
        assert torch.equal(place.d, place.s + 100)
        assert torch.equal(place.x[1], -also.number)
        row.paint_level((place.x > 20), Tissue.MARROW, Semantic.BODY, 7)

    paint_where(reach, paint, tissues, at, _Number(at.s))
    expected = reach & (at.s > 20)
    for painted, value in ((tissues.tissue, Tissue.MARROW), (tissues.semantic, Semantic.BODY), (tissues.level, 7)):
        assert torch.equal(painted[0] == int(value), expected)
        assert not painted[1].any()


def test_nothing_is_called_where_nothing_is_reached() -> None:
    tissues, at = TissueMap.empty(SHAPE, torch.device("cpu")), _coordinates()
    calls: list[TissueMap] = []
    paint_where(at.s < 0, lambda row, place, also: calls.append(row), tissues, at, _Number(at.s))
    assert not calls


def test_an_intersection_is_where_all_shapes_are() -> None:
    x, y = torch.meshgrid(torch.arange(-5.0, 6), torch.arange(-5.0, 6), indexing="ij")
    assert torch.equal(intersect(x, y - 2, -4 - x), (x < 0) & (y < 2) & (x > -4))


def test_rounding_takes_the_corner_and_leaves_the_sides() -> None:
    x, y = torch.meshgrid(torch.arange(-10.0, 3, 0.5), torch.arange(-10.0, 3, 0.5), indexing="ij")
    sharp, smooth = intersect(x, y), rounded(4.0, x, y) < 0
    lost = sharp & ~smooth
    assert not (smooth & ~sharp).any()
    assert lost[(x == -0.5) & (y == -0.5)].all()
    assert bool((x[lost] > -4).all()) and bool((y[lost] > -4).all())
