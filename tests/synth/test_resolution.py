from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from spine_segmentation.synth.grid import Grid
from spine_segmentation.synth.resolution import Resolution, draw_resolution, reconstruct

GRID = Grid((0.0,), 128, 96, 1.0, (0.0, 0.0), torch.device("cpu"))
NOWHERE = torch.zeros(GRID.shape, dtype=torch.bool)
FINE = Resolution((0.3, 0.3), reconstructed=0.3, apodisation=0.02, blur=(0.0, 0.0), noise=0.0, seed=0)


def _edge() -> torch.Tensor:
    image = torch.zeros(GRID.shape)
    image[:, 32:96] = 1.0
    return image


def test_a_uniform_image_stays_as_it_is() -> None:
    image = torch.full(GRID.shape, 0.7)
    torch.testing.assert_close(reconstruct(image, FINE, GRID, NOWHERE), image)


def test_a_coarse_pixel_along_the_rows_softens_only_horizontal_edges() -> None:
    sharp, coarse, other = (
        reconstruct(_edge(), replace(FINE, pixel=pixel), GRID, NOWHERE)[0, :, 40].diff().abs().max()
        for pixel in ((0.3, 0.3), (1.7, 0.3), (0.3, 1.7))
    )
    assert float(coarse) < 0.85 * float(sharp)
    assert float(other) == pytest.approx(float(sharp))


def test_truncation_rings_and_the_filter_calms_it() -> None:
    ringing, calm = (
        float(reconstruct(_edge(), replace(FINE, pixel=(1.6, 0.3), apodisation=a), GRID, NOWHERE)[0, 36:92, 40].std())
        for a in (0.02, 0.9)
    )
    assert ringing > 3 * calm


@pytest.mark.parametrize("pixel", [0.3, 1.0, 1.6])
def test_noise_has_the_stated_strength_at_any_resolution(pixel: float) -> None:
    noisy = reconstruct(torch.ones(GRID.shape), replace(FINE, pixel=(pixel, pixel), noise=0.05), GRID, NOWHERE)
    assert float(noisy.std()) == pytest.approx(0.05, rel=0.1)


def test_noise_is_rician_where_there_is_no_signal() -> None:
    noisy = reconstruct(_edge(), replace(FINE, noise=0.05), GRID, NOWHERE)[0, :24]
    assert float(noisy.mean()) == pytest.approx(0.05 * float(np.sqrt(np.pi / 2)), rel=0.1)


def test_noise_is_coarse_where_the_acquired_pixel_is() -> None:
    def correlation(pixel: float) -> float:
        noisy = reconstruct(torch.ones(GRID.shape), replace(FINE, pixel=(pixel, pixel), noise=0.05), GRID, NOWHERE)[0]
        return float(np.corrcoef(noisy[1:].flatten(), noisy[:-1].flatten())[0, 1])

    assert correlation(1.6) > correlation(0.3) + 0.15


@pytest.mark.parametrize("grid_pixel", [0.4, 1.0, 2.0])
def test_the_phase_direction_is_the_coarse_one(grid_pixel: float) -> None:
    for seed in range(50):
        rows, columns = draw_resolution(np.random.default_rng(seed), -2, grid_pixel).pixel
        assert 0.3 <= columns <= rows <= max(2 * grid_pixel, 0.3)


def test_noise_leaves_dim_bodies_visible() -> None:
    bodies = torch.zeros(GRID.shape, dtype=torch.bool)
    bodies[:, 40:80, 30:60] = True
    image = torch.ones(GRID.shape).masked_fill(bodies, 0.1)
    hidden, seen = (reconstruct(image, replace(FINE, noise=0.2), GRID, where) for where in (NOWHERE, bodies))
    assert float(hidden[:, 90:].std()) == pytest.approx(0.2, rel=0.1)
    assert float(seen[:, 90:].std()) == pytest.approx(0.1 / 2.5, rel=0.1)
