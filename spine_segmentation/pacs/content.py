"""What a job is about: the images of its series, and of the series that are named together with it.

Every series belongs to a group: itself, or with ``group: study`` the MR series of its study. A result depends on all
images of the group, so a job's content is that of the group.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3


def group_of(db: sqlite3.Connection, series_uid: str) -> str:
    """Find the group of a series.

    Args:
        db: The ledger's connection.
        series_uid: The series.

    Returns:
        Its Series or Study Instance UID.
    """
    row = db.execute("SELECT group_uid FROM series WHERE series_uid=?", (series_uid,)).fetchone()
    return str(row["group_uid"])


def content_hash(db: sqlite3.Connection, group_uid: str, *, deleted_too: bool = False) -> str:
    """Hash the images of a group, whatever order they arrived in.

    Args:
        db: The ledger's connection.
        group_uid: The group.
        deleted_too: Take deleted images as if they were here.

    Returns:
        SHA-256, hexadecimal; equal for the same images in the same revisions.
    """
    rows = db.execute(
        "SELECT sop_uid, revision, sha256, path IS NULL AND NOT ? FROM instance JOIN series USING(series_uid)"
        " WHERE group_uid=? ORDER BY sop_uid",
        (deleted_too, group_uid),
    )
    return hashlib.sha256(json.dumps([tuple(row) for row in rows]).encode()).hexdigest()


def images_of(db: sqlite3.Connection, group_uid: str) -> dict[str, tuple[str, ...]]:
    """List the images of a group that are here.

    Args:
        db: The ledger's connection.
        group_uid: The group.

    Returns:
        Paths relative to the spool, by Series Instance UID in ascending order.
    """
    images: dict[str, tuple[str, ...]] = {}
    for series_uid, path in db.execute(
        "SELECT series_uid, path FROM instance JOIN series USING(series_uid)"
        " WHERE group_uid=? AND path IS NOT NULL ORDER BY series_uid, sop_uid",
        (group_uid,),
    ):
        images[series_uid] = (*images.get(series_uid, ()), path)
    return images
