from __future__ import annotations

import dataclasses

import numpy as np
import torch

from spine_segmentation.synth.level_tables import RANK, along, lost_height, position, positions, ranks
from spine_segmentation.synth.morphometry import S1
from tests.synth.straight_spine import normal_column
from tests.synth.straight_spine import position as level_at

COLUMN = normal_column()


def test_supernumerary_vertebrae_rank_between_their_neighbours() -> None:
    for seed in range(60):
        column = normal_column(seed)
        rank = ranks(column)
        assert np.all(np.diff(rank) > 0)
        assert rank[column.index(S1)] == RANK["S1"]
    np.testing.assert_allclose(along(np.array([20.0, 21.0, 22.0]), {"L1": 1.0, "L3": 3.0}), [1, 2, 3])


def test_the_table_of_positions_counts_borders() -> None:
    table = positions(np.array([10.0, 20.0]))
    assert position(table, torch.tensor([-50.0, 9.0, 11.0, 19.0, 21.0, 900.0])).tolist() == [0, 0, 1, 1, 2, 2]


def test_lost_height_is_that_of_the_worn_disc() -> None:
    worn = COLUMN.disc_height.copy()
    k = level_at(COLUMN, "L4")
    worn[k] *= 0.3
    lost = lost_height(dataclasses.replace(COLUMN, disc_height=worn))
    assert int(lost.argmax()) == k
    assert 0.3 < lost[k] < 1
    assert lost[COLUMN.index(S1) :].max() == 0
