"""What all DICOM objects that we write have in common: who made them, their series number, how their file appears."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydicom import Dataset
from pydicom.sr.coding import Code as DicomCode

from spine_segmentation.anatomy import Code
from spine_segmentation.errors import UnusableHeader
from spine_segmentation.io.atomic import atomic_path
from spine_segmentation.io.product import PRODUCT_NAME, product_version
from spine_segmentation.results import ModelIdentity

_REFUSALS = (AttributeError, LookupError, TypeError, ValueError, OverflowError)
"""What highdicom and pydicom raise for values that no object may have."""


def equipment(models: tuple[ModelIdentity, ...]) -> dict[str, str]:
    """Describe this software as the equipment that made an object.

    Args:
        models: The networks that were used; one device is told from another by the weights it runs.

    Returns:
        Arguments for highdicom's constructors; the serial number has at most 64 characters (LO).
    """
    return {
        "manufacturer": PRODUCT_NAME,
        "manufacturer_model_name": PRODUCT_NAME,
        "software_versions": product_version(),
        "device_serial_number": "-".join(model.sha256[:12] for model in models)[:64] or "0",
    }


def series_number(source: Dataset, base: int) -> int:
    """Number a series of ours after its source.

    Args:
        source: A header of the source series.
        base: Where the numbers of this kind of object begin.

    Returns:
        The base plus the last three digits of the source's number.
    """
    return base + int(source.get("SeriesNumber") or 0) % 1000


def dicom_code(code: Code) -> DicomCode:
    """Convert a code to pydicom's.

    Args:
        code: A coded concept.

    Returns:
        pydicom's code of the same value, scheme and meaning.
    """
    return DicomCode(code.value, code.scheme, code.meaning)


@contextmanager
def object_file(path: Path, noun: str) -> Iterator[Path]:
    """Give a temporary path for an object that the block builds and saves; the file appears complete or not at all.

    Args:
        path: Where the complete file shall be.
        noun: What is built, for the message, e.g. ``"a segmentation"``.

    Yields:
        The path to write to.

    Raises:
        UnusableHeader: If the source's header does not allow a valid object.
        OutputError: If the file cannot be written.
    """
    try:
        with atomic_path(path) as temporary:
            yield temporary
    except _REFUSALS as error:
        raise UnusableHeader(
            f"the header of the source does not allow {noun} ({type(error).__name__})",
            expected="a header with valid geometry and identification",
            remedy="check the source with dciodvfy, or write NIfTI",
        ) from error
