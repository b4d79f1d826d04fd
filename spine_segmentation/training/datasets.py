"""Training samples: annotated scans seen at random, synthetic triplets, and their mixture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, TypedDict

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from spine_segmentation.errors import UsageError
from spine_segmentation.grid import NEIGHBOUR_MM
from spine_segmentation.io.nifti import read_nifti
from spine_segmentation.normalization import normalize
from spine_segmentation.synth.generator import generate_triplet
from spine_segmentation.training.augmentation import crop_field_of_view, random_look, random_view, recolour
from spine_segmentation.training.partial_labels import IGNORE, level_target, semantic_target, tissue_classes
from spine_segmentation.volume import Volume

Task = Literal["semantic", "level"]

SEED_STRIDE = 10**9
"""Synthetic people of different seeds have different numbers, up to this many samples a run."""


class Sample(TypedDict):
    """One training sample.

    ``image``: normalised triplet (3, rows, columns), float32. ``label``: (1, rows, columns), int64, ``IGNORE`` where
    unknown.
    """

    image: Tensor
    label: Tensor


def split_patients(pairs: Sequence[tuple[Path, Path]], held_out: int, *, training: bool) -> list[tuple[Path, Path]]:
    """Keep evenly spread patients out of the training.

    Args:
        pairs: One per patient, sorted.
        held_out: How many patients to keep out.
        training: Whether to return those to train on or those kept out.
    """
    out = {round((k + 0.5) * len(pairs) / held_out) for k in range(held_out)} if held_out else set()
    return [pair for k, pair in enumerate(pairs) if (k not in out) == training]


class AnnotatedScans(Dataset[Sample]):
    """Random views and looks of annotated scans.

    Args:
        pairs: Image and mask files; masks carry VerSe numbers.
        task: Which target to give.
        shape: (rows, columns) of a sample.
        pixel_size: mm.
        length: Samples an epoch, where the data set is used by itself.
        seed: Sample k depends on the seed and k alone.
    """

    def __init__(
        self,
        pairs: Sequence[tuple[Path, Path]],
        task: Task,
        shape: tuple[int, int],
        pixel_size: float,
        length: int = 240,
        seed: int = 0,
    ) -> None:
        self.task, self.shape, self.pixel_size = task, (shape[0], shape[1]), pixel_size
        self.length, self.seed = length, seed
        self.scans = [_AnnotatedScan.read(*pair, task) for pair in pairs]

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> Sample:
        random = np.random.default_rng((self.seed, index))
        scan = self.scans[random.integers(len(self.scans))]
        image, tissues, target = scan.triplet(random)
        labels = torch.cat([tissues, target[None]])
        image, labels = random_view(image, labels, scan.spacing[1:], self.shape, self.pixel_size, random)
        image = image / (torch.quantile(image.flatten()[::13], 0.995) + 1e-6)
        if random.random() < 0.5:
            image = recolour(image, labels[:3], random)
        image, target = crop_field_of_view(random_look(image, random), labels[3], random)
        return _sample(image, target, self.task)


class SyntheticTriplets(Dataset[Sample]):
    """Triplets of the synthetic spine, made as they are needed.

    Args:
        task: Which target to give.
        shape: (rows, columns) of a sample.
        pixel_size: mm.
        seed: Sample k depends on the seed and k alone.
    """

    def __init__(self, task: Task, shape: tuple[int, int], pixel_size: float, seed: int = 0) -> None:
        self.task, self.shape, self.pixel_size, self.seed = task, (shape[0], shape[1]), pixel_size, seed

    def __getitem__(self, index: int) -> Sample:
        triplet = generate_triplet(self.seed * SEED_STRIDE + index, self.shape, self.pixel_size)
        return _sample(triplet.image, triplet.semantic if self.task == "semantic" else triplet.level, self.task)


class Mixture(Dataset[Sample]):
    """Draws from several data sets in fixed shares; every epoch shows other samples.

    Args:
        datasets: What to draw from.
        shares: Probability of each, adding up to one.
        length: Samples an epoch.
        seed: Which data set gives sample k depends on the seed and k alone.
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
        draw = np.random.default_rng((self.seed, number)).random()
        chosen = min(int(np.searchsorted(self.bounds, draw, side="right")), len(self.datasets) - 1)
        return self.datasets[chosen][number]


def _sample(image: Tensor, target: Tensor, task: Task) -> Sample:
    """Normalise the image; where there is no structure, there is no level to learn."""
    label = target[None].long()
    if task == "level":
        label[label == 0] = IGNORE
    return {"image": normalize(image[None])[0], "label": label}


class _AnnotatedScan:
    """One scan in canonical orientation at its own resolution: image, what each voxel is, and what to learn from it."""

    def __init__(self, image: Volume, mask: Volume, task: Task) -> None:
        scaled = (image.array - image.array.min()) / max(float(np.ptp(image.array)), 1e-6)
        target = semantic_target(mask) if task == "semantic" else level_target(mask)
        self.spacing = image.spacing
        self.image = torch.from_numpy(scaled).half()
        self.tissues = torch.from_numpy(tissue_classes(mask))
        self.target = torch.from_numpy(target)

    @classmethod
    def read(cls, image_file: Path, mask_file: Path, task: Task) -> _AnnotatedScan:
        image, _ = read_nifti(image_file).canonical()
        mask, _ = read_nifti(mask_file).canonical()
        return cls(image, mask.with_array(mask.array.astype(np.uint8)), task)

    def triplet(self, random: np.random.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """A random slice with its neighbours, as thick as clinical slices are.

        Returns:
            Image (3, rows, columns) float32, tissues of the same shape, target of the middle slice; both uint8.
        """
        slices = self.image.shape[0]
        middle = int(random.integers(slices))
        half = round(random.uniform(0, 2.2) / self.spacing[0]) if random.random() < 0.6 else 0
        step = max(1, round(NEIGHBOUR_MM * random.uniform(0.7, 1.4) / self.spacing[0]))
        inside = [k if 0 <= k < slices else middle for k in (middle - step, middle, middle + step)]
        if random.random() < 0.5:
            inside.reverse()
        image = torch.stack([self.image[max(0, k - half) : k + half + 1].float().mean(0) for k in inside])
        return image, self.tissues[inside], self.target[middle]
