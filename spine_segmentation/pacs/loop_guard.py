"""Results that come back to us are accepted like everything else, and never processed."""

from __future__ import annotations

import sqlite3

from spine_segmentation.io.dicom_headers import MR_CLASSES
from spine_segmentation.io.product import PRODUCT_NAME
from spine_segmentation.pacs.header import Identity

OWN_RESULT = "a result of this program"


def is_own(db: sqlite3.Connection, identity: Identity) -> bool:
    """Tell whether an object is one of our results.

    Args:
        db: The ledger's connection.
        identity: Of the object.

    Returns:
        True if its UID is that of a result, or if it is no MR image and its manufacturer is this product.
    """
    known = db.execute("SELECT 1 FROM result WHERE sop_uid=?", (identity.sop_uid,)).fetchone()
    return bool(known) or (identity.manufacturer == PRODUCT_NAME and identity.sop_class not in MR_CLASSES)


def reason_to_skip(modality: str, *, own: bool) -> str:
    """Say why a series needs no worker.

    Args:
        modality: Of its images; empty if absent.
        own: Whether it is one of our results.

    Returns:
        A sentence; empty if the worker has to look at it.
    """
    if own:
        return OWN_RESULT
    if modality not in {"MR", ""}:
        return f"its modality is {modality}, not MR"
    return ""
