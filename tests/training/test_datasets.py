"""Synthetic triplets are reproducible; a mixture shows other samples every epoch."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from spine_segmentation.errors import UsageError
from spine_segmentation.training.datasets import Mixture, SyntheticTriplets
from spine_segmentation.training.samples import Sample


class _Constant(torch.utils.data.Dataset[Sample]):
    def __init__(self, value: float) -> None:
        self.value = value

    def __getitem__(self, index: int) -> Sample:
        return {"image": torch.full((1,), self.value), "label": torch.tensor([index])}


def test_synthetic_triplets_depend_on_the_seed_and_the_number() -> None:
    one, same, other = (SyntheticTriplets("semantic", (64, 64), 2.0, seed=seed) for seed in (0, 0, 1))
    assert torch.equal(one[5]["image"], same[5]["image"])
    assert not torch.equal(one[5]["image"], one[6]["image"])
    assert not torch.equal(one[5]["image"], other[5]["image"])


def test_mixture_draws_in_the_given_shares_and_never_repeats() -> None:
    mixture = Mixture([_Constant(0.0), _Constant(1.0)], [0.25, 0.75], length=1000)
    first = [mixture[k] for k in range(1000)]
    assert 0.70 < float(torch.stack([s["image"] for s in first]).mean()) < 0.80
    mixture.epoch = 1
    numbers = {int(mixture[k]["label"]) for k in range(1000)}
    assert numbers.isdisjoint({int(s["label"]) for s in first})


def test_shares_must_add_up() -> None:
    with pytest.raises(UsageError):
        Mixture([_Constant(0.0)], [0.5], length=10)


class _Drawing(torch.utils.data.Dataset[Sample]):
    """Draws a scan and a slice as the annotated scans do."""

    def __getitem__(self, index: int) -> Sample:
        random = np.random.default_rng((7, index))
        random.integers(26)
        return {"image": torch.zeros(1), "label": torch.tensor([int(random.integers(100))])}


def test_the_choice_of_a_data_set_tells_nothing_of_what_it_draws() -> None:
    mixture = Mixture([_Drawing(), _Constant(1.0)], [0.3, 0.7], length=2000, seed=7)
    samples = [mixture[k] for k in range(2000)]
    slices = torch.stack([sample["label"] for sample in samples if not sample["image"].any()]).flatten()
    assert 500 < len(slices) < 700
    assert torch.histc(slices.float(), 10, 0, 100).min() > 30
