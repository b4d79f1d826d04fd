"""Validation metrics for targets with unknown pixels, as Ignite metrics."""

from __future__ import annotations

import torch
from ignite.metrics import Metric
from torch import Tensor

from spine_segmentation.training.samples import NO_DISC, thin_out


def _last_prediction(output: list[dict[str, Tensor]]) -> tuple[Tensor, Tensor]:
    predictions = torch.stack([item["pred"] for item in output])
    return predictions, torch.stack([item["label"] for item in output])


class KnownPixelDice(Metric):
    """Mean Dice of some classes, pooled over all known pixels of the validation samples.

    Args:
        classes: Channel numbers.
    """

    def __init__(self, classes: list[int]) -> None:
        self.classes = classes
        super().__init__(output_transform=_last_prediction)

    def reset(self) -> None:
        """Forget all samples."""
        self.overlap = torch.zeros(len(self.classes))
        self.total = torch.zeros(len(self.classes))

    def update(self, output: tuple[Tensor, Tensor]) -> None:
        """Count the pixels of one more batch.

        Args:
            output: Logits (batch, classes, H, W), and targets (batch, 1, H, W), class numbers, ``NO_DISC`` or
                ``IGNORE``.
        """
        predicted, target = output[0].argmax(1).cpu(), output[1][:, 0].cpu()
        known = target < NO_DISC
        for k, number in enumerate(self.classes):
            mine, wanted = (predicted == number) & known, target == number
            self.overlap[k] += (mine & wanted).sum()
            self.total[k] += mine.sum() + wanted.sum()

    def compute(self) -> float:
        """Give the mean over the classes.

        Returns:
            Mean Dice, 0 to 1.
        """
        return float((2 * self.overlap / self.total.clamp(min=1)).mean())


class KnownPixelAccuracy(Metric):
    """Share of the known pixels whose class is right, of those in the middle of each scored cell."""

    def __init__(self) -> None:
        super().__init__(output_transform=_last_prediction)

    def reset(self) -> None:
        """Forget all samples."""
        self.right, self.known = 0, 0

    def update(self, output: tuple[Tensor, Tensor]) -> None:
        """Count the pixels of one more batch.

        Args:
            output: Logits (batch, classes, H / stride, W / stride), and targets (batch, 1, H, W), class numbers or
                ``IGNORE``.
        """
        predicted, target = output[0].argmax(1).cpu(), thin_out(output[1], output[0]).cpu()
        known = target < NO_DISC
        self.right += int((predicted == target)[known].sum())
        self.known += int(known.sum())

    def compute(self) -> float:
        """Give the share of the known pixels that are right.

        Returns:
            The share, 0 to 1.
        """
        return self.right / max(self.known, 1)
