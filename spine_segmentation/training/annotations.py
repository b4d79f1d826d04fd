"""Reads annotated scans to train on, and keeps some out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from spine_segmentation.errors import InvalidVolume, UsageError
from spine_segmentation.evaluation.pairs import scan_name
from spine_segmentation.evaluation.truth import require_same_grid
from spine_segmentation.grid import non_negative
from spine_segmentation.io.nifti import read_nifti
from spine_segmentation.training.partial_labels import MASK_VALUES, level_target, semantic_target, tissue_classes
from spine_segmentation.training.samples import Task
from spine_segmentation.training.scans import AnnotatedScan
from spine_segmentation.volume import Volume

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
        InvalidVolume: If a volume is not three-dimensional, not real-valued, or a voxel is not finite, or a mask has
            values that mean nothing.
        InconsistentGeometry: If a mask does not lie on the grid of its image.
        MissingGeometry: If a file has no orientation or no known unit of length.
        UnsupportedOrientation: If the slices are thick and not sagittal.
    """
    return [_read_scan(image_file, mask_file, task) for image_file, mask_file in pairs]


def _read_scan(image_file: Path, mask_file: Path, task: Task) -> AnnotatedScan:
    image, _ = read_nifti(image_file).canonical()
    mask, _ = _read_mask(mask_file).canonical()
    require_same_grid(mask, image)
    values = non_negative(image.array)
    target = semantic_target(mask) if task == "semantic" else level_target(mask)
    tissues = torch.from_numpy(tissue_classes(mask))
    return AnnotatedScan((values / values.max()).half(), tissues, torch.from_numpy(target), image.spacing)


def _read_mask(path: Path) -> Volume:
    mask = read_nifti(path)
    unknown = np.setdiff1d(mask.array, MASK_VALUES)
    if len(unknown):
        raise InvalidVolume(
            f"{path.name} with the values {', '.join(f'{value:g}' for value in unknown[:5])}",
            expected="VerSe numbers, 100 and the number of the vertebra above for discs, 60, 61 and 0",
            remedy="convert the mask as docs/training.md says",
        )
    return mask.with_array(mask.array.astype(np.uint8))
