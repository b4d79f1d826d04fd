"""Finding the DICOM series under a folder, and choosing the one to use."""

from __future__ import annotations

import filecmp
import logging
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NoReturn

import numpy as np
from pydicom.dataset import Dataset

from spine_segmentation.errors import (
    MissingGeometry,
    NoDicomFound,
    NoSuitableSeries,
    TruncatedFile,
    UnreadableFile,
    UnsupportedOrientation,
)
from spine_segmentation.io.dicom_copies import is_copy
from spine_segmentation.io.dicom_frames import ATTRIBUTES, NO_FUNCTIONAL_GROUPS, Frame, frames_of
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
from spine_segmentation.io.dicom_suitability import NO_GEOMETRY, find_flaws, is_substitute
from spine_segmentation.io.dicom_weighting import WEIGHTING_KEYWORDS, guess_weighting
from spine_segmentation.io.dicom_wording import WORDING_KEYWORDS, description_of, other_region
from spine_segmentation.volume import THICK_SLICE_MM

logger = logging.getLogger(__name__)

WEIGHTING_PREFERENCE = ("T2w", "T1w", "STIR", "PDw", "T2*w", None, "DWI")
"""Among series with the same number of slices the one whose contrast comes first here is used."""

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

_GEOMETRY_FLAWS = {NO_GEOMETRY, NO_FUNCTIONAL_GROUPS}

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
            remedy="check the path; compressed archives must be unpacked first",
        )
    ordered = sorted(groups.values(), key=lambda files: number(files[0][1], "SeriesNumber") or 0.0)
    return [replace(_summarize(_without_copies(files)), damaged=tuple(damage)) for files in ordered]


def usable_series(series: Sequence[SeriesSummary]) -> list[SeriesSummary]:
    """Rank the series that may be used, as :func:`choose_series` says.

    Args:
        series: From :func:`list_series`.

    Returns:
        The suitable ones, the best suited first; with the substitutes if one of them comes first.
    """
    ranked = sorted((one for one in series if one.unsuitable is None or one.substitute), key=_rank)
    return [one for one in ranked if one.unsuitable is None or ranked[0].substitute]


def choose_series(series: Sequence[SeriesSummary], series_uid: str | None = None) -> tuple[SeriesSummary, str]:
    """Choose the series to use.

    Suitable are grey-scale MR series with a stack within 45 degrees of sagittal that are not derived, localizers,
    subtracted or projections. Of these those come last whose description or body part names another region than the
    spine, then those of phase, fat or opposed-phase images; the one with most slices is used; among equals the first
    in ``WEIGHTING_PREFERENCE``, then the one with the finest pixels, then the one with the lowest UID. Where only
    another region was acquired as original, or nothing, a derived primary image is used that is neither reformatted
    nor a map. That, and input of several studies or patients, is reported as a warning.
    A series given by its UID is used although it is derived or a localizer, but not if it is not MR, or thick-sliced
    and not sagittal.

    Args:
        series: From :func:`list_series`.
        series_uid: The Series Instance UID of the series wanted.

    Returns:
        The choice, and one sentence that says why.

    Raises:
        NoSuitableSeries: If there is none; the message lists every series and why not.
        UnreadableFile: If there is none, but some files are damaged.
        MissingGeometry: If all that keeps the MR series from being used is their missing geometry.
        UnsupportedOrientation: If the series given by UID has thick slices that are not sagittal.
    """
    if series_uid is not None:
        return _choose_given(series, series_uid)
    usable = usable_series(series)
    if not usable:
        _refuse(series)
    mixture = _mixture(series)
    if mixture:
        logger.warning("the input holds %s; one series is chosen among all", mixture)
    if usable[0].substitute:
        logger.warning("no original series of the spine is suitable; a derived one is chosen")
    origin = f" of {len(series)} series found" * (len(series) > 1) + f" in {mixture}" * bool(mixture)
    return usable[0], f"{usable[0].title}: {_advantage(usable)}{origin}{usable[0].caveat}"


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


def _rank(summary: SeriesSummary) -> tuple[object, ...]:
    return (*_merits(summary).values(), summary.study_uid, summary.series_uid, summary.files)


def _merits(summary: SeriesSummary) -> dict[str, float]:
    """Measure what counts when choosing, in this order; less is better."""
    known = summary.weighting in WEIGHTING_PREFERENCE
    return {
        "no other body part in its header": bool(summary.other_region),
        "original images": summary.substitute,
        "neither phase nor fat nor opposed-phase images": not summary.plain,
        "most slices": -summary.slices,
        "the preferred contrast": WEIGHTING_PREFERENCE.index(summary.weighting if known else None),
        "the finest pixels": round(float(np.prod(summary.pixel_spacing or (np.inf, np.inf))), 4),
    }


def _advantage(ranked: Sequence[SeriesSummary]) -> str:
    """Why the first of the ranked series was preferred to the second."""
    quality = "usable" if ranked[0].substitute else "suitable"
    if len(ranked) == 1:
        return f"the only {quality} series"
    first, second = _merits(ranked[0]), _merits(ranked[1])
    merit = next((name for name in first if first[name] != second[name]), "the lowest UID, being otherwise equal")
    return f"it has {merit} among {len(ranked)} {quality} series"


def _mixture(series: Sequence[SeriesSummary]) -> str:
    """Count studies and patients where there are several; images without an ID count as of any of them."""
    studies = max(1, len({one.study_uid for one in series} - {""}))
    patients = max(1, len({one.patient_id for one in series} - {""}))
    counted = f"{studies} {'study' if studies == 1 else 'studies'} of {patients} patient{'s' * (patients > 1)}"
    return counted if max(studies, patients) > 1 else ""


def _choose_given(series: Sequence[SeriesSummary], series_uid: str) -> tuple[SeriesSummary, str]:
    found = sorted((candidate for candidate in series if candidate.series_uid == series_uid), key=_rank)
    if not found:
        raise NoSuitableSeries(
            f"none of {len(series)} series has the UID that was asked for: {_listing(series)}",
            expected="the Series Instance UID of a series of the input",
            remedy="list the series and their UIDs first",
        )
    chosen = found[0]
    if chosen.modality not in {"MR", ""}:
        _refuse(found)
    if chosen.orientation not in {"sagittal", "unknown"} and (chosen.slice_spacing or np.inf) > THICK_SLICE_MM:
        raise UnsupportedOrientation(
            f"a series of {chosen.slice_spacing or 0:.1f} mm slices that are {chosen.orientation}",
            expected=f"sagittal slices, or slices of {THICK_SLICE_MM:g} mm and thinner",
            remedy="choose a sagittal series",
        )
    return chosen, f"{chosen.title}: given by its UID{chosen.caveat}"


def _refuse(series: Sequence[SeriesSummary]) -> NoReturn:
    if series[0].damaged:
        raise UnreadableFile(
            f"no suitable series, but {len(series[0].damaged)} damaged files, the first is {series[0].damaged[0]}; "
            f"of {len(series)} series: {_listing(series)}",
            expected="whole files",
            remedy="copy or export them again",
        )
    magnetic = [candidate for candidate in series if candidate.modality in {"MR", ""}]
    if magnetic and all(candidate.unsuitable in _GEOMETRY_FLAWS for candidate in magnetic):
        raise MissingGeometry(
            f"series without geometry: {_listing(magnetic)}",
            expected="position, orientation and pixel spacing in every image",
            remedy="export the original images from the scanner or PACS",
        )
    raise NoSuitableSeries(
        f"{len(series)} series, none of them suitable: {_listing(series)}",
        expected="a sagittal MR series of the spine that is neither derived nor a localizer",
        remedy="send a sagittal series, or name the series to use by its UID",
    )


def _listing(series: Sequence[SeriesSummary]) -> str:
    """Describe series without anything that could name the patient."""
    return "; ".join(
        f"series {'without number' if s.number is None else s.number} ({s.orientation}, {s.images} images): "
        f"{s.unsuitable or 'suitable'}"
        for s in series
    )
