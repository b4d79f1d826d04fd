"""From a folder to the series of one study, each with what else shares its patient space."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

from spine_segmentation.errors import UsageError
from spine_segmentation.io.dicom_headers import text
from spine_segmentation.io.dicom_series import SeriesSummary, choose_series, list_series
from spine_segmentation.io.load import LoadedInput, load_input, load_series
from spine_segmentation.io.output_folder import SERIES_FOLDER

_FRAME_OF_REFERENCE = "FrameOfReferenceUID"


def load_study(folder: Path) -> list[dict[str, LoadedInput]]:
    """Read all suitable series of the study to which the best suited series belongs.

    Args:
        folder: With DICOM files at any depth.

    Returns:
        Groups of series that share a frame of reference, the best suited series first; a series without one is
        a group of its own. Keys are names without patient data, for folders and sentences: ``"series-003"`` by the
        series number, or by a hash of the UID where numbers are missing or not unique.

    Raises:
        UsageError: If the input is no folder with DICOM files.
        NoSuitableSeries: If there is no sagittal spine MR series.
        InputError: If a series cannot be read or its geometry is not whole.
    """
    if not folder.is_dir():
        raise UsageError(
            f"{folder} is no folder",
            expected="a folder with the DICOM files of a study",
            remedy="pass the folder, or leave --study out",
        )
    summaries = list_series(folder)
    first, reason = choose_series(summaries)
    same_study = [s for s in summaries if s.study_uid == first.study_uid != ""]
    suitable = [first, *(s for s in same_study if s.unsuitable is None and s is not first)]
    groups: dict[str, dict[str, LoadedInput]] = defaultdict(dict)
    for k, (summary, name) in enumerate(zip(suitable, _names(suitable), strict=True)):
        loaded = load_series(summary, reason if k == 0 else "a suitable series of the same study")
        groups[_space(loaded)[1] or name][name] = loaded
    return list(groups.values())


def load_localizer(localizer: str, source: Path, main: LoadedInput) -> LoadedInput:
    """Read another series of the same study, to number the structures of the main one.

    Args:
        localizer: A folder, a NIfTI file, or the Series Instance UID of a series of ``source``.
        source: Where the main series was read from.
        main: The main series. For NIfTI the caller answers for the common patient space.

    Raises:
        UsageError: If it does not share study and frame of reference with the main series.
        NoSuitableSeries: If there is no such series.
        InputError: If it cannot be read or its geometry is not whole.
    """
    path = Path(localizer)
    loaded = _load_only(path) if path.exists() else load_input(source, localizer)
    if (loaded.series is None) != (main.series is None):
        raise UsageError(
            "a localizer and a series of which one is DICOM and the other NIfTI",
            expected="both of one kind: nothing tells whether they share patient space",
            remedy="pass both as DICOM",
        )
    if main.series is not None and (_space(loaded) != _space(main) or not all(_space(main))):
        raise UsageError(
            "a localizer of another study or frame of reference",
            expected="the same Study Instance UID and Frame of Reference UID as the series to segment",
            remedy="choose another localizer, or leave it out",
        )
    return loaded


def _load_only(path: Path) -> LoadedInput:
    """Read a folder's only series whatever its type, else its best suited one; or a file."""
    summaries = list_series(path) if path.is_dir() else []
    return load_input(path, summaries[0].series_uid if len(summaries) == 1 else None)


def _space(loaded: LoadedInput) -> tuple[str, ...]:
    """Study and frame of reference, empty where they are missing."""
    headers = loaded.series.sources[:1] if loaded.series else ()
    return tuple(text(header, keyword) for header in headers for keyword in ("StudyInstanceUID", _FRAME_OF_REFERENCE))


def _names(series: Sequence[SeriesSummary]) -> list[str]:
    times = Counter(summary.number for summary in series)
    return [
        f"{SERIES_FOLDER}{summary.number:03d}"
        if summary.number is not None and times[summary.number] == 1
        else f"{SERIES_FOLDER}{hashlib.sha256(summary.series_uid.encode()).hexdigest()[:8]}"
        for summary in series
    ]
