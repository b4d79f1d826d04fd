"""What this software calls itself in the objects it writes."""

from __future__ import annotations

from importlib import metadata

PRODUCT_NAME = "spine-segmentation"
"""Name of the distribution, the DICOM manufacturer and the DICOM algorithm."""


def product_version() -> str:
    """Look up the version of the installed package.

    Returns:
        E.g. ``"0.4.0"``; ``"0+unknown"`` where the package runs from a checkout that was never installed.
    """
    try:
        return metadata.version(PRODUCT_NAME)
    except metadata.PackageNotFoundError:
        return "0+unknown"
