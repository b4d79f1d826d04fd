"""Unknown pixels must not matter, and near misses cost less."""

from __future__ import annotations

import torch

from spine_segmentation.training.losses import LevelLoss, PartialDiceCELoss
from spine_segmentation.training.partial_labels import IGNORE, NO_DISC


def example() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 3, 16, 16, generator=generator)
    target = torch.randint(0, 3, (2, 1, 16, 16), generator=generator)
    target[:, :, :4] = IGNORE
    return logits, target


def test_unknown_pixels_do_not_matter() -> None:
    loss = PartialDiceCELoss([1.0, 1.0, 1.0])
    logits, target = example()
    changed = logits.clone()
    changed[:, :, :4] = 50 * torch.randn(2, 3, 4, 16)
    torch.testing.assert_close(loss(logits, target), loss(changed, target))


def test_where_there_is_no_disc_only_discs_cost() -> None:
    loss = PartialDiceCELoss([1.0, 1.0, 1.0])
    logits, target = example()
    target[:, :, :4] = NO_DISC
    bodies, discs = logits.clone(), logits.clone()
    bodies[:, 1, :4] += 20
    discs[:, 2, :4] += 20
    assert float(loss(bodies, target)) < float(loss(logits, target)) < float(loss(discs, target)) - 3


def test_the_right_answer_costs_next_to_nothing() -> None:
    _, target = example()
    perfect = 20 * torch.nn.functional.one_hot(target[:, 0].clamp(max=2), 3).permute(0, 3, 1, 2).float()
    assert float(PartialDiceCELoss([1.0, 1.0, 1.0])(perfect, target)) < 0.01


def test_nothing_known_gives_no_gradient() -> None:
    logits = torch.randn(1, 3, 8, 8, requires_grad=True)
    target = torch.full((1, 1, 8, 8), IGNORE)
    for loss in (PartialDiceCELoss([1.0] * 3), LevelLoss([0, 1, 2], 3)):
        loss(logits, target).backward()
    assert logits.grad is not None and not logits.grad.any()


def test_one_level_off_costs_less_than_five() -> None:
    loss = LevelLoss(list(range(10)), 10, spread=0.5)
    target = torch.full((1, 1, 1, 1), 4)
    costs = [float(loss(5 * torch.eye(10)[k][None, :, None, None], target)) for k in (4, 5, 9)]
    assert costs[0] < costs[1] < costs[2]


def test_coarse_scores_are_held_against_the_pixel_in_the_middle_of_each() -> None:
    loss = LevelLoss([0, 1, 2], 3)
    logits, target = example()
    fine = torch.full((2, 1, 64, 64), IGNORE)
    fine[:, :, 2::4, 2::4] = target
    torch.testing.assert_close(loss(logits, fine), loss(logits, target))
