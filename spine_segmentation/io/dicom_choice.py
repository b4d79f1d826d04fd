"""Choosing the DICOM series to use."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import NoReturn

import numpy as np

from spine_segmentation.errors import MissingGeometry, NoSuitableSeries, UnreadableFile, UnsupportedOrientation
from spine_segmentation.io.dicom_frames import NO_FUNCTIONAL_GROUPS
from spine_segmentation.io.dicom_series import SeriesSummary
from spine_segmentation.io.dicom_suitability import NO_GEOMETRY
from spine_segmentation.volume import THICK_SLICE_MM

logger = logging.getLogger(__name__)

WEIGHTING_PREFERENCE = ("T2w", "T1w", "STIR", "PDw", "T2*w", None, "DWI")
"""Among series with the same number of slices the one whose contrast comes first here is used."""

_GEOMETRY_FLAWS = {NO_GEOMETRY, NO_FUNCTIONAL_GROUPS}


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
