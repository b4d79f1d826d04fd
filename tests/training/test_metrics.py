"""Validation metrics with known answers."""

from __future__ import annotations

import pytest
import torch

from spine_segmentation.training.metrics import KnownPixelAccuracy, KnownPixelDice
from spine_segmentation.training.partial_labels import IGNORE


def output() -> list[dict[str, torch.Tensor]]:
    """Four pixels: two right, one wrong, one unknown."""
    predicted, target = torch.tensor([[1, 1, 1, 0]]), torch.tensor([[1, 1, 0, IGNORE]])
    return [{"pred": torch.nn.functional.one_hot(predicted, 2).permute(2, 0, 1).float(), "label": target[None]}]


def test_dice() -> None:
    metric = KnownPixelDice([1])
    metric.iteration_completed(type("E", (), {"state": type("S", (), {"output": output()})})())
    assert metric.compute() == pytest.approx(2 * 2 / (3 + 2))


def test_accuracy() -> None:
    metric = KnownPixelAccuracy()
    metric.iteration_completed(type("E", (), {"state": type("S", (), {"output": output()})})())
    assert metric.compute() == pytest.approx(2 / 3)
