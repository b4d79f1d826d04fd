"""Which image belongs to which mask: ``NAME_img.nii.gz`` and ``NAME_seg.nii.gz`` in one folder."""

from __future__ import annotations

from pathlib import Path

from spine_segmentation.errors import UnreadableFile

_IMAGE, _MASK = "_img.nii.gz", "_seg.nii.gz"


def annotated_pairs(folder: str | Path) -> list[tuple[Path, Path]]:
    """Find every image that has a mask.

    Args:
        folder: Where to look, not below it.

    Returns:
        Image and mask, sorted by name.

    Raises:
        UnreadableFile: If there is no pair.
    """
    images = sorted(Path(folder).glob(f"*{_IMAGE}"))
    pairs = [(image, _mask_of(image)) for image in images if _mask_of(image).is_file()]
    if not pairs:
        raise UnreadableFile(
            f"no pair of NAME{_IMAGE} and NAME{_MASK} in {folder}",
            expected="a folder of annotated scans",
            remedy="check the folder and the names of the files in it",
        )
    return pairs


def images_without_mask(folder: str | Path) -> list[Path]:
    """Find every image that has no mask.

    Args:
        folder: Where to look, not below it.

    Returns:
        Images, sorted by name.
    """
    return [image for image in sorted(Path(folder).glob(f"*{_IMAGE}")) if not _mask_of(image).is_file()]


def scan_name(image: Path) -> str:
    """Name the scan of an image file.

    Args:
        image: E.g. ``chu_04_img.nii.gz``.

    Returns:
        E.g. ``"chu_04"``.
    """
    return image.name.removesuffix(_IMAGE)


def _mask_of(image: Path) -> Path:
    return image.with_name(scan_name(image) + _MASK)
