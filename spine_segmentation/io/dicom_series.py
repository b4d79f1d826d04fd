"""Finding the DICOM series under a folder."""

from __future__ import annotations

import filecmp
import logging
from collections import defaultdict
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset

from spine_segmentation.errors import (
    NoDicomFound,
    TruncatedFile,
    UnreadableFile,
)
from spine_segmentation.io.dicom_copies import is_copy
from spine_segmentation.io.dicom_frames import ATTRIBUTES, Frame, frames_of
from spine_segmentation.io.dicom_headers import (
    MODALITY_KEYWORDS,
    files_under,
    infer_modality,
    is_image,
    number,
    numbers,
    read_header,
    text,
)
from spine_segmentation.io.dicom_stacks import best_plane, choose_stack, is_plain, slice_places
from spine_segmentation.io.dicom_suitability import find_flaws, is_substitute
from spine_segmentation.io.dicom_weighting import WEIGHTING_KEYWORDS, guess_weighting
from spine_segmentation.io.dicom_wording import WORDING_KEYWORDS, description_of, other_region

logger = logging.getLogger(__name__)

_KEYWORDS = sorted(
    {
        *("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "SeriesNumber", "PatientID"),
        *("Rows", "Columns", "NumberOfFrames", "SamplesPerPixel", "PhotometricInterpretation", "ImageType"),
        *("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "SpacingBetweenSlices", "SliceThickness"),
        *("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"),
        *MODALITY_KEYWORDS,
        *WEIGHTING_KEYWORDS,
        *WORDING_KEYWORDS,
        *(keyword for keywords in ATTRIBUTES.values() for keyword in keywords),
    }
)

_File = tuple[Path, Dataset]


@dataclass(frozen=True)
class SeriesSummary:
    """One DICOM series, described for a human.

    Attributes:
        study_uid: Study Instance UID; empty if it is missing.
        series_uid: Series Instance UID; empty if it is missing.
        modality: As stated, else as other attributes imply; empty if nothing tells.
        description: Series description, else protocol name.
        orientation: ``"sagittal"``, ``"axial"``, ``"coronal"``, ``"oblique"`` or ``"unknown"``; ``"sagittal"`` if
            there is a sagittal stack among others.
        images: Number of images, frames counted.
        pixel_spacing: (between rows, between columns), mm; None if unknown.
        slice_spacing: Median distance between slices, mm; None if unknown.
        weighting: ``"T1w"``, ``"T2w"``, ``"T2*w"``, ``"PDw"``, ``"STIR"`` or ``"DWI"``, a guess; None if nothing tells.
        unsuitable: Why it is not used on its own accord; None if it may be.
        files: Its files.
        slices: Number of distinct places along the normal, if sagittal of the stack to use; 0 if unknown.
        number: Series number; None if unknown.
        damaged: Every damaged DICOM file of the search, whichever series it belongs to.
        substitute: Whether it is used, although derived, where there is no original.
        other_region: The part of the body that its description or body part names; empty if that may be the spine.
        plain: Whether its images are neither phase, fat nor opposed-phase images.
        patient_id: Patient ID; empty if it is missing.
    """

    study_uid: str
    series_uid: str
    modality: str
    description: str
    orientation: str
    images: int
    pixel_spacing: tuple[float, float] | None
    slice_spacing: float | None
    weighting: str | None
    unsuitable: str | None
    files: tuple[Path, ...]
    slices: int = 0
    number: int | None = None
    damaged: tuple[Path, ...] = ()
    substitute: bool = False
    other_region: str = ""
    plain: bool = True
    patient_id: str = field(default="", repr=False)

    @property
    def title(self) -> str:
        """What it is, in words without patient data."""
        contrast = self.weighting or "of unknown contrast"
        return f"{self.orientation} MR, {contrast}, {self.slices} slices"

    @property
    def caveat(self) -> str:
        """The end of a sentence on its use: why it is not used on its own accord; empty if it may be."""
        return f", although {self.unsuitable}" * bool(self.unsuitable)


def list_series(folder: Path) -> list[SeriesSummary]:
    """List the image series under a folder; files that are no DICOM images are passed over.

    Damaged files are counted in a warning and named in every summary. Images without a Series Instance UID count as
    one series if they share folder, series number and description.

    Args:
        folder: Searched at any depth; or one DICOM file.

    Returns:
        One summary a series, by ascending series number.

    Raises:
        NoDicomFound: If there is no DICOM image.
        TruncatedFile: If the only DICOM files end before they say to which series they belong.
        UnreadableFile: If the folder does not exist or the only files cannot be opened.
    """
    groups, damage = _group(folder)
    if not groups and damage:
        raise next(iter(damage.values()))
    if not groups:
        raise NoDicomFound(
            f"no DICOM image under {folder}",
            expected="a folder with the DICOM files of a spine MR study",
            remedy="check the path; unpack compressed archives first, and pass a NIfTI file by its own name",
        )
    ordered = sorted(groups.values(), key=lambda files: number(files[0][1], "SeriesNumber") or 0.0)
    return [replace(_summarize(_without_copies(files)), damaged=tuple(damage)) for files in ordered]


def _group(folder: Path) -> tuple[dict[tuple[str, ...], list[_File]], dict[Path, UnreadableFile]]:
    """Sort the images by series, and collect the files that are damaged."""
    groups: dict[tuple[str, ...], list[_File]] = defaultdict(list)
    damage: dict[Path, UnreadableFile] = {}
    for path in files_under(folder):
        try:
            header = read_header(path, _KEYWORDS)
            if header is not None and is_image(header):
                groups[_series_key(header, path)].append((path, header))
        except UnreadableFile as error:
            damage[path] = error
    if damage:
        logger.warning("%d files are damaged or cannot be read and were left out", len(damage))
    anonymous = sum(not text(files[0][1], "SeriesInstanceUID") for files in groups.values())
    if anonymous:
        logger.warning("%d series have no UID; folder, series number and description told them apart", anonymous)
    return groups, damage


def _series_key(header: Dataset, path: Path) -> tuple[str, ...]:
    """Join what the images of one series share."""
    uid = text(header, "SeriesInstanceUID")
    if uid:
        return (text(header, "StudyInstanceUID"), uid)
    if "Rows" not in header:
        raise TruncatedFile(
            f"{path} ends before it says to which series it belongs",
            expected="a complete file",
            remedy="copy or export it again, or remove it",
        )
    keywords = ("StudyInstanceUID", "SeriesNumber", "SeriesDescription")
    return (str(path.parent), *(text(header, keyword) for keyword in keywords))


def _without_copies(files: list[_File]) -> list[_File]:
    """Leave out files that hold the same image as another one, and those without a UID if no byte differs."""
    kept: dict[tuple[object, ...], list[_File]] = defaultdict(list)
    for path, header in files:
        uid = text(header, "SOPInstanceUID")
        alike = kept[uid, numbers(header, "ImagePositionPatient", 3)]
        if not any(filecmp.cmp(path, other, shallow=False) or (uid and is_copy(path, other)) for other, _ in alike):
            alike.append((path, header))
    unique = [file for group in kept.values() for file in group]
    if len(unique) < len(files):
        logger.warning("%d files are copies of others and were left out", len(files) - len(unique))
    return unique


def _summarize(files: list[_File]) -> SeriesSummary:
    headers = [header for _, header in files]
    frames = [frame for path, header in files for frame in frames_of(header, path)]
    placed = [frame for frame in frames if frame.has_geometry]
    orientation, stack = _stack_of(placed)
    places = slice_places(stack) if stack else np.empty(0)
    series_number = number(headers[0], "SeriesNumber")
    modality = next(filter(None, map(infer_modality, headers)), "")
    flaws = find_flaws(headers, modality, orientation)
    return SeriesSummary(
        study_uid=text(headers[0], "StudyInstanceUID"),
        series_uid=text(headers[0], "SeriesInstanceUID"),
        modality=modality,
        description=description_of(headers[0]),
        orientation=orientation,
        images=len(frames),
        pixel_spacing=stack[0].pixel_spacing if stack else None,
        slice_spacing=_slice_spacing(stack, places.tolist()),
        weighting=guess_weighting(headers[0]),
        unsuitable=next(iter(flaws), None),
        files=tuple(path for path, _ in files),
        slices=len(places),
        number=None if series_number is None else int(series_number),
        substitute=is_substitute(headers, flaws),
        other_region=other_region(headers[0]),
        plain=not stack or is_plain(stack[0]),
        patient_id=text(headers[0], "PatientID"),
    )


def _stack_of(placed: list[Frame]) -> tuple[str, list[Frame]]:
    """The plane and the frames to describe: of a sagittal series one stack; others may hold thousands of images."""
    orientation, frames = best_plane(placed) if placed else ("unknown", [])
    return orientation, choose_stack(frames)[0] if orientation == "sagittal" else frames


def _slice_spacing(stack: list[Frame], places: list[float]) -> float | None:
    if len(places) > 1:
        return float(np.median(np.diff(places)))
    return stack[0].slice_spacing if stack else None
