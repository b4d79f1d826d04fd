"""Reading one DICOM series into a Volume."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset

from spine_segmentation.errors import InvalidVolume, MissingGeometry, MixedPatients, TruncatedFile, UnreadableFile
from spine_segmentation.io.dicom_frames import Frame, find_frame_flaw, frames_of
from spine_segmentation.io.dicom_geometry import grid_affine, require_geometry, sort_slices
from spine_segmentation.io.dicom_headers import ENHANCED_MR_CLASSES, is_enhanced, number, read_header, sop_class, text
from spine_segmentation.io.dicom_pixels import decode
from spine_segmentation.io.dicom_series import SeriesSummary
from spine_segmentation.io.dicom_stacks import choose_stack
from spine_segmentation.volume import Volume, require_finite

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
        InvalidVolume: If the images are in colour, the slices are spread over several enhanced files, or their
            rescale slope or intercept is beyond all bounds.
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
    frames = [frame for path, header in headers.items() for frame in _complete_frames(header, path)]
    require_geometry(frames)
    chosen, choice = choose_stack(frames)
    slices = sort_slices(chosen)
    affine, warnings = grid_affine(slices)
    sources = {frame.path: headers[frame.path] for frame in slices}
    _require_one_kind(slices, sources)
    warnings += _header_warnings(list(sources.values()))
    for sentence in [*warnings, *([choice] if choice else [])]:
        logger.warning(sentence)
    return DicomSeries(
        volume=Volume(_brightened(_read_pixels(slices), slices, sources), affine),
        sources=tuple(sources.values()),
        frame_numbers=tuple(frame.number for frame in slices) if slices[0].enhanced else (),
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
    patients = {text(header, "PatientID") for header in headers} - {""}
    if len(patients) > 1:
        raise MixedPatients(
            f"{len(patients)} Patient IDs in one series",
            expected="images of one patient",
            remedy="send or export the series again, all of it, after the correction",
        )


def _complete_frames(header: Dataset, path: Path) -> list[Frame]:
    frames = frames_of(header, path)
    if not frames:
        raise TruncatedFile(
            f"{path} ends inside its header", expected="a complete file", remedy="copy or export it again"
        )
    if (number(header, "SamplesPerPixel") or 1) > 1:
        raise InvalidVolume(f"{path} is a colour image", expected="grey-scale MR", remedy="choose the original series")
    flaw = find_frame_flaw(header)
    if flaw:
        raise MissingGeometry(
            f"{path} cannot be used: {flaw}",
            expected="one item of the per-frame functional groups for each frame",
            remedy="export the original images from the scanner or PACS",
        )
    return frames


def _require_one_kind(slices: Sequence[Frame], sources: dict[Path, Dataset]) -> None:
    if any(frame.enhanced for frame in slices) and len(sources) > 1:
        raise InvalidVolume(
            f"slices spread over {len(sources)} files, of which some are enhanced multi-frame",
            expected="one enhanced multi-frame file, or single-frame files",
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
    require_finite(array, "the series, rescaled,")
    return array


def _brightened(
    array: npt.NDArray[np.float32], slices: Sequence[Frame], sources: dict[Path, Dataset]
) -> npt.NDArray[np.float32]:
    """Turn MONOCHROME1 slices around within the range of the volume, so that bright stays bright."""
    dark = [text(sources[frame.path], "PhotometricInterpretation") == "MONOCHROME1" for frame in slices]
    if any(dark):
        array[dark] = array.min() + array.max() - array[dark]
    return array


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
