"""The generator with one of its blocks taken out, for the ablation."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest import mock

import numpy as np
from torch import Tensor

from spine_segmentation.synth import examination, voxelize
from spine_segmentation.synth.contrast import Weighting
from spine_segmentation.synth.generator import generate_triplet
from spine_segmentation.synth.partial_volume import SlicePlanes
from spine_segmentation.training.pack_format import PackFormat, shard_path, write_shard


def make_pack(folder: Path, pack_format: PackFormat, count: int, block: str | None) -> None:
    """Make a pack of synthetic triplets.

    Args:
        folder: Where; shards that are there already are kept.
        pack_format: Of all triplets.
        count: Triplets, rounded up to whole shards.
        block: Which block to take out, a key of ``BLOCKS``; None for none.

    Raises:
        UsageError: If the folder holds a pack of another format.
    """
    pack_format.claim(folder)
    shape = (pack_format.rows, pack_format.columns)
    with BLOCKS[block] if block else nullcontext():
        for seed in range(0, count, pack_format.triplets_per_shard):
            seeds = range(seed, seed + pack_format.triplets_per_shard)
            if not shard_path(folder, seed).is_file():
                triplets = [generate_triplet(k, shape, pack_format.pixel_size) for k in seeds]
                write_shard(shard_path(folder, seed), triplets, pack_format)


def _paint_nothing(*_: object) -> None:
    """Stand in for a painter."""


def _average_slices(
    image: Tensor,
    _tissues: object,
    _at: object,
    _contrast: object,
    _acquisition: object,
    planes: SlicePlanes,
    _fov: object,
) -> Tensor:
    """Stand in for the acquisition: partial volume alone."""
    return planes.average(image)


def _any_contrast(rng: np.random.Generator) -> Weighting:
    """Stand in for the choice of a sequence family; as much chance is used up."""
    rng.random()
    return Weighting.RANDOM


def _without(
    module: ModuleType, name: str, stand_in: Callable[..., Any] = _paint_nothing
) -> AbstractContextManager[Any]:
    return mock.patch.object(module, name, stand_in)


BLOCKS: dict[str, AbstractContextManager[Any]] = {
    "surroundings": _without(voxelize, "paint_surroundings"),
    "posterior elements": _without(voxelize, "paint_posterior"),
    "pathology": _without(voxelize, "paint_pathology"),
    "artefacts": _without(examination, "acquire", _average_slices),
    "sequence families": _without(examination, "draw_weighting", _any_contrast),
}
"""What takes each block out; without the sequence families, all contrasts are wholly random."""
