"""Pooling of level scores over instances, with known answers."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F

from spine_segmentation.anatomy import LEVELS, VERSE_NUMBERS, Kind
from spine_segmentation.grid import to_network_grid
from spine_segmentation.levels import pool_levels
from spine_segmentation.results import Instance, Instances
from spine_segmentation.volume import Volume

LEVEL_CHANNELS = max(VERSE_NUMBERS.values()) + 1


def scene(axes: str = "LIP") -> tuple[Volume, Instances]:
    """Two bodies, one above the other."""
    canonical = Volume.from_axes(np.random.default_rng(0).random((3, 60, 40), np.float32), "LIP", (4.0, 1.0, 1.0))
    labels = np.zeros((3, 60, 40), np.uint16)
    labels[:, 5:25, 10:30], labels[:, 35:55, 10:30] = 1, 2
    turn = canonical.reorientation(axes)
    items = tuple(Instance(k, Kind.VERTEBRA, 30.0 * k, (0.0, 0.0, 0.0), 1.0, True) for k in (1, 2))
    return canonical.reorient(turn), Instances(canonical.with_array(labels).reorient(turn), items)


def logits_for(volume: Volume, instances: Instances, names: tuple[str, ...]) -> torch.Tensor:
    image, grid = to_network_grid(volume, 1.0)
    canonical = torch.from_numpy(grid.reorientation.apply(instances.labels.array).astype(np.int64))
    logits = torch.zeros(image.shape[0], LEVEL_CHANNELS, *image.shape[1:])
    view = grid.crop(logits)
    for k, name in enumerate(names, start=1):
        view[:, VERSE_NUMBERS[name]][canonical == k] = 8.0
    return logits


def test_each_instance_gets_the_level_seen_inside_it() -> None:
    for axes in ("LIP", "PSR", "IAL"):
        volume, instances = scene(axes)
        _, grid = to_network_grid(volume, 1.0)
        pooled = pool_levels(logits_for(volume, instances, ("L5", "S1")), grid, instances).levels
        assert pooled.shape == (2, len(LEVELS))
        assert [LEVELS[k] for k in pooled.argmax(1)] == ["L5", "S1"]


def test_scores_at_a_quarter_of_the_resolution_are_interpolated() -> None:
    volume, instances = scene()
    image, grid = to_network_grid(volume, 1.0)
    rows, columns = grid.padded_size
    assert image.shape[1:] == (rows, columns)
    coarse = 5 * torch.randn(image.shape[0], LEVEL_CHANNELS, rows // 4, columns // 4)
    fine = F.interpolate(coarse, (rows, columns), mode="bilinear", align_corners=False)
    np.testing.assert_allclose(
        pool_levels(coarse, grid, instances).levels, pool_levels(fine, grid, instances).levels, rtol=1e-6
    )


def test_all_slices_are_pooled_however_many() -> None:
    volume, instances = scene()
    many = [Volume(np.tile(v.array, (4, 1, 1)), v.affine) for v in (volume, instances.labels)]
    more = Instances(many[1], instances.items)
    logits = logits_for(volume, instances, ("L5", "S1")) + torch.randn(3, LEVEL_CHANNELS, 1, 1)
    once = pool_levels(logits, to_network_grid(volume, 1.0)[1], instances)
    often = pool_levels(logits.repeat(4, 1, 1, 1), to_network_grid(many[0], 1.0)[1], more)
    np.testing.assert_allclose(often.levels, once.levels)


def test_the_unused_channel_does_not_count() -> None:
    volume, instances = scene()
    _, grid = to_network_grid(volume, 1.0)
    logits = logits_for(volume, instances, ("T13", "L1"))
    expected = pool_levels(logits, grid, instances)
    logits[:, 0] += 50
    np.testing.assert_allclose(pool_levels(logits, grid, instances).levels, expected.levels)


def test_what_lies_below_s1_is_told_apart() -> None:
    volume, instances = scene()
    _, grid = to_network_grid(volume, 1.0)
    pooled = pool_levels(logits_for(volume, instances, ("S1", "S2 and below")), grid, instances)
    assert pooled.below_s1[0] < pooled.levels[0].max() and pooled.below_s1[1] > pooled.levels[1].max()


def test_an_instance_lost_on_the_coarse_grid_is_no_evidence() -> None:
    volume, instances = scene()
    labels = np.where(instances.labels.array == 2, 0, instances.labels.array)
    image, grid = to_network_grid(volume, 1.5)
    logits = torch.randn(image.shape[0], LEVEL_CHANNELS, *image.shape[1:])
    pooled = pool_levels(logits, grid, Instances(instances.labels.with_array(labels), instances.items)).levels
    assert pooled[0].any() and not pooled[1].any()
