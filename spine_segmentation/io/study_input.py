"""From a folder to the series of one study, each with what else shares its patient space."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from spine_segmentation.errors import InputError, UsageError
from spine_segmentation.io.dicom_choice import choose_series, usable_series
from spine_segmentation.io.dicom_headers import number, text
from spine_segmentation.io.dicom_series import SeriesSummary, list_series
from spine_segmentation.io.load import LoadedInput, load_input, load_series
from spine_segmentation.io.output_folder import SERIES_FOLDER
from spine_segmentation.io.result_json import InputIdentity

_FRAME_OF_REFERENCE = "FrameOfReferenceUID"


@dataclass(frozen=True)
class StudyInput:
    """The series of a study, each under a name without patient data, for folders and sentences.

    Attributes:
        groups: Series that share a frame of reference; one without is a group of its own.
        failures: Why a series could not be read.
    """

    groups: list[dict[str, LoadedInput]]
    failures: dict[str, InputError]


def load_study(folder: Path) -> StudyInput:
    """Read all suitable series of the study to which the best suited series belongs.

    Args:
        folder: With DICOM files at any depth.

    Returns:
        The series that can be read, the best suited one first, and why the others cannot; names as of
        :func:`name_series`.

    Raises:
        UsageError: If the input is no folder with DICOM files.
        NoSuitableSeries: If there is no sagittal spine MR series.
        InputError: If no series can be read.
    """
    if not folder.is_dir():
        raise UsageError(
            f"{folder} is no folder",
            expected="a folder with the DICOM files of a study",
            remedy="pass the folder, or leave --study out",
        )
    summaries = list_series(folder)
    first, reason = choose_series(summaries)
    usable = usable_series(summaries)
    others = [s for s in summaries if s.study_uid == first.study_uid != "" and s in usable and s is not first]
    chosen = [(first, reason), *((other, f"a suitable series of the same study{other.caveat}") for other in others)]
    study = read_study(dict(zip(name_series([series for series, _ in chosen]), chosen, strict=True)))
    if not study.groups:
        raise next(iter(study.failures.values()))
    return study


def read_study(chosen: Mapping[str, tuple[SeriesSummary, str]]) -> StudyInput:
    """Read series of one study; one that cannot be read is no obstacle to the others.

    Args:
        chosen: Series with the reason for each, by name.

    Returns:
        The series by frame of reference, and why others cannot be read.
    """
    groups: dict[str, dict[str, LoadedInput]] = defaultdict(dict)
    failures: dict[str, InputError] = {}
    for name, (summary, reason) in chosen.items():
        try:
            loaded = load_series(summary, reason)
        except InputError as error:
            failures[name] = error
        else:
            groups[_space(loaded)[1] or name][name] = loaded
    return StudyInput(list(groups.values()), failures)


def name_series(series: Sequence[SeriesSummary]) -> list[str]:
    """Name the series of a study without patient data.

    Args:
        series: All of them.

    Returns:
        ``"series-003"`` by the series number, or by a hash of the UID where numbers are missing or not unique.
    """
    times = Counter(summary.number for summary in series)
    return [_name(one.number if times[one.number] == 1 else None, one.series_uid) for one in series]


def name_localizer(localizer: LoadedInput) -> str:
    """Name a localizer for remarks without patient data.

    Args:
        localizer: From :func:`load_localizer`.

    Returns:
        E.g. ``"the localizer (series-003)"``: by the series number, else by a hash of the UID; of NIfTI by the hash of
        the file.
    """
    if localizer.series is None:
        return f"the localizer (file {localizer.identity.sha256[:8]})"
    series_number = number(localizer.series.sources[0], "SeriesNumber")
    return f"the localizer ({_name(None if series_number is None else int(series_number), _series_uid(localizer))})"


def load_localizer(localizer: str, source: Path, main: LoadedInput) -> LoadedInput:
    """Read another series of the same study, to number the structures of the main one.

    Args:
        localizer: A folder, a NIfTI file, or the Series Instance UID of a series of ``source``.
        source: Where the main series was read from.
        main: The main series. For NIfTI the caller answers for the common patient space.

    Returns:
        The other series.

    Raises:
        UsageError: If it is the main series itself, or does not share study and frame of reference with it.
        NoSuitableSeries: If there is no such series.
        InputError: If it cannot be read or its geometry is not whole.
    """
    path = Path(localizer)
    loaded = _load_other(path, main) if path.exists() else load_input(source, localizer)
    if (loaded.series is None) != (main.series is None):
        raise UsageError(
            "a localizer and a series of which one is DICOM and the other NIfTI",
            expected="both of one kind: nothing tells whether they share patient space",
            remedy="pass both as DICOM",
        )
    if _is_same(loaded, main):
        raise _own_localizer()
    if main.series is not None and (_space(loaded) != _space(main) or not all(_space(main))):
        raise UsageError(
            "a localizer of another study or frame of reference",
            expected="the same Study Instance UID and Frame of Reference UID as the series to segment",
            remedy="choose another localizer, or leave it out",
        )
    return loaded


def _load_other(path: Path, main: LoadedInput) -> LoadedInput:
    """Read a folder's only series beside the main one whatever its type, else the best suited of them; or a file."""
    if not path.is_dir():
        return load_input(path)
    found = list_series(path)
    others = [summary for summary in found if summary.series_uid != _series_uid(main) or not summary.series_uid]
    if found and not others:
        raise _own_localizer()
    return load_series(*choose_series(others, others[0].series_uid if len(others) == 1 else None))


def _is_same(one: LoadedInput, other: LoadedInput) -> bool:
    """Whether two inputs are one series, or the same voxels at the same place."""
    same_uid = _series_uid(one) == _series_uid(other) != ""
    return same_uid or InputIdentity.of_array(one.volume) == InputIdentity.of_array(other.volume)


def _own_localizer() -> UsageError:
    return UsageError(
        "a series as its own localizer",
        expected="another series: the same images twice are no second witness",
        remedy="choose another localizer, or leave it out",
    )


def _name(series_number: int | None, uid: str) -> str:
    digest = hashlib.sha256(uid.encode()).hexdigest()[:8]
    return f"{SERIES_FOLDER}{digest}" if series_number is None else f"{SERIES_FOLDER}{series_number:03d}"


def _series_uid(loaded: LoadedInput) -> str:
    """Empty if it is missing, and of NIfTI."""
    return text(loaded.series.sources[0], "SeriesInstanceUID") if loaded.series else ""


def _space(loaded: LoadedInput) -> tuple[str, ...]:
    """Study and frame of reference, empty where they are missing."""
    headers = loaded.series.sources[:1] if loaded.series else ()
    return tuple(text(header, keyword) for header in headers for keyword in ("StudyInstanceUID", _FRAME_OF_REFERENCE))
