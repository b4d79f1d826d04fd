"""Numbered synthetic cases with their truth, as pairs of NIfTI files or as DICOM studies."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import numpy as np

from spine_segmentation.errors import UsageError
from spine_segmentation.evaluation.label_mapping import MAPPING_FILE, synthetic_mapping, write_mapping
from spine_segmentation.io.atomic import output_errors
from spine_segmentation.io.nifti import write_nifti
from spine_segmentation.io.output_folder import make_folder
from spine_segmentation.progress import Progress
from spine_segmentation.synth.contrast import Weighting
from spine_segmentation.synth.dicom import quantize, write_study
from spine_segmentation.synth.generator import SyntheticScan, generate_volume
from spine_segmentation.synth.truth import write_truth
from spine_segmentation.synth.views import Region

ANY_REGION = "random"
"""Name of the choice that gives every case a region of its own."""

TRUTH_FILE = "truth.nii.gz"
"""Label map in the folder of a DICOM case."""

_IMAGE = "_img.nii.gz"
_REGIONS: tuple[Region, ...] = get_args(Region)
_REGION_STREAM = 1
"""Keeps the draw of the region apart from that of the person."""


@dataclass(frozen=True)
class Protocol:
    """How every case is imaged.

    Attributes:
        region: See :func:`~spine_segmentation.synth.views.region_levels`, or ``ANY_REGION``.
        weightings: Values of :class:`~spine_segmentation.synth.contrast.Weighting`; a case has one scan of each.
        slices: Number of slices.
        slice_spacing: mm.
        pixel_size: mm.

    Raises:
        UsageError: If region or a weighting is unknown, or none or one of them is given twice.
    """

    region: str = ANY_REGION
    weightings: tuple[str, ...] = (Weighting.T2W,)
    slices: int = 15
    slice_spacing: float = 4.0
    pixel_size: float = 0.7

    def __post_init__(self) -> None:
        _require_choices("region", (self.region,), (ANY_REGION, *_REGIONS))
        _require_choices("weighting", self.weightings, tuple(Weighting))

    def region_of(self, seed: int) -> Region:
        """Choose the region of a case.

        Args:
            seed: Seed of the case.

        Returns:
            The protocol's own region, or one drawn by the seed where that is ``ANY_REGION``.
        """
        choice = [region for region in _REGIONS if self.region in (region, ANY_REGION)]
        return choice[int(np.random.default_rng((seed, _REGION_STREAM)).integers(len(choice)))]


def generate_case(seed: int, protocol: Protocol) -> tuple[SyntheticScan, ...]:
    """Generate the scans of one person.

    Args:
        seed: Which person; with the protocol it determines everything.
        protocol: How to image it.

    Returns:
        One scan per weighting, all on one grid.

    Raises:
        UsageError: If a size is not positive.
    """
    return tuple(
        generate_volume(
            seed,
            region=protocol.region_of(seed),
            slices=protocol.slices,
            slice_spacing=protocol.slice_spacing,
            pixel_size=protocol.pixel_size,
            weighting=weighting,
        )
        for weighting in protocol.weightings
    )


def write_cases(
    folder: Path, count: int, seed: int, protocol: Protocol, *, dicom: bool = False, progress: Progress | None = None
) -> None:
    """Write cases ``synth_0000``, ``synth_0001`` and so on, and a file that says what the masks' values mean.

    Case k is that of ``seed + k``. As NIfTI it consists of ``synth_0000_img.nii.gz`` and ``synth_0000_seg.nii.gz``, or
    of such a pair per weighting (``synth_0000_T1w_img.nii.gz``); as DICOM it is a folder with the study, a folder per
    weighting, and the label map ``truth.nii.gz``. Masks hold structure ids. A case appears complete or not at all.

    Args:
        folder: New or empty.
        count: Number of cases.
        seed: That of the first case.
        protocol: How to image them.
        dicom: Write DICOM studies instead of NIfTI.
        progress: Called after each case.

    Raises:
        UsageError: If the folder is not empty, or a size of the protocol is not positive.
        OutputError: If a file cannot be written.
    """
    _require_empty(folder)
    make_folder(folder)
    for index in range(count):
        scans = generate_case(seed + index, protocol)
        with _staging(folder) as staging:
            write_mapping(synthetic_mapping(), staging / MAPPING_FILE)
            name = f"synth_{index:04d}"
            _write_dicom(scans, staging / name, seed + index) if dicom else _write_nifti(scans, staging, name)
        if progress is not None:
            progress(index + 1, count)


def _write_dicom(scans: tuple[SyntheticScan, ...], folder: Path, seed: int) -> None:
    for scan in scans:
        write_study(scan, folder / scan.weighting, seed=seed)
    write_truth(scans[0], folder / TRUTH_FILE)


def _write_nifti(scans: tuple[SyntheticScan, ...], folder: Path, name: str) -> None:
    for scan in scans:
        scan_name = name if len(scans) == 1 else f"{name}_{scan.weighting}"
        write_nifti(scan.image.with_array(quantize(scan.image.array)), folder / f"{scan_name}{_IMAGE}")
        write_truth(scan, folder / f"{scan_name}_seg.nii.gz")


@contextmanager
def _staging(folder: Path) -> Iterator[Path]:
    """Give a temporary folder whose content moves to ``folder`` once the block has succeeded."""
    with output_errors(folder), tempfile.TemporaryDirectory(prefix=".incomplete-", dir=folder) as name:
        yield Path(name)
        for path in sorted(Path(name).iterdir(), key=lambda path: path.name.endswith(_IMAGE)):  # images last
            path.replace(folder / path.name)


def _require_empty(folder: Path) -> None:
    if folder.is_dir() and any(folder.iterdir()):
        raise UsageError(
            f"the output folder {folder} is not empty",
            expected="a new or empty folder, so that cases of different runs do not mix",
            remedy="choose another output folder, or empty this one",
        )


def _require_choices(noun: str, chosen: tuple[str, ...], known: tuple[str, ...]) -> None:
    if not chosen or len(set(chosen)) < len(chosen) or not set(chosen) <= set(known):
        raise UsageError(
            f"{noun} {', '.join(chosen) or 'missing'}",
            expected=f"{', '.join(known)}, each at most once",
            remedy=f"choose a {noun} of this list",
        )
