"""Losses for targets with unknown pixels."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from spine_segmentation.networks import CHANNELS
from spine_segmentation.training.samples import IGNORE, NO_DISC, thin_out


class PartialDiceCELoss(nn.Module):
    """Cross-entropy plus soft Dice over the known pixels of a batch; where only "no disc" is known, disc costs.

    Args:
        class_weights: Weight of each class in the cross-entropy.
        dice_weight: Weight of the Dice term, which leaves out class 0.
    """

    class_weights: Tensor

    def __init__(self, class_weights: list[float], dice_weight: float = 1.0) -> None:
        super().__init__()
        self.register_buffer("class_weights", torch.tensor(class_weights))
        self.dice_weight = dice_weight

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        """Compute the loss.

        Args:
            logits: Shape (batch, classes, H, W).
            target: Shape (batch, 1, H, W), int64 class numbers, ``NO_DISC`` or ``IGNORE``.

        Returns:
            A scalar.
        """
        logits, target = logits.float(), target[:, 0]
        no_disc, known = target == NO_DISC, target < NO_DISC
        target = target.masked_fill(no_disc, IGNORE)
        weights = self.class_weights.to(logits.device)
        cross_entropy = F.cross_entropy(logits, target, weight=weights, ignore_index=IGNORE)
        if not bool(known.any()):
            return logits.sum() * 0.0
        false_discs = _disc_cost(logits)[no_disc].sum() / known.sum()
        overlap = self.overlap_loss(_soft_dice(logits, target, known))
        return cross_entropy + false_discs + self.dice_weight * overlap

    def overlap_loss(self, dice: Tensor) -> Tensor:
        """Give the loss of the classes' overlap: one minus its mean.

        Args:
            dice: Soft Dice of each class but 0, shape (classes - 1,), 0 to 1.

        Returns:
            A scalar.
        """
        return 1 - dice.mean()


class LevelLoss(nn.Module):
    """Cross-entropy over bodies and discs in which being one level off costs less than being five off.

    The target is spread over the neighbouring levels along the column.

    Args:
        levels: Channel numbers of the levels, top to bottom.
        channels: Number of output channels.
        spread: Standard deviation of the spread, in levels.
    """

    table: Tensor

    def __init__(self, levels: list[int], channels: int, spread: float = 0.35) -> None:
        super().__init__()
        position = torch.arange(len(levels)).float()
        soft = torch.exp(-0.5 * ((position[:, None] - position[None]) / spread) ** 2)
        table = torch.eye(channels)
        index = torch.tensor(levels)
        table[index[:, None], index[None]] = soft / soft.sum(1, keepdim=True)
        self.register_buffer("table", table)

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        """Compute the loss.

        Args:
            logits: Shape (batch, channels, H / stride, W / stride), for any whole stride.
            target: Shape (batch, 1, H, W), int64 channel numbers or ``IGNORE``.

        Returns:
            A scalar.
        """
        target = thin_out(target, logits)
        known = target != IGNORE
        if not bool(known.any()):
            return logits.sum() * 0.0
        scores = F.log_softmax(logits.float().permute(0, 2, 3, 1)[known], dim=1)
        wanted = self.table.to(logits.device)[target[known]]
        return -(wanted * scores).sum(1).mean()


def _disc_cost(logits: Tensor) -> Tensor:
    """Negative log-probability of anything but a disc; (batch, H, W)."""
    others = [k for k, name in enumerate(CHANNELS[: logits.shape[1]]) if name != "ivd"]
    return logits.logsumexp(1) - logits[:, others].logsumexp(1)


def _soft_dice(logits: Tensor, target: Tensor, known: Tensor) -> Tensor:
    """Soft Dice of all classes but the first, over the whole batch; (classes - 1,)."""
    classes = logits.shape[1]
    probabilities = logits.softmax(1) * known[:, None]
    wanted = F.one_hot(target.where(known, torch.zeros_like(target)), classes).permute(0, 3, 1, 2) * known[:, None]
    overlap = (probabilities * wanted).sum((0, 2, 3))
    total = (probabilities + wanted).sum((0, 2, 3))
    smooth = 50.0
    return ((2 * overlap + smooth) / (total + smooth))[1:]
