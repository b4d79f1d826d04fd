"""Evidence of the levels: the labeling network's scores, pooled over each instance."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from monai.transforms import MapTransform

from spine_segmentation.anatomy import LEVELS, VERSE_NUMBERS
from spine_segmentation.grid import CHUNK, NetworkGrid
from spine_segmentation.results import Instances, LevelEvidence

EVIDENCE_WEIGHT = 0.2
"""How many independent pixels the pixels of one instance count for. Chosen with ``geometry.WEIGHT`` on 352 windows of
12 synthetic persons and of 5 patients that training never saw, these also with their tissues recoloured: the pair with
the least error of the sequences' confidence (docs/label-benchmark.md)."""

_CHANNELS = [VERSE_NUMBERS[level] for level in (*LEVELS, "S2 and below")]


class PoolLevelsd(MapTransform):
    """Pools the labeling network's logits over the voxels of each instance."""

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Pool the logits of one volume.

        Args:
            data: Holds under each key logits (slices, channels, rows, columns) of the padded slices at any resolution,
                the :class:`NetworkGrid` as ``image_grid``, and :class:`Instances` as ``instances``.

        Returns:
            The dictionary with :class:`LevelEvidence` in place of the logits.
        """
        grid, instances = data["image_grid"], data["instances"]
        return {**data, **{key: pool_levels(data[key], grid, instances) for key in self.key_iterator(data)}}


def pool_levels(logits: torch.Tensor, grid: NetworkGrid, instances: Instances) -> LevelEvidence:
    """Pool logits over the voxels of each instance.

    Args:
        logits: Shape (slices, channels, rows, columns), of the padded slices at any resolution; channel n is the VerSe
            number n.
        grid: How the image was brought to the network.
        instances: On the image's grid.

    Returns:
        The evidence; zeros where an instance is too small for the network's grid.
    """
    labels = torch.from_numpy(_on_network_grid(instances, grid))
    total = torch.zeros(len(instances.items) + 1, len(_CHANNELS), dtype=torch.float64)
    for scores, owner in zip(torch.split(logits, CHUNK), torch.split(labels, CHUNK), strict=True):
        inside = owner > 0
        total.index_add_(0, owner[inside], _log_probabilities(scores, grid, inside))
    voxels = torch.bincount(labels.flatten(), minlength=len(total)).clamp(min=1)
    pooled = (EVIDENCE_WEIGHT * total / voxels[:, None])[1:].numpy()
    return LevelEvidence(levels=pooled[:, :-1], below_s1=pooled[:, -1])


def _log_probabilities(logits: torch.Tensor, grid: NetworkGrid, inside: torch.Tensor) -> torch.Tensor:
    """Of the levels, interpolated, where ``inside`` (slices, *grid.size) is true; (n, levels)."""
    fine = F.interpolate(logits.float(), grid.padded_size, mode="bilinear", align_corners=False)
    return grid.crop(fine).movedim(1, -1).cpu()[inside][:, _CHANNELS].double().log_softmax(1)


def _on_network_grid(instances: Instances, grid: NetworkGrid) -> npt.NDArray[np.int64]:
    """Nearest instance label at every pixel of the network's grid; (slices, *grid.size)."""
    labels = grid.reorientation.apply(instances.labels.array)
    rows, columns = (
        ((np.arange(coarse) + 0.5) * fine / coarse).astype(np.int64)
        for coarse, fine in zip(grid.size, grid.canonical_size, strict=True)
    )
    return labels[:, rows[:, None], columns[None]].astype(np.int64)
