"""Alternatives that only the ablation needs; ``scripts/ablate.py`` names them in its overrides."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from spine_segmentation.training.losses import PartialDiceCELoss


class MiddleSlice(nn.Module):
    """A network that sees the middle slice alone, three times.

    Args:
        network: Takes triplets.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> Tensor:
        """Show the network the middle slice alone.

        Args:
            image: Triplets, shape (batch, 3, H, W), normalised.

        Returns:
            The network's output.
        """
        logits: Tensor = self.network(image[:, 1:2].expand(-1, 3, -1, -1))
        return logits


class PartialJaccardCELoss(PartialDiceCELoss):
    """Cross-entropy plus soft Jaccard."""

    def overlap_loss(self, dice: Tensor) -> Tensor:
        """Give one minus the mean soft Jaccard index.

        Args:
            dice: Soft Dice of each class but 0, shape (classes - 1,), 0 to 1.

        Returns:
            A scalar.
        """
        return 1 - (dice / (2 - dice)).mean()


def z_score(triplets: Tensor) -> Tensor:
    """Give the field of view of each slice mean 0 and standard deviation 1.

    Args:
        triplets: Shape (batch, channels, H, W), not negative; exact zeros are outside the field of view.

    Returns:
        The same shape; zeros outside the field of view.
    """
    visible = triplets > 0
    count = visible.sum((2, 3), keepdim=True).clamp(min=1)
    mean = triplets.sum((2, 3), keepdim=True) / count
    variance = ((triplets - mean) ** 2 * visible).sum((2, 3), keepdim=True) / count
    return (triplets - mean) / (variance.sqrt() + 1e-6) * visible


def percentiles(triplets: Tensor) -> Tensor:
    """Map the 1 and 99 % quantiles of each triplet's field of view to -1 and 1.

    Args:
        triplets: Shape (batch, channels, H, W), not negative; exact zeros are outside the field of view.

    Returns:
        The same shape, -1.5 to 2.5; zeros where a triplet shows next to nothing.
    """
    return torch.stack([_between_percentiles(triplet) for triplet in triplets])


def _between_percentiles(triplet: Tensor) -> Tensor:
    values = triplet.flatten()[::3]
    values = values[values > 0]
    if values.numel() < 50:
        return torch.zeros_like(triplet)
    low, high = torch.quantile(values, torch.tensor([0.01, 0.99]))
    return ((triplet - low) / (high - low + 1e-6) * 2 - 1).clamp(-1.5, 2.5)
