"""What sizes and distances say of false instances and of missed vertebrae."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spine_segmentation.anatomy import Kind
from spine_segmentation.labeling.presence import MISSED_COUNTS, Presence, measure_presence
from spine_segmentation.results import Instance, Room
from tests.phantoms import kinds, structures

NAMES = structures("T11", "S1")


def column(names: tuple[str, ...] = NAMES, level: float = 35.0) -> list[Instance]:
    """Bodies and discs as large as one another, each half a level below the last."""
    return [item(kind, k * level / 2, volume=level**3) for k, kind in enumerate(kinds(names))]


def item(kind: Kind, place: float, volume: float = 35.0**3, *, whole: bool = True) -> Instance:
    return Instance(1, kind, place, (0.0, 0.0, -place), volume if kind is Kind.VERTEBRA else volume / 4, whole)


def without(items: list[Instance], *names: str) -> list[Instance]:
    return [one for one, name in zip(items, NAMES, strict=True) if name not in names]


@given(st.floats(10.0, 60.0))
def test_in_a_regular_column_nothing_seems_false_or_missed_whatever_its_size(level: float) -> None:
    presence = measure_presence(column(level=level))
    assert (presence.false < -1.0).all()
    assert (presence.false[2:-2] < -8.0).all()
    assert (presence.missed[1:, 1:] < -5.0).all()


@pytest.mark.parametrize("gone", [("L2",), ("L2", "L2-L3"), ("L1-L2", "L2", "L2-L3")])
def test_where_a_level_is_too_much_a_vertebra_was_missed(gone: tuple[str, ...]) -> None:
    presence = measure_presence(without(column(), *gone))
    below = NAMES.index(gone[0])
    one, *more = presence.missed[below, 1:]
    fewest_is_one = gone == ("L2",)  # two discs follow one another
    assert one == pytest.approx(0.0) if fewest_is_one else one > 5.0
    assert one > max(more)
    others = np.delete(presence.missed[1:], below - 1, axis=0)
    assert (others[:, 1:] < -5.0).all()


@pytest.mark.parametrize("name", ["L2", "L2-L3"])
def test_a_missed_structure_makes_no_other_seem_false(name: str) -> None:
    assert (measure_presence(without(column(), name)).false < 0.5).all()


@pytest.mark.parametrize(("share", "seems_false"), [(0.2, True), (1.0, False)])
def test_a_small_piece_between_seems_false_and_a_whole_body_does_not(share: float, seems_false: bool) -> None:
    items = column()
    k = NAMES.index("L2")
    if seems_false:
        items.insert(k, item(Kind.VERTEBRA, items[k].position - 9.0, share * items[k].volume))
    false = measure_presence(items).false[k]
    assert false > 4.0 if seems_false else false < -8.0


def test_of_a_body_that_is_cut_the_size_says_nothing() -> None:
    items = column()
    small = replace(items[-1], volume=items[-1].volume / 5)
    cut = replace(small, fully_visible=False)
    assert measure_presence([*items[:-1], small]).false[-1] > 2.0
    assert measure_presence([*items[:-1], cut]).false[-1] == pytest.approx(0.0, abs=0.01)


def test_beyond_a_gap_a_false_structure_is_as_unlikely_as_the_gap() -> None:
    gap = structures("L2-L3", "L4-L5")
    beyond = measure_presence(without(column(), *gap)).false[NAMES.index("L2") + 1]
    assert beyond < measure_presence(column()).false[-1] - 3.0  # of a body beside which nothing is missing on one side


@pytest.mark.parametrize("room", [Room(above=True), Room(below=True)])
def test_where_there_is_room_beyond_an_end_going_on_unseen_is_unlikely(room: Room) -> None:
    items = column()
    k = 0 if room.above else -1
    items[k] = replace(items[k], room=room)
    presence = measure_presence(items)
    assert [presence.unseen_above < -2, presence.unseen_below < -2] == [room.above, room.below]


@pytest.mark.parametrize("count", [0, 1])
def test_one_instance_has_nothing_to_be_compared_with(count: int) -> None:
    presence = measure_presence(column()[:count])
    assert presence.false.tolist() == [0.0] * count
    assert presence.missed.shape == (count, MISSED_COUNTS)


def test_a_body_and_a_disc_have_no_neighbour_of_their_kind() -> None:
    presence, unknown = measure_presence(column()[:2]), Presence.unknown(2)
    assert (presence.false == unknown.false).all()
    assert (presence.missed == unknown.missed).all()


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 50), st.floats(1, 1e5), st.booleans()), max_size=12))
def test_whatever_is_found_the_evidence_is_finite(found: list[tuple[bool, float, float, bool]]) -> None:
    places = np.cumsum([step for _, step, _, _ in found])
    items = [
        item(Kind.IVD if disc else Kind.VERTEBRA, float(place), volume, whole=whole)
        for (disc, _, volume, whole), place in zip(found, places, strict=True)
    ]
    presence = measure_presence(items)
    assert np.isfinite(presence.false).all()
    assert np.isfinite(presence.missed).all()
