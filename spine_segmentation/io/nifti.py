"""NIfTI in and out; the only place where its RAS coordinates and LPS meet."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

import nibabel as nib
import numpy as np
import numpy.typing as npt
from nibabel.filebasedimages import ImageFileError
from nibabel.spatialimages import HeaderDataError, SpatialImage

from spine_segmentation.errors import InvalidVolume, MissingGeometry, TruncatedFile, UnreadableFile, UsageError
from spine_segmentation.io.atomic import atomic_path
from spine_segmentation.volume import Volume, require_finite

RAS_FROM_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
"""Turns LPS coordinates into RAS coordinates, and back."""

MILLIMETRES = {"meter": 1000.0, "mm": 1.0, "micron": 0.001, "unknown": 1.0}
"""Length of the units a header can name; one that names none means millimetres."""

UNKNOWN_SPACE, SCANNER_SPACE = 0, 1
"""The NIfTI codes for no coordinates, and for those of the scanner's space."""

SHEAR_TOLERANCE = 1e-3
"""Cosine between axes up to which they count as orthogonal: over 300 mm a qform is then 0.15 mm off, less than half a
pixel, and rounded direction cosines (four digits) are no shear."""


def read_nifti(path: Path) -> Volume:
    """Read a three-dimensional NIfTI image.

    The array axes stay in the file's order; the affine says where they point. Trailing axes of length 1 are dropped.
    The sform is used, else the qform; a file with neither is refused, because nothing says which way is up.

    Args:
        path: A ``.nii`` or ``.nii.gz`` file.

    Returns:
        float32 volume.

    Raises:
        UnreadableFile: If the file does not exist or is not NIfTI.
        TruncatedFile: If it ends early.
        InvalidVolume: If it is not three-dimensional, not real-valued, or any voxel is NaN or infinite.
        MissingGeometry: If it has no orientation, or its unit of length is none that NIfTI knows.
    """
    try:
        image = nib.load(path)
        _require_nifti(image, path)
        _require_three_dimensions(image, path)
        array = np.asarray(image.dataobj, dtype=np.float32).reshape(image.shape[:3])
    except (EOFError, zlib.error) as error:
        raise _truncated(path) from error
    except (ImageFileError, HeaderDataError) as error:
        raise _unreadable(path, "is not NIfTI") from error
    except (OSError, ValueError) as error:
        raise _io_error(path, error) from error
    require_finite(array, str(path))
    return Volume(array, RAS_FROM_LPS @ _scale(image, path) @ image.affine)


def write_nifti(volume: Volume, path: Path) -> None:
    """Write a volume as NIfTI-1; the same volume gives the same bytes.

    The sform holds the affine. So does the qform, unless the grid is sheared: a qform cannot describe that, and is
    marked as unknown.

    Args:
        volume: Of a dtype NIfTI knows: 8 to 64 bit integers, float32, float64; bool is written as uint8.
        path: Ends in ``.nii`` or ``.nii.gz``; it is replaced in one step.

    Raises:
        UsageError: If the suffix or the dtype is not supported.
        OutputError: If the file cannot be written.
    """
    if not path.name.endswith((".nii", ".nii.gz")):
        raise UsageError(f"the name {path.name}", expected="a name in .nii or .nii.gz", remedy="change the suffix")
    content = _to_image(volume).to_bytes()
    if path.name.endswith(".gz"):
        content = gzip.compress(content, compresslevel=6, mtime=0)
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)


def _to_image(volume: Volume) -> nib.Nifti1Image:
    array = volume.array.astype(np.uint8) if volume.array.dtype == bool else volume.array
    affine = RAS_FROM_LPS @ volume.affine
    try:
        image = nib.Nifti1Image(array, affine, dtype=array.dtype)
    except HeaderDataError as error:
        raise UsageError(
            f"voxels of type {array.dtype}", expected="integers, float32 or float64", remedy="convert the array first"
        ) from error
    image.set_sform(affine, code=SCANNER_SPACE)
    image.set_qform(affine, code=UNKNOWN_SPACE if _is_sheared(affine) else SCANNER_SPACE)
    image.header.set_xyzt_units("mm")
    return image


def _is_sheared(affine: npt.NDArray[np.float64]) -> bool:
    """Tell whether the axes are not orthogonal."""
    axes = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    return bool(np.abs(axes.T @ axes - np.eye(3)).max() > SHEAR_TOLERANCE)


def _require_nifti(image: SpatialImage, path: Path) -> None:
    if not isinstance(image, nib.Nifti1Image):
        raise _unreadable(path, f"is {type(image).__name__}, not NIfTI")
    if not image.header["sform_code"] and not image.header["qform_code"]:
        raise MissingGeometry(
            f"{path} has neither an sform nor a qform",
            expected="an affine that says how the array lies in the patient",
            remedy="convert the original DICOM series again, with a tool that keeps the orientation",
        )


def _scale(image: nib.Nifti1Image, path: Path) -> npt.NDArray[np.float64]:
    """Build the matrix that turns the file's unit of length into millimetres."""
    try:
        unit, _ = image.header.get_xyzt_units()
        factor = MILLIMETRES[unit]
    except KeyError as error:
        raise MissingGeometry(
            f"{path} names a unit of length that NIfTI does not know",
            expected="metres, millimetres or micrometres",
            remedy="correct the header's xyzt_units",
        ) from error
    return np.diag([factor, factor, factor, 1.0])


def _require_three_dimensions(image: nib.Nifti1Image, path: Path) -> None:
    if len(image.shape) < 3 or any(length != 1 for length in image.shape[3:]):
        raise InvalidVolume(
            f"{path} has the shape {image.shape}",
            expected="one three-dimensional image",
            remedy="extract one volume, e.g. one time point or echo, and save it on its own",
        )
    if image.get_data_dtype().kind not in "iuf":
        raise InvalidVolume(
            f"{path} has voxels of type {image.get_data_dtype()}",
            expected="one real number per voxel",
            remedy="convert colour or complex images to grey values",
        )


def _io_error(path: Path, error: OSError | ValueError) -> UnreadableFile:
    """Translate what nibabel raises: data that end early give an OSError or ValueError too."""
    if not path.is_file():
        return _unreadable(path, "does not exist")
    if isinstance(error, OSError) and error.errno:
        return _unreadable(path, f"cannot be read ({error.strerror})")
    return _truncated(path)


def _unreadable(path: Path, flaw: str) -> UnreadableFile:
    return UnreadableFile(
        f"{path} {flaw}", expected="a readable .nii or .nii.gz file", remedy="check the path, or convert the file"
    )


def _truncated(path: Path) -> TruncatedFile:
    return TruncatedFile(f"{path} ends early or is damaged", expected="a complete file", remedy="copy it again")
