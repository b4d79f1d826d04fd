"""Annotated scans seen at random: slabs of any thickness, views, looks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from spine_segmentation.grid import NEIGHBOUR_MM
from spine_segmentation.training.augmentation import Random, crop_field_of_view, random_look, random_view, recolour
from spine_segmentation.training.samples import Sample, Task, make_sample

THICK_SHARE = 0.7
"""Share of the triplets that look like clinical slices; the others are slices as they were acquired."""

SLICE_DISTANCE_MM = (3.0, 5.2)
"""Range of the distance between clinical slices."""

SLICE_FILLING = (0.75, 1.0)
"""Range of a clinical slice's thickness, as a share of the distance: the rest is gap."""


@dataclass(frozen=True)
class AnnotatedScan:
    """One scan in canonical orientation at its own resolution.

    Attributes:
        image: 0 to 1, shape (slices, rows, columns), float16.
        tissues: The segmentation network's channel of each voxel, 0 where nothing is labelled; uint8.
        target: What to learn: channels of either network, ``IGNORE`` or ``NO_DISC``; uint8.
        spacing: Slice, row and column spacing, mm.
    """

    image: Tensor
    tissues: Tensor
    target: Tensor
    spacing: tuple[float, float, float]

    def triplet(self, random: Random) -> tuple[Tensor, Tensor, Tensor]:
        """Draw three neighbouring slices, thin or thick; where a neighbour is missing, the middle one stands for it.

        Args:
            random: Source of randomness.

        Returns:
            Image (3, rows, columns) float32, tissues of the same shape, target of the middle slice; both uint8.
        """
        slices = self.image.shape[0]
        middle = int(random.integers(slices))
        distance, thickness = _draw_slices(random, self.spacing[0])
        step = max(1, round(distance / self.spacing[0]))
        centres = [k if 0 <= k < slices else middle for k in (middle - step, middle, middle + step)]
        if random.random() < 0.5:
            centres.reverse()
        image = torch.stack([self._slab(centre, thickness) for centre in centres])
        return image, self.tissues[centres], self._slab_target(middle, thickness)

    def _slab(self, centre: int, thickness: float) -> Tensor:
        """Mean over the slices that a slab covers, each weighted by how much of it lies in the slab."""
        offsets = (torch.arange(self.image.shape[0]) - centre).abs() * self.spacing[0]
        weights = ((thickness + self.spacing[0]) / 2 - offsets).clamp(0, min(thickness, self.spacing[0]))
        mean = torch.zeros(self.image.shape[1:])
        for index in weights.nonzero()[:, 0].tolist():
            mean.add_(self.image[index], alpha=float(weights[index] / weights.sum()))
        return mean

    def _slab_target(self, centre: int, thickness: float) -> Tensor:
        """What most of the slab's centre and its two outer thirds are."""
        third = round(thickness / 3 / self.spacing[0])
        last = self.target.shape[0] - 1
        left, middle, right = self.target[[max(0, centre - third), centre, min(last, centre + third)]]
        return torch.where(left == right, left, middle)


class AnnotatedScans(Dataset[Sample]):
    """Random views and looks of annotated scans.

    Args:
        scans: At least one.
        task: What their targets mean.
        shape: (rows, columns) of a sample.
        pixel_size: mm.
        length: Samples an epoch, where the data set is used by itself.
        seed: Sample k depends on the seed and k alone.
    """

    def __init__(
        self,
        scans: Sequence[AnnotatedScan],
        task: Task,
        shape: tuple[int, int],
        pixel_size: float,
        length: int = 240,
        seed: int = 0,
    ) -> None:
        self.scans, self.task, self.shape, self.pixel_size = scans, task, (shape[0], shape[1]), pixel_size
        self.length, self.seed = length, seed

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> Sample:
        random = np.random.default_rng((self.seed, index))
        scan = self.scans[int(random.integers(len(self.scans)))]
        image, tissues, target = scan.triplet(random)
        labels = torch.cat([tissues, target[None]])
        image, labels = random_view(image, labels, scan.spacing[1:], self.shape, self.pixel_size, random)
        image = image / (torch.quantile(image.flatten()[::13], 0.995) + 1e-6)
        if random.random() < 0.5:
            image = recolour(image, labels[:3], random)
        image, target = crop_field_of_view(random_look(image, random), labels[3], random)
        return make_sample(image, target, self.task)


def _draw_slices(random: Random, slice_spacing: float) -> tuple[float, float]:
    """Distance and thickness of the slices, mm."""
    if random.random() < THICK_SHARE:
        distance = random.uniform(*SLICE_DISTANCE_MM)
        return distance, distance * random.uniform(*SLICE_FILLING)
    return NEIGHBOUR_MM * random.uniform(0.85, 1.2), slice_spacing
