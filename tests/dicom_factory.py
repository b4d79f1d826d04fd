"""Small valid MR series made from a Volume, classic and enhanced, to be spoilt by tests."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any

import numpy as np
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    EnhancedMRImageStorage,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    MRImageStorage,
    generate_uid,
)
from pydicom.valuerep import format_number_as_ds

from spine_segmentation.volume import Volume

UNCOMPRESSED = {ExplicitVRLittleEndian, ImplicitVRLittleEndian, DeflatedExplicitVRLittleEndian}


def volume_along(axes: str, spacing: tuple[float, float, float] = (4, 1, 1), slices: int = 5) -> Volume:
    """A small volume of ones whose array axes have these patient directions; spacing in mm."""
    return Volume.from_axes(np.ones((slices, 6, 7), dtype=np.int16), axes, spacing)


def sagittal_volume(
    shape: tuple[int, int, int] = (5, 12, 10), spacing: tuple[float, float, float] = (4, 1, 1)
) -> Volume:
    """A sagittal volume of distinct integers whose slice index grows along the normal of its images."""
    array = np.arange(int(np.prod(shape)), dtype=np.int16).reshape(shape)
    return Volume.from_axes(array, "RIP", spacing)


def classic_dataset(volume: Volume, index: int, **header: Any) -> Dataset:
    """One slice as single-frame MR; see ``write_series`` for ``header``."""
    dataset = _common(volume, MRImageStorage, f"{index}")
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "M_SE", "M", "SE"]
    dataset.InstanceNumber = index + 1
    dataset.ImagePositionPatient = _decimals(volume.to_patient([index, 0, 0]))
    dataset.ImageOrientationPatient = _orientation(volume)
    dataset.PixelSpacing = _decimals(volume.spacing[1:])
    dataset.SliceThickness = dataset.SpacingBetweenSlices = format_number_as_ds(_slice_distance(volume))
    dataset.ScanningSequence, dataset.SequenceVariant, dataset.ScanOptions = "SE", "SK", ""
    dataset.MRAcquisitionType = "2D"
    dataset.RepetitionTime, dataset.EchoTime, dataset.EchoTrainLength = 3500, 100, 15
    _set_pixels(dataset, volume.array[index], signed=volume.array.min() < 0)
    _apply(dataset, header, index)
    return dataset


def enhanced_dataset(volume: Volume, **header: Any) -> Dataset:
    """A whole volume as enhanced multi-frame MR; see ``write_series`` for ``header``."""
    dataset = _common(volume, EnhancedMRImageStorage, "enhanced")
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "SPINE", "NONE"]
    dataset.InstanceNumber = 1
    dataset.NumberOfFrames = volume.shape[0]
    shared = _item(
        PlaneOrientationSequence=[_item(ImageOrientationPatient=_orientation(volume))],
        PixelMeasuresSequence=[_pixel_measures(volume)],
        MREchoSequence=[_item(EffectiveEchoTime=100.0)],
        MRTimingAndRelatedParametersSequence=[_item(RepetitionTime=3500, FlipAngle=90, EchoTrainLength=15)],
        PixelValueTransformationSequence=[_item(RescaleSlope=1, RescaleIntercept=0, RescaleType="US")],
    )
    dataset.SharedFunctionalGroupsSequence = [shared]
    dataset.PerFrameFunctionalGroupsSequence = [_frame_groups(volume, index) for index in range(volume.shape[0])]
    _set_pixels(dataset, volume.array, signed=volume.array.min() < 0)
    _apply(dataset, header, 0)
    return dataset


def write_series(
    volume: Volume, folder: Path, *, transfer_syntax: str = ExplicitVRLittleEndian, **header: Any
) -> list[Path]:
    """Write a classic MR series, one file per slice.

    Args:
        volume: Integers that fit 16 bits.
        folder: Created if it is missing.
        transfer_syntax: Of the files.
        header: Attributes by DICOM keyword: a value, None to leave it out, or a function of the slice index.

    Returns:
        The files in slice order.
    """
    shared = {"StudyInstanceUID": generate_uid(), "SeriesInstanceUID": generate_uid(), **header}
    frame_of_reference = generate_uid()
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for index in range(volume.shape[0]):
        keywords = {"FrameOfReferenceUID": frame_of_reference, "SOPInstanceUID": generate_uid(), **shared}
        paths.append(folder / f"image{index:04d}")
        save(classic_dataset(volume, index, **keywords), paths[-1], transfer_syntax)
    return paths


def write_enhanced(volume: Volume, path: Path, *, transfer_syntax: str = ExplicitVRLittleEndian, **header: Any) -> Path:
    """Write an enhanced multi-frame MR file; arguments as in ``write_series``."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return save(enhanced_dataset(volume, **header), path, transfer_syntax)


def write_spread(volume: Volume, folder: Path, frames: int, **header: Any) -> None:
    """Write an enhanced series in files of so many frames each; arguments as in ``write_series``."""
    uids = {"SeriesInstanceUID": "1.2.3", "StudyInstanceUID": "1.2", "FrameOfReferenceUID": "1.2.5"}
    for k in range(0, volume.shape[0], frames):
        affine = np.array(volume.affine)
        affine[:3, 3] = volume.to_patient([k, 0, 0])
        part = Volume(volume.array[k : k + frames], affine)
        write_enhanced(part, folder / f"{k:04d}", **{**uids, "SOPInstanceUID": f"1.2.4.{k}", **header})


def save(dataset: Dataset, path: Path, transfer_syntax: str = ExplicitVRLittleEndian) -> Path:
    """Write a data set of plain pixels in any transfer syntax pydicom encodes."""
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.MediaStorageSOPClassUID = dataset.get("SOPClassUID", MRImageStorage)
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.get("SOPInstanceUID") or generate_uid()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    if transfer_syntax in UNCOMPRESSED:
        dataset.file_meta.TransferSyntaxUID = transfer_syntax
    else:
        dataset.compress(transfer_syntax, generate_instance_uid=False)
    dataset.save_as(path, enforce_file_format=True)
    return path


def _common(volume: Volume, sop_class: str, entropy: str) -> Dataset:
    uids = {name: generate_uid() for name in ("study", "series", "frame of reference", entropy)}
    return _item(
        SpecificCharacterSet="ISO_IR 192",
        SOPClassUID=sop_class,
        SOPInstanceUID=uids[entropy],
        StudyInstanceUID=uids["study"],
        SeriesInstanceUID=uids["series"],
        FrameOfReferenceUID=uids["frame of reference"],
        PositionReferenceIndicator="",
        PatientName="Doe^Jane",
        PatientID="1",
        PatientBirthDate="19700101",
        PatientSex="F",
        StudyDate="20240102",
        StudyTime="101112",
        ContentDate="20240102",
        ContentTime="101112",
        AcquisitionDateTime="20240102101112",
        ReferringPhysicianName="",
        StudyID="1",
        AccessionNumber="",
        SeriesNumber=3,
        SeriesDescription="T2 TSE SAG",
        Modality="MR",
        Manufacturer="Phantom",
        ManufacturerModelName="Phantom",
        DeviceSerialNumber="1",
        SoftwareVersions="1",
        PatientPosition="HFS",
        BodyPartExamined="LSPINE",
        MagneticFieldStrength=1.5,
        Rows=volume.shape[1],
        Columns=volume.shape[2],
    )


def _frame_groups(volume: Volume, index: int) -> Dataset:
    content = _item(
        StackID="1",
        InStackPositionNumber=index + 1,
        FrameAcquisitionNumber=1,
        FrameAcquisitionDateTime=f"2024010210{index % 60:02d}00",
    )
    return _item(
        FrameContentSequence=[content],
        PlanePositionSequence=[_item(ImagePositionPatient=_decimals(volume.to_patient([index, 0, 0])))],
        MRImageFrameTypeSequence=[
            _item(FrameType=["ORIGINAL", "PRIMARY", "SPINE", "NONE"], ComplexImageComponent="MAGNITUDE")
        ],
    )


def _pixel_measures(volume: Volume) -> Dataset:
    distance = format_number_as_ds(_slice_distance(volume))
    return _item(PixelSpacing=_decimals(volume.spacing[1:]), SliceThickness=distance, SpacingBetweenSlices=distance)


def _slice_distance(volume: Volume) -> float:
    rows, columns = volume.affine[:3, 1], volume.affine[:3, 2]
    normal = np.cross(columns, rows)
    return float(abs(volume.affine[:3, 0] @ normal) / np.linalg.norm(normal))


def _orientation(volume: Volume) -> list[str]:
    cosines = volume.affine[:3, :3] / np.array(volume.spacing)
    return _decimals([*cosines[:, 2], *cosines[:, 1]])


def _decimals(values: Any) -> list[str]:
    return [format_number_as_ds(float(value)) for value in values]


def _set_pixels(dataset: Dataset, array: np.ndarray, *, signed: bool) -> None:
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 16, 15
    dataset.PixelRepresentation = int(signed)
    dataset.PixelData = np.ascontiguousarray(array, dtype=np.int16 if signed else np.uint16).tobytes()
    dataset["PixelData"].VR = "OW"


def _apply(dataset: Dataset, header: dict[str, Any], index: int) -> None:
    for keyword, value in header.items():
        chosen = value(index) if callable(value) else value
        if chosen is not None:
            setattr(dataset, keyword, chosen)
        elif keyword in dataset:
            delattr(dataset, keyword)


def _item(**attributes: Any) -> Dataset:
    dataset = Dataset()
    for keyword, value in attributes.items():
        setattr(dataset, keyword, value)
    return dataset


def encode(dataset: Dataset, *, implicit: bool = False) -> bytes:
    """A data set as it goes over the network: without preamble and file meta information."""
    buffer = DicomBytesIO()
    buffer.is_implicit_VR, buffer.is_little_endian = implicit, True
    write_dataset(buffer, dataset)
    return bytes(buffer.getvalue())


def deflate(content: bytes) -> bytes:
    """Bytes as the deflated transfer syntax has them."""
    deflater = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    return deflater.compress(content) + deflater.flush()
