"""Annotated scans as small files: what training needs of them, for a machine that everything must be carried to."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from spine_segmentation.arrays import Bytes
from spine_segmentation.training.pack_format import dequantise, quantise
from spine_segmentation.training.scans import AnnotatedScan

MARGIN_MM = 45.0
"""What is kept in front of and behind everything labelled."""

PIXEL_MM = 0.8
"""In-plane pixel size that finer scans are brought to."""


def shrink(scan: AnnotatedScan) -> AnnotatedScan:
    """Crop a scan to the column and its surroundings, and bring it to ``PIXEL_MM``.

    Args:
        scan: With anything labelled.

    Returns:
        The same slices, with pixels of about ``PIXEL_MM``.
    """
    columns = torch.nonzero((scan.tissues > 0).any(0).any(0))
    margin = round(MARGIN_MM / scan.spacing[2])
    kept = slice(max(0, int(columns.min()) - margin), int(columns.max()) + margin + 1)
    image, tissues, target = (part[:, :, kept] for part in (scan.image, scan.tissues, scan.target))
    size = [max(1, round(n * s / PIXEL_MM)) for n, s in zip(image.shape[1:], scan.spacing[1:], strict=True)]
    spacing = [n * s / m for n, s, m in zip(image.shape[1:], scan.spacing[1:], size, strict=True)]
    return AnnotatedScan(
        F.interpolate(image[:, None].float(), size, mode="bilinear", antialias=True)[:, 0].half(),
        F.interpolate(tissues[:, None], size, mode="nearest-exact")[:, 0],
        F.interpolate(target[:, None], size, mode="nearest-exact")[:, 0],
        (scan.spacing[0], spacing[0], spacing[1]),
    )


def save_scan(path: Path, scan: AnnotatedScan) -> None:
    """Write a scan with seven bits of the root of its intensity, as differences, which compress well.

    Args:
        path: Ends in ``.npz``.
        scan: Of any size.
    """
    code = quantise(scan.image.float()) >> 1
    np.savez(path, image=_differences(code), tissues=scan.tissues, target=scan.target, spacing=scan.spacing)


def load_scan(path: Path) -> AnnotatedScan:
    """Read what :func:`save_scan` wrote.

    Args:
        path: Ends in ``.npz``.

    Returns:
        The scan; its image is coarser by the seven bits, and its highest intensity is 1.
    """
    with np.load(path) as content:
        image = dequantise(torch.from_numpy(_sums(content["image"])) << 1)
        tissues, target = torch.from_numpy(content["tissues"]), torch.from_numpy(content["target"])
        slices, rows, columns = content["spacing"].tolist()
    return AnnotatedScan((image / image.max()).half(), tissues, target, (slices, rows, columns))


def _differences(code: Tensor) -> Bytes:
    """Differences along columns and rows, modulo 256."""
    array = np.diff(np.diff(code.numpy(), axis=2, prepend=0).astype(np.uint8), axis=1, prepend=0)
    return array.astype(np.uint8)


def _sums(differences: Bytes) -> Bytes:
    return differences.cumsum(1, dtype=np.uint8).cumsum(2, dtype=np.uint8)
