"""Reads annotated scans to train on, and keeps some out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from spine_segmentation.errors import UsageError
from spine_segmentation.evaluation.pairs import scan_name
from spine_segmentation.io.nifti import read_nifti
from spine_segmentation.training.partial_labels import level_target, semantic_target, tissue_classes
from spine_segmentation.training.samples import Task
from spine_segmentation.training.scans import AnnotatedScan

Pair = tuple[Path, Path]


def split_scans(pairs: Sequence[Pair], held_out: Sequence[str], *, training: bool) -> list[Pair]:
    """Keep named scans out of the training, whatever else the folder holds.

    Args:
        pairs: Image and mask files.
        held_out: Names of the scans to keep out; all scans of a patient, or none.
        training: Whether to return those to train on or those kept out.

    Returns:
        The pairs of the one kind or the other, in their order.

    Raises:
        UsageError: If a scan to keep out is not there: then a run could train on it under another name.
    """
    names = [scan_name(image) for image, _ in pairs]
    missing = sorted(set(held_out) - set(names))
    if missing:
        raise UsageError(
            f"no scans {', '.join(missing)}, which are to be kept out",
            expected="every scan of held_out_scans in dataset_dir",
            remedy="correct dataset_dir or held_out_scans",
        )
    return [pair for name, pair in zip(names, pairs, strict=True) if (name not in held_out) == training]


def read_scans(pairs: Sequence[Pair], task: Task) -> list[AnnotatedScan]:
    """Read scans with their targets.

    Args:
        pairs: Image and mask files in any orientation; masks carry VerSe numbers.
        task: Which target to make.

    Returns:
        One scan for each pair, in canonical orientation.

    Raises:
        UnreadableFile: If a file does not exist or is not NIfTI.
        TruncatedFile: If a file ends early.
        InvalidVolume: If a volume is not three-dimensional, not real-valued, or a voxel is not finite.
        MissingGeometry: If a file has no orientation or no known unit of length.
        UnsupportedOrientation: If the slices are thick and not sagittal.
    """
    return [_read_scan(image_file, mask_file, task) for image_file, mask_file in pairs]


def _read_scan(image_file: Path, mask_file: Path, task: Task) -> AnnotatedScan:
    image, _ = read_nifti(image_file).canonical()
    mask, _ = read_nifti(mask_file).canonical()
    mask = mask.with_array(mask.array.astype(np.uint8))
    scaled = (image.array - image.array.min()) / max(float(np.ptp(image.array)), 1e-6)
    target = semantic_target(mask) if task == "semantic" else level_target(mask)
    tissues = torch.from_numpy(tissue_classes(mask))
    return AnnotatedScan(torch.from_numpy(scaled).half(), tissues, torch.from_numpy(target), image.spacing)
