"""Scans that several tests look at; generated once."""

from __future__ import annotations

import pytest
import torch

from spine_segmentation.synth import SyntheticScan, generate_volume
from spine_segmentation.synth.views import Region

REGIONS: tuple[Region, ...] = ("cervical", "thoracic", "lumbar", "whole")


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session", params=[(region, seed) for region in REGIONS for seed in (1, 3)], ids=str)
def region_scan(request: pytest.FixtureRequest) -> tuple[Region, SyntheticScan]:
    """A scan of each region of two persons; the second one has four lumbar vertebrae."""
    region, seed = request.param
    return region, generate_volume(seed, region=region, slices=13, slice_spacing=4.0, pixel_size=1.0)


@pytest.fixture(scope="session")
def scan() -> SyntheticScan:
    """A small lumbar scan."""
    return generate_volume(1, slices=5, pixel_size=1.2)
