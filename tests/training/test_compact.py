"""A scan made small is nearly the scan that it was, and needs much less room."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from spine_segmentation.training.compact import MARGIN_MM, PIXEL_MM, load_scan, save_scan, shrink
from spine_segmentation.training.samples import IGNORE
from spine_segmentation.training.scans import AnnotatedScan


@pytest.fixture
def scan() -> AnnotatedScan:
    image = torch.from_numpy(np.random.default_rng(0).random((3, 120, 400), np.float32)).half()
    tissues = torch.zeros(3, 120, 400, dtype=torch.uint8)
    tissues[:, 40:80, 200:240] = 1
    target = tissues.clone()
    target[:, :20] = IGNORE
    return AnnotatedScan(image, tissues, target, (0.9, 0.4, 0.4))


def test_a_saved_scan_comes_back(scan: AnnotatedScan, tmp_path: Path) -> None:
    save_scan(tmp_path / "scan.npz", scan)
    back = load_scan(tmp_path / "scan.npz")
    assert back.spacing == pytest.approx(scan.spacing) and back.image.dtype == torch.float16
    assert torch.equal(back.tissues, scan.tissues) and torch.equal(back.target, scan.target)
    factor = float(scan.image.max())
    assert float((back.image.float() * factor - scan.image.float()).abs().max()) < 0.03


def test_shrinking_keeps_the_column_and_its_size(scan: AnnotatedScan) -> None:
    small = shrink(scan)
    assert small.spacing == pytest.approx((0.9, PIXEL_MM, PIXEL_MM), rel=0.01)
    assert small.image.shape == small.tissues.shape == small.target.shape
    width = 40 * 0.4 + 2 * MARGIN_MM
    assert small.image.shape[2] * small.spacing[2] == pytest.approx(width, abs=1.0)
    area = float((small.tissues == 1).sum()) * small.spacing[1] * small.spacing[2]
    assert area == pytest.approx(float((scan.tissues == 1).sum()) * 0.16, rel=0.02)
    assert set(torch.unique(small.target).tolist()) == {0, 1, IGNORE}
