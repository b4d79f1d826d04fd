"""The exact label map of a synthetic scan."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt

from spine_segmentation.anatomy import BY_NAME, SACRUM_BELOW_S1, VERSE_NUMBERS, disc_name
from spine_segmentation.io.nifti import write_nifti
from spine_segmentation.synth.contrast import LEVEL_CODES
from spine_segmentation.synth.generator import SyntheticScan
from spine_segmentation.synth.tissues import Semantic
from spine_segmentation.volume import Volume


def label_map(scan: SyntheticScan) -> Volume:
    """Name every body and disc of a scan.

    Args:
        scan: From :func:`~spine_segmentation.synth.generator.generate_volume`.

    Returns:
        Structure ids of ``anatomy`` on the scan's grid, uint8; posterior elements and canal are background.
    """
    ids = _ids(scan.vertebrae)
    return scan.semantic.with_array(ids[scan.semantic.array, scan.level.array])


def write_truth(scan: SyntheticScan, path: Path) -> None:
    """Write the label map of a scan as NIfTI.

    Args:
        scan: From :func:`~spine_segmentation.synth.generator.generate_volume`.
        path: Ends in ``.nii`` or ``.nii.gz``.

    Raises:
        UsageError: If it does not.
        OutputError: If the file cannot be written.
    """
    write_nifti(label_map(scan), path)


def _ids(vertebrae: tuple[str, ...]) -> npt.NDArray[np.uint8]:
    """Structure id by semantic class and VerSe number; a disc's name depends on the vertebra below it."""
    ids = np.zeros((len(Semantic), LEVEL_CODES), dtype=np.uint8)
    for name in vertebrae:
        ids[Semantic.BODY, VERSE_NUMBERS[name]] = BY_NAME[name].id
    for upper, lower in pairwise(vertebrae):
        ids[Semantic.DISC, VERSE_NUMBERS[upper]] = BY_NAME[disc_name(upper, lower)].id
    ids[Semantic.SACRUM, :] = SACRUM_BELOW_S1
    return ids
