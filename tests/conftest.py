"""One small scan, and what the pipeline makes of it; made once for all tests."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from spine_segmentation.pipeline import SpinePipeline
from spine_segmentation.results import SpineResult
from spine_segmentation.synth.dicom import write_study
from spine_segmentation.synth.generator import SyntheticScan, generate_volume
from spine_segmentation.volume import Volume

SEED = 6


@pytest.fixture(scope="session")
def lumbar_scan() -> SyntheticScan:
    """An easy lumbar spine with five lumbar vertebrae; how often the networks are right is the evaluation's matter."""
    return generate_volume(SEED, region="lumbar", slices=7, slice_spacing=6.0, pixel_size=1.2)


@pytest.fixture(scope="session")
def lumbar_study(lumbar_scan: SyntheticScan, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same as a DICOM series."""
    folder = tmp_path_factory.mktemp("study")
    write_study(lumbar_scan, folder, seed=SEED)
    return folder


@pytest.fixture(scope="session")
def no_spine() -> Volume:
    """An evenly bright ellipse in each slice."""
    rows, columns = np.mgrid[-1:1:160j, -1:1:128j]
    slice_ = np.where((rows / 0.75) ** 2 + (columns / 0.7) ** 2 < 1, 100, 0)
    return Volume.from_axes(np.stack([slice_] * 5).astype(np.int16), "LIP", (5.0, 1.2, 1.2))


@pytest.fixture(scope="session")
def pipeline() -> SpinePipeline:
    """The pipeline with the networks of the package."""
    return SpinePipeline()


@pytest.fixture(scope="session")
def lumbar_result(pipeline: SpinePipeline, lumbar_scan: SyntheticScan) -> SpineResult:
    """What the pipeline finds in the lumbar scan."""
    return pipeline(lumbar_scan.image)
