"""Reading one DICOM series into a Volume."""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset

from spine_segmentation.errors import InvalidVolume, MissingGeometry, MixedPatients, TruncatedFile, UnreadableFile
from spine_segmentation.io.dicom_frames import Frame, find_frame_flaw, frames_of, single_frame_header
from spine_segmentation.io.dicom_geometry import grid_affine, require_geometry, sort_slices
from spine_segmentation.io.dicom_headers import ENHANCED_MR_CLASSES, is_enhanced, number, read_header, sop_class, text
from spine_segmentation.io.dicom_pixels import decode
from spine_segmentation.io.dicom_series import SeriesSummary
from spine_segmentation.io.dicom_stacks import choose_stack
from spine_segmentation.io.dicom_suitability import is_capture, is_colour
from spine_segmentation.volume import Volume

logger = logging.getLogger(__name__)

_WANTED = ("Modality", "SOPClassUID", "StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID")


@dataclass(frozen=True)
class DicomSeries:
    """A series as a volume, with the headers that results refer to.

    Attributes:
        volume: float32; slices in ascending order along the normal.
        sources: Headers without pixels; one per slice in slice order; of an enhanced series exactly one.
        frame_numbers: Of an enhanced series the number (from 1) of each slice's frame; empty otherwise.
        choice: What was chosen among several echoes, temporal positions or stacks; empty if nothing was left aside.
        warnings: What was wrong with the headers and did no harm.
    """

    volume: Volume
    sources: tuple[Dataset, ...]
    frame_numbers: tuple[int, ...]
    choice: str
    warnings: tuple[str, ...]

    @property
    def is_enhanced(self) -> bool:
        """Whether the source is one enhanced multi-frame file."""
        return bool(self.frame_numbers)


def read_series(summary: SeriesSummary) -> DicomSeries:
    """Read a series.

    Args:
        summary: The series, from ``list_series`` and ``choose_series``.

    Returns:
        The chosen stack as a volume, with its headers.

    Raises:
        TruncatedFile: If a file ends early.
        UndecodablePixels: If pixels cannot be decoded.
        UnreadableFile: If a file cannot be opened or is not DICOM, or a damaged file lies beside those of the series:
            it could be one of its slices.
        MixedPatients: If the images are of several patients.
        InvalidVolume: If the images are in colour, or the slices are spread over several multi-frame files.
        MissingGeometry: If position, orientation or pixel spacing is absent, or functional groups do not fit the
            number of frames.
        MixedOrientation: If the orientations within the chosen stack differ.
        MixedPixelSpacing: If its pixel spacings or image sizes differ.
        DuplicatePosition: If several images lie at one place and nothing tells them apart.
        MissingSlice: If there is a gap.
        InconsistentGeometry: If the slices do not lie on a regular grid.
    """
    _require_whole_folders(summary)
    headers = {path: _header(path) for path in summary.files}
    _require_one_patient(headers.values())
    images, remarks = _without_captures(headers)
    frames = [frame for path, header in images.items() for frame in _complete_frames(header, path)]
    require_geometry(frames)
    chosen, choice = choose_stack(frames)
    slices = sort_slices(chosen)
    affine, warnings = grid_affine(slices)
    sources = {frame.path: headers[frame.path] for frame in slices}
    spread = _is_spread(slices, sources)
    warnings += _header_warnings(list(sources.values())) + remarks + _drop_shared_uids(headers.values())
    for sentence in [*warnings, *([choice] if choice else [])]:
        logger.warning(sentence)
    return DicomSeries(
        volume=Volume(_brightened(_read_pixels(slices), slices, sources), affine),
        sources=tuple(map(single_frame_header, sources.values()) if spread else sources.values()),
        frame_numbers=tuple(frame.number for frame in slices) if slices[0].enhanced and not spread else (),
        choice=choice,
        warnings=tuple(warnings),
    )


def _require_whole_folders(summary: SeriesSummary) -> None:
    folders = {path.parent for path in summary.files}
    near = [path for path in summary.damaged if path.parent in folders]
    if near:
        raise UnreadableFile(
            f"{len(near)} damaged files in a folder of the series, the first is {near[0]}",
            expected="whole files beside those of the series, because any of them could be one of its slices",
            remedy="copy or export them again, or remove what does not belong to the series",
        )


def _header(path: Path) -> Dataset:
    header = read_header(path)
    if header is None:
        raise UnreadableFile(f"{path} is not DICOM", expected="a DICOM file", remedy="list the series again")
    return header


def _require_one_patient(headers: Iterable[Dataset]) -> None:
    """A correction of the patient that reached a part of the images alone must not file the result under either."""
    ids = {text(header, "PatientID") for header in headers} - {""}
    names = {text(header, "PatientName").upper().rstrip("^ ") for header in headers} - {""}
    if len(ids or names) > 1:
        raise MixedPatients(
            f"{len(ids)} Patient IDs in one series"
            if ids
            else f"{len(names)} patients' names in one series without IDs",
            expected="images of one patient",
            remedy="send or export the series again, all of it, after the correction",
        )


def _without_captures(headers: dict[Path, Dataset]) -> tuple[dict[Path, Dataset], list[str]]:
    """Leave out pictures beside the slices, where most images are slices; with a remark on it."""
    images = {path: header for path, header in headers.items() if not is_capture(header)}
    captures = len(headers) - len(images)
    if captures == 0 or captures >= len(images):
        return headers, []
    return images, [f"{captures} images in colour or without geometry, beside the slices, were left out"]


def _complete_frames(header: Dataset, path: Path) -> list[Frame]:
    frames = frames_of(header, path)
    if not frames:
        raise TruncatedFile(
            f"{path} ends inside its header", expected="a complete file", remedy="copy or export it again"
        )
    if is_colour(header):
        raise InvalidVolume(f"{path} is a colour image", expected="grey-scale MR", remedy="choose the original series")
    flaw = find_frame_flaw(header)
    if flaw:
        raise MissingGeometry(
            f"{path} cannot be used: {flaw}",
            expected="one item of the per-frame functional groups for each frame",
            remedy="export the original images from the scanner or PACS",
        )
    return frames


def _is_spread(slices: Sequence[Frame], sources: dict[Path, Dataset]) -> bool:
    """Tell whether every slice is an enhanced file of its own."""
    if len(sources) == 1 or not any(frame.enhanced for frame in slices):
        return False
    if all(frame.enhanced and number(sources[frame.path], "NumberOfFrames") == 1 for frame in slices):
        return True
    raise InvalidVolume(
        f"slices spread over {len(sources)} files, of which some are enhanced multi-frame",
        expected="one enhanced multi-frame file, or files of one frame each",
        remedy="have the concatenation joined, or export the series as single-frame MR",
    )


def _read_pixels(slices: Sequence[Frame]) -> npt.NDArray[np.float32]:
    """Decode file after file into one array of shape (slices, rows, columns), rescaled."""
    indices: dict[Path, list[int]] = defaultdict(list)
    for index, frame in enumerate(slices):
        indices[frame.path].append(index)
    array = np.empty((len(slices), *slices[0].size), dtype=np.float32)
    for path, wanted in indices.items():
        numbers = [slices[index].number for index in wanted]
        for index, stored in zip(wanted, decode(path, numbers), strict=True):
            array[index] = stored * np.float32(slices[index].slope) + np.float32(slices[index].intercept)
    return array


def _brightened(
    array: npt.NDArray[np.float32], slices: Sequence[Frame], sources: dict[Path, Dataset]
) -> npt.NDArray[np.float32]:
    """Turn MONOCHROME1 slices around within the range of the volume, so that bright stays bright."""
    dark = [text(sources[frame.path], "PhotometricInterpretation") == "MONOCHROME1" for frame in slices]
    if any(dark):
        array[dark] = array.min() + array.max() - array[dark]
    return array


def _drop_shared_uids(headers: Collection[Dataset]) -> list[str]:
    """Remove SOP Instance UIDs that several images share: a reference by one of them would mean any of these images."""
    counts = Counter(text(header, "SOPInstanceUID") for header in headers)
    shared = [header for header in headers if counts[text(header, "SOPInstanceUID")] > 1 and "SOPInstanceUID" in header]
    for header in shared:
        del header.SOPInstanceUID
    return [f"{len(shared)} images share SOP Instance UIDs, which identify none of them"] * bool(shared)


def _header_warnings(headers: Sequence[Dataset]) -> list[str]:
    """List what the headers lack or get wrong, one sentence each, without any of their values."""
    warnings = [f"{keyword} is missing" for keyword in _WANTED if not all(text(h, keyword) for h in headers)]
    if not all("PatientName" in header for header in headers):
        warnings.append("PatientName is missing")
    if len({text(header, "FrameOfReferenceUID") for header in headers}) > 1:
        warnings.append("the images name different frames of reference; their positions were taken to be comparable")
    if any(sop_class(header) in ENHANCED_MR_CLASSES and not is_enhanced(header) for header in headers):
        warnings.append(
            "the files claim to be enhanced MR, but have no functional groups; they were read as single-frame"
        )
    if any(text(header, "PhotometricInterpretation") == "MONOCHROME1" for header in headers):
        warnings.append("MONOCHROME1 images were inverted, so that bright stays bright")
    return warnings
