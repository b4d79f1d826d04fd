"""What normalisation must remove, and what it must keep."""

from __future__ import annotations

import torch

from spine_segmentation.normalization import normalize


def scene(seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    image = torch.rand(2, 3, 96, 64, generator=generator) * 0.2 + 0.2
    image[:, :, 30:60, 20:40] += 0.6
    return image


def test_the_scale_of_the_intensities_does_not_matter() -> None:
    torch.testing.assert_close(normalize(scene()), normalize(scene() * 4000), atol=2e-3, rtol=1e-3)


def test_a_bright_object_stays_bright() -> None:
    result = normalize(scene())
    assert float(result[:, :, 35:55, 25:35].mean()) > float(result[:, :, :25].mean()) + 1


def test_coil_fall_off_is_evened_out() -> None:
    fall_off = torch.linspace(1, 0.15, 96)[:, None]
    flat, shaded = normalize(scene()), normalize(scene() * fall_off)
    change = (flat - shaded)[:, :, 5:-5].abs().mean()
    assert float(change) < 0.5 * float((flat[:, :, 35:55, 25:35].mean() - flat[:, :, :25].mean()).abs())


def test_each_triplet_is_normalised_by_itself() -> None:
    both = torch.cat([scene(0), scene(1) * 7])
    torch.testing.assert_close(normalize(both)[2:], normalize(scene(1) * 7))


def test_an_empty_triplet_stays_finite() -> None:
    assert not normalize(torch.zeros(1, 3, 32, 32)).any()
