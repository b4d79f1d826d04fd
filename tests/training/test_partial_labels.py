"""What is not labelled must not be learned as background."""

from __future__ import annotations

import numpy as np
import pytest

from spine_segmentation.networks import CHANNELS
from spine_segmentation.training.partial_labels import IGNORE, NO_DISC, level_target, semantic_target
from spine_segmentation.volume import Volume


def column() -> Volume:
    """L4, disc, L5, disc and nothing below; posterior elements and canal behind."""
    mask = np.zeros((3, 100, 60), np.uint8)
    for start, length, value in ((20, 20, 23), (40, 8, 123), (48, 20, 24), (68, 8, 124)):
        mask[:, start : start + length, 10:30] = value
    mask[:, 20:76, 30:38] = 61
    mask[:, 30:40, 45:55] = 60
    mask[:, 50:60, 30:33] = 60
    return Volume.from_axes(mask, "LIP", (4.0, 1.0, 1.0))


def test_classes() -> None:
    target = semantic_target(column())
    assert target[1, 25, 20] == CHANNELS.index("vertebra")
    assert target[1, 44, 20] == CHANNELS.index("ivd")
    assert target[1, 25, 34] == CHANNELS.index("spinal canal")
    assert target[1, 35, 50] == CHANNELS.index("posterior elements")
    assert target[1, 45, 5] == 0


def test_above_the_first_structure_nothing_is_known() -> None:
    assert (semantic_target(column())[:, :15] == IGNORE).all()


def test_below_the_lowest_disc_only_discs_are_excluded() -> None:
    target = semantic_target(column())
    assert (target[:, 87:] == NO_DISC).all() and (target[:, 76:77] == NO_DISC)[:, :, :30].all()


def test_next_to_the_lowest_disc_lies_a_body() -> None:
    vertebra = CHANNELS.index("vertebra")
    target = semantic_target(column())[1]
    assert (target[78:85, 17:23] == vertebra).all()
    assert not (target[76:, :13] == vertebra).any() and not (target[76:, 27:] == vertebra).any()
    assert not (target[:19] == vertebra).any()  # the first structure is a body, no disc


@pytest.mark.parametrize("rise", [-0.8, 0.8])
def test_beyond_a_steep_disc_begins_where_the_disc_ends(rise: float) -> None:
    """All of S1, up to its highest corner beside L5-S1, is unknown, and all of the disc above L4 above it."""
    rows, columns = np.indices((100, 60))
    down = rows + rise * (columns - 20)  # along lines that rise towards posterior
    body = (columns >= 10) & (columns < 30)
    mask = np.zeros((100, 60), np.uint8)
    for start, length, value in ((12, 8, 122), (20, 20, 23), (40, 8, 123), (48, 20, 24), (68, 8, 124)):
        mask[body & (down >= start) & (down < start + length)] = value
    target = semantic_target(Volume.from_axes(np.stack([mask] * 3), "LIP", (4.0, 1.0, 1.0)))[1]
    assert np.isin(target[body & (down >= 76)], (NO_DISC, CHANNELS.index("vertebra"))).all()
    assert np.isin(target[body & (down < 12)], (IGNORE, CHANNELS.index("vertebra"))).all()
    for inside in (body & (down >= 79) & (down < 83), body & (down >= 4) & (down < 9)):
        middle = inside & (columns >= 18) & (columns < 22)
        assert (target[middle] == CHANNELS.index("vertebra")).all()
    assert (target[(columns < 8) & (down > 30) & (down < 55)] == 0).all()


def test_below_a_body_nothing_is_known() -> None:
    mask = column()
    cut = mask.with_array(np.where(mask.array == 124, 0, mask.array))
    assert (semantic_target(cut)[:, 80:] == IGNORE).all()


def test_the_seam_between_bodies_and_posterior_elements_is_unknown() -> None:
    target = semantic_target(column())
    assert target[1, 55, 28] == IGNORE and target[1, 55, 31] == IGNORE
    assert target[1, 55, 20] == CHANNELS.index("vertebra")


def test_levels_are_known_in_bodies_and_discs_only() -> None:
    target = level_target(column())
    assert target[1, 25, 20] == 23 and target[1, 44, 20] == 23 and target[1, 70, 20] == 24
    assert target[1, 25, 34] == IGNORE and target[1, 90, 20] == IGNORE
    assert target[1, 80, 20] == 26


@pytest.mark.parametrize(("disc", "body"), [(124, 26), (119, 20), (118, 19), (128, 20), (125, 26), (102, 3), (126, 27)])
def test_the_level_of_the_body_below_the_last_disc_is_known(disc: int, body: int) -> None:
    mask = column()
    renamed = mask.with_array(np.where(mask.array == 124, disc, np.where(mask.array > 60, 0, mask.array)))
    lowest = renamed.with_array(np.where(renamed.array == disc, disc, 0).astype(np.uint8))
    target = level_target(lowest)[1]
    assert (target[78:85, 17:23] == body).all() and (target[88:] == IGNORE).all()
    assert (target[59:66, 17:23] == disc - 100).all()
    expected = CHANNELS.index("sacrum below S1" if body == 27 else "vertebra")
    assert (semantic_target(lowest)[1, 78:85, 17:23] == expected).all()


def test_the_sacrum_below_s1_has_a_class_of_its_own() -> None:
    mask = column()
    sacrum = mask.with_array(np.where(mask.array == 24, 27, mask.array))
    assert semantic_target(sacrum)[1, 55, 15] == CHANNELS.index("sacrum below S1")


def test_beyond_a_single_structure_nothing_is_known() -> None:
    mask = column()
    alone = semantic_target(mask.with_array(np.where(mask.array == 24, 24, 0).astype(np.uint8)))
    assert (alone[:, :40] == IGNORE).all() and (alone[:, 70:] == IGNORE).all()
    assert alone[1, 55, 20] == CHANNELS.index("vertebra")
