"""A synthetic scan as a classic DICOM MR series, such as a scanner sends."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage

from spine_segmentation.io.atomic import atomic_path
from spine_segmentation.io.output_folder import make_folder
from spine_segmentation.io.product import PRODUCT_NAME, product_version
from spine_segmentation.io.uids import derived_uid
from spine_segmentation.synth.contrast import Weighting
from spine_segmentation.synth.generator import SyntheticScan
from spine_segmentation.volume import Volume

_BITS = 12
_STUDY_DATE, _STUDY_TIME = "20240102", "090000"
"""An arbitrary fixed moment: the same seed gives the same files."""


@dataclass(frozen=True)
class _Sequence:
    """What the MR Image module says of a sequence; times in ms, flip angle in degrees."""

    scanning: str
    variant: str
    repetition: float
    echo: float
    inversion: float | None = None
    train: int = 1
    flip: float = 90.0
    dimensions: str = "2D"
    options: str = ""


_SEQUENCES: dict[Weighting, _Sequence] = {
    Weighting.T1W: _Sequence("SE", "SK", repetition=550, echo=10, train=3),
    Weighting.T2W: _Sequence("SE", "SK", repetition=3500, echo=100, train=16),
    Weighting.STIR: _Sequence("IR", "SK", repetition=4000, echo=60, inversion=160, train=12),
    Weighting.GRE: _Sequence("GR", "SS", repetition=600, echo=18, flip=25),
    Weighting.PD: _Sequence("SE", "SK", repetition=3000, echo=25, train=6),
    Weighting.WATER: _Sequence("GR", "SP", repetition=6.5, echo=2.5, flip=10, dimensions="3D"),
    Weighting.FAT: _Sequence("GR", "SP", repetition=6.5, echo=2.5, flip=10, dimensions="3D"),
    Weighting.SPACE: _Sequence("SE", "SK", repetition=1500, echo=120, train=60, dimensions="3D"),
    Weighting.T2W_FS: _Sequence("SE", "SK", repetition=3500, echo=90, train=16, options="FS"),
    Weighting.RANDOM: _Sequence("RM", "NONE", repetition=1000, echo=30),
}


def write_study(scan: SyntheticScan, folder: Path, *, seed: int) -> list[Path]:
    """Write a scan as one study with one series, one MR Image Storage instance per slice.

    Explicit VR little endian, 12 of 16 bits, phantom patient ``Synthetic^Spine``. The UIDs are computed from the seed
    and the content: the same scan gives the same files, and scans of the same seed share patient, study and frame of
    reference.

    Args:
        scan: From :func:`~spine_segmentation.synth.generator.generate_volume`.
        folder: Created if absent; gets ``IM0001.dcm`` and so on.
        seed: Which person this is.

    Returns:
        The files, in the order of the slices.

    Raises:
        OutputError: If a file cannot be written.
    """
    pixels = quantize(scan.image.array)
    series = _series(scan, pixels, seed)
    make_folder(folder)
    return [_write_slice(series, scan.image, pixels[k], k, folder) for k in range(len(pixels))]


def quantize(image: npt.NDArray[np.float32]) -> npt.NDArray[np.uint16]:
    """Scale an image to the integers that a scanner stores, 12 bits of them.

    Args:
        image: Any shape, not negative.

    Returns:
        0 to 4095; the brightest 0.05 % saturate.
    """
    brightest = float(np.quantile(image, 0.9995))
    scaled = image * ((2**_BITS - 1) / max(brightest, 1e-6))
    quantized: npt.NDArray[np.uint16] = np.clip(np.rint(scaled), 0, 2**_BITS - 1).astype(np.uint16)
    return quantized


def _series(scan: SyntheticScan, pixels: npt.NDArray[np.uint16], seed: int) -> Dataset:
    """Collect the attributes that all instances share."""
    dataset = Dataset()
    _add_patient_and_study(dataset, seed)
    _add_series(dataset, scan.weighting, hashlib.sha256(_content(scan, pixels)).hexdigest())
    _add_sequence(dataset, scan.image, _SEQUENCES[scan.weighting])
    _add_pixel_description(dataset, pixels)
    return dataset


def _content(scan: SyntheticScan, pixels: npt.NDArray[np.uint16]) -> bytes:
    geometry = np.asarray(scan.image.affine, dtype="<f8").tobytes()
    return str((scan.weighting, pixels.shape)).encode() + geometry + pixels.astype("<u2").tobytes()


def _add_patient_and_study(dataset: Dataset, seed: int) -> None:
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.PatientName = "Synthetic^Spine"
    dataset.PatientID = f"SYNTHETIC-{seed}"
    dataset.PatientBirthDate = ""
    dataset.PatientSex = "O"
    dataset.StudyInstanceUID = derived_uid("synthetic study", str(seed))
    dataset.StudyID = "1"
    dataset.StudyDescription = "Synthetic spine phantom"
    dataset.AccessionNumber = ""
    dataset.ReferringPhysicianName = ""
    dataset.StudyDate = dataset.SeriesDate = dataset.AcquisitionDate = dataset.ContentDate = _STUDY_DATE
    dataset.StudyTime = dataset.SeriesTime = dataset.AcquisitionTime = dataset.ContentTime = _STUDY_TIME
    dataset.FrameOfReferenceUID = derived_uid("synthetic frame of reference", str(seed))
    dataset.PositionReferenceIndicator = ""


def _add_series(dataset: Dataset, weighting: Weighting, digest: str) -> None:
    dataset.Modality = "MR"
    dataset.SeriesInstanceUID = derived_uid("synthetic series", dataset.StudyInstanceUID, digest)
    dataset.SeriesNumber = list(Weighting).index(weighting) + 1
    dataset.SeriesDescription = f"{weighting} sagittal synthetic"
    dataset.PatientPosition = "HFS"
    dataset.BodyPartExamined = "SPINE"
    dataset.Manufacturer = PRODUCT_NAME
    dataset.ManufacturerModelName = "Synthetic spine generator"
    dataset.SoftwareVersions = product_version()


def _add_sequence(dataset: Dataset, image: Volume, sequence: _Sequence) -> None:
    dataset.SOPClassUID = MRImageStorage
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "OTHER"]
    dataset.ScanningSequence = sequence.scanning
    dataset.SequenceVariant = sequence.variant
    dataset.ScanOptions = sequence.options
    dataset.MRAcquisitionType = sequence.dimensions
    dataset.RepetitionTime = sequence.repetition
    dataset.EchoTime = sequence.echo
    dataset.EchoTrainLength = sequence.train
    dataset.FlipAngle = sequence.flip
    if sequence.inversion is not None:
        dataset.InversionTime = sequence.inversion
    dataset.MagneticFieldStrength = 1.5
    between_slices, row_spacing, column_spacing = image.spacing
    dataset.SliceThickness = dataset.SpacingBetweenSlices = _decimal(between_slices)
    dataset.PixelSpacing = [_decimal(row_spacing), _decimal(column_spacing)]
    along_row, along_column = image.affine[:3, 2] / column_spacing, image.affine[:3, 1] / row_spacing
    dataset.ImageOrientationPatient = [_decimal(cosine) for cosine in (*along_row, *along_column)]


def _add_pixel_description(dataset: Dataset, pixels: npt.NDArray[np.uint16]) -> None:
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.Rows, dataset.Columns = pixels.shape[1:]
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, _BITS, _BITS - 1
    dataset.PixelRepresentation = 0
    low, high = np.quantile(pixels, [0.02, 0.99])
    dataset.WindowCenter, dataset.WindowWidth = round(float(low + high) / 2), max(2, round(float(high - low)))


def _write_slice(series: Dataset, image: Volume, pixels: npt.NDArray[np.uint16], index: int, folder: Path) -> Path:
    dataset = Dataset()
    dataset.update(series)
    dataset.SOPInstanceUID = derived_uid("synthetic instance", series.SeriesInstanceUID, str(index))
    dataset.InstanceNumber = index + 1
    dataset.ImagePositionPatient = [_decimal(coordinate) for coordinate in image.to_patient((index, 0, 0))]
    dataset.PixelData = pixels.astype("<u2").tobytes()
    dataset["PixelData"].VR = "OW"
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    path = folder / f"IM{index + 1:04d}.dcm"
    with atomic_path(path) as temporary:
        dataset.save_as(temporary, enforce_file_format=True)
    return path


def _decimal(value: float) -> float:
    """Round to what a decimal string of 16 characters holds, without a negative zero."""
    return round(float(value), 6) + 0.0
