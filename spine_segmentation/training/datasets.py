"""Synthetic triplets, and the mixture of data sets that a training run sees."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from torch.utils.data import Dataset

from spine_segmentation.errors import UsageError
from spine_segmentation.synth.generator import generate_triplet
from spine_segmentation.training.samples import Sample, Task, make_sample

SEED_STRIDE = 10**9
"""Synthetic people of different seeds have different numbers, up to this many samples a run."""


class SyntheticTriplets(Dataset[Sample]):
    """Triplets of the synthetic spine, made as they are needed.

    Args:
        task: Which target to give.
        shape: (rows, columns) of a sample.
        pixel_size: mm.
        length: Samples an epoch, where the data set is used by itself.
        seed: Sample k depends on the seed and k alone.
    """

    def __init__(self, task: Task, shape: tuple[int, int], pixel_size: float, length: int = 240, seed: int = 0) -> None:
        self.task, self.shape, self.pixel_size = task, (shape[0], shape[1]), pixel_size
        self.length, self.seed = length, seed

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> Sample:
        triplet = generate_triplet(self.seed * SEED_STRIDE + index, self.shape, self.pixel_size)
        return make_sample(triplet.image, triplet.semantic if self.task == "semantic" else triplet.level, self.task)


_CHOICE = 1
"""Keeps the choice of a data set independent of what the data sets draw from the same seed and number."""


class Mixture(Dataset[Sample]):
    """Draws from several data sets in fixed shares; every epoch shows other samples.

    Args:
        datasets: What to draw from.
        shares: Probability of each, adding up to one.
        length: Samples an epoch.
        seed: Which data set gives sample k depends on the seed and k alone.

    Raises:
        UsageError: If there is not one share for each data set, or they do not add up to one.
    """

    def __init__(
        self, datasets: Sequence[Dataset[Sample]], shares: Sequence[float], length: int, seed: int = 0
    ) -> None:
        if len(datasets) != len(shares) or abs(sum(shares) - 1) > 1e-6:
            raise UsageError(
                f"shares {list(shares)} for {len(datasets)} data sets",
                expected="one share per data set, adding up to one",
                remedy="correct the training configuration",
            )
        self.datasets, self.length, self.seed, self.epoch = list(datasets), length, seed, 0
        self.bounds = np.cumsum(shares)

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> Sample:
        number = self.epoch * self.length + index
        draw = np.random.default_rng((self.seed, number, _CHOICE)).random()
        chosen = min(int(np.searchsorted(self.bounds, draw, side="right")), len(self.datasets) - 1)
        return self.datasets[chosen][number]
