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


def test_accuracy_of_coarse_predictions_is_that_of_the_pixels_in_the_middle() -> None:
    target = torch.full((1, 8, 8), IGNORE)
    target[:, 2::4, 2::4] = torch.tensor([[1, 0], [1, 1]])
    coarse = torch.stack([torch.zeros(2, 2), torch.ones(2, 2)])
    metric = KnownPixelAccuracy()
    state = type("S", (), {"output": [{"pred": coarse, "label": target}]})()
    metric.iteration_completed(type("E", (), {"state": state})())
    assert metric.compute() == pytest.approx(3 / 4)
