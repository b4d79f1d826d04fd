"""Synthetic triplets of a pack, made once and shown in several looks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.utils.data import Dataset

from spine_segmentation.errors import UnreadableFile
from spine_segmentation.training.augmentation import cut_column, random_look
from spine_segmentation.training.pack_format import PackFormat, dequantise
from spine_segmentation.training.samples import Sample, Task, make_sample

HELD_OUT = 0.05
"""Share of every shard, at its end, that is never trained on."""

Shard = npt.NDArray[np.void]


_CUT_SHARE = 0.4
"""Share of samples of which one end or both are cut off."""


class PackedTriplets(Dataset[Sample]):
    """Triplets of a pack, mirrored and in other looks each time.

    Args:
        folder: A pack.
        task: Which target to give.
        shape: (rows, columns) of a sample.
        pixel_size: mm.
        seed: Sample k depends on the seed and k alone.

    Raises:
        UnreadableFile: If the folder holds no pack.
        UsageError: If its triplets have another shape or pixel size.
    """

    def __init__(
        self, folder: str | Path, task: Task, shape: tuple[int, int], pixel_size: float, seed: int = 0
    ) -> None:
        self.task, self.seed, self.pixel_size = task, seed, pixel_size
        self.triplets = _Triplets(Path(folder), PackFormat(shape[0], shape[1], pixel_size), held_out=False)

    def __getitem__(self, index: int) -> Sample:
        random = np.random.default_rng((self.seed, index))
        image, target = self.triplets.read(int(random.integers(len(self.triplets))), self.task)
        if random.random() < 0.5:
            image = image.flip(0)
        if random.random() < _CUT_SHARE:
            image, target = cut_column(image, target, self.pixel_size, random)
        if random.random() < 0.5:
            image = random_look(image, random)
        return make_sample(image, target, self.task)


class HeldOutTriplets(Dataset[Sample]):
    """Those triplets of a pack that are never trained on, as they are.

    Args:
        folder: A pack.
        task: Which target to give.
        shape: (rows, columns) of a sample.
        pixel_size: mm.

    Raises:
        UnreadableFile: If the folder holds no pack.
        UsageError: If its triplets have another shape or pixel size.
    """

    def __init__(self, folder: str | Path, task: Task, shape: tuple[int, int], pixel_size: float) -> None:
        self.task = task
        self.triplets = _Triplets(Path(folder), PackFormat(shape[0], shape[1], pixel_size), held_out=True)

    def __len__(self) -> int:
        return len(self.triplets)

    def __getitem__(self, index: int) -> Sample:
        return make_sample(*self.triplets.read(index, self.task), self.task)


class _Triplets:
    """All triplets of a pack's one part, numbered through."""

    def __init__(self, folder: Path, pack_format: PackFormat, *, held_out: bool) -> None:
        pack_format.require(folder)
        complete = sorted(folder.glob("[0-9]*.npy"))  # the name of one that is being written begins with a dot
        shards: list[Shard] = [np.load(path, mmap_mode="r") for path in complete]
        borders = [round(len(shard) * (1 - HELD_OUT)) for shard in shards]
        parts = [shard[border:] if held_out else shard[:border] for shard, border in zip(shards, borders, strict=True)]
        self.parts = [part for part in parts if len(part)]
        self.ends = np.cumsum([len(part) for part in self.parts])
        if not self.parts:
            raise UnreadableFile(
                f"no triplets in {folder}", expected="shards", remedy="make some: scripts/pack_triplets.py"
            )

    def __len__(self) -> int:
        return int(self.ends[-1])

    def read(self, number: int, task: Task) -> tuple[Tensor, Tensor]:
        """Image (3, rows, columns) float32 and target (rows, columns) uint8."""
        part = int(np.searchsorted(self.ends, number, side="right"))
        entry: Any = self.parts[part][number - int(self.ends[part])]
        return dequantise(torch.from_numpy(entry["image"].copy())), torch.from_numpy(entry[task].copy())
