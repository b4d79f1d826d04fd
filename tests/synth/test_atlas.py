from __future__ import annotations

import numpy as np
import pytest

from spine_segmentation.anatomy import VERSE_NUMBERS
from spine_segmentation.synth.tissues import Semantic, Tissue
from tests.synth.straight_posterior import PIXEL_MM, Behind, paint_behind
from tests.synth.straight_spine import normal_column

COLUMN = normal_column()
SCALE = COLUMN.scale


@pytest.fixture(scope="module")
def junction() -> Behind:
    """Slices through the dens and through both lateral masses."""
    return paint_behind(0.0, (-16.0 * SCALE, 0.0, 16.0 * SCALE), COLUMN)


def test_the_dens_is_body_and_the_ring_around_it_is_c1(junction: Behind) -> None:
    row = junction.row(-9 * SCALE)
    dens = np.flatnonzero(junction.where(Semantic.BODY)[1, row])
    ring = np.flatnonzero(junction.bone("C1")[1, row])
    assert dens.size * PIXEL_MM == pytest.approx(11.2 * SCALE, abs=1.5)
    assert ring[0] < dens[0]
    assert ring[-1] > dens[-1] + round(10 / PIXEL_MM)
    assert not junction.where(Semantic.POSTERIOR)[1, row, dens].any()


def test_a_joint_parts_the_anterior_arch_from_the_dens(junction: Behind) -> None:
    row = junction.row(-9 * SCALE)
    dens = np.flatnonzero(junction.where(Semantic.BODY)[1, row])[0]
    arch = np.flatnonzero(junction.bone("C1")[1, row, :dens])[-1]
    assert 0.5 <= (dens - arch) * PIXEL_MM < 4
    assert junction.tissue(Tissue.CARTILAGE)[1, row, arch + 1 : dens].any()


def test_the_dens_is_joined_to_the_body_of_c2(junction: Behind) -> None:
    body = junction.where(Semantic.BODY)[1]
    column = junction.column(0.0)
    assert body[junction.row(-12 * SCALE) : junction.row(10 * SCALE), column].all()
    assert set(junction.tissues.level[1].numpy()[body]) <= {VERSE_NUMBERS["C2"], VERSE_NUMBERS["C3"], 4, 5}


@pytest.mark.parametrize("side", [0, 2])
def test_beside_the_dens_c1_stands_on_c2_and_the_skull_on_c1(junction: Behind, side: int) -> None:
    column = junction.column(SCALE)
    c1, c2 = (np.flatnonzero(junction.bone(name)[side, :, column]) for name in ("C1", "C2"))
    skull = np.flatnonzero(junction.tissue(Tissue.SKULL)[side, :, column])
    assert skull[-1] < c1[0] < c1[-1] < c2[0]
    assert 1 <= c2[0] - c1[-1] - 1 <= 6
    assert 1 <= c1[0] - skull[-1] - 1 <= 6
    assert c1.size * PIXEL_MM == pytest.approx(14 * SCALE, abs=4)


def test_c1_is_never_body(junction: Behind) -> None:
    c1 = junction.tissues.level.numpy() == VERSE_NUMBERS["C1"]
    assert (junction.tissues.semantic.numpy()[c1] == Semantic.POSTERIOR).all()


def test_there_is_no_atlas_in_the_lumbar_spine() -> None:
    scan = paint_behind(COLUMN.position(VERSE_NUMBERS["L3"]), (0.0, 16.0), COLUMN)
    assert not scan.bone("C1").any()
