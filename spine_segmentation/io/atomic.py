"""Files that appear complete or not at all."""

from __future__ import annotations

import errno
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from spine_segmentation.errors import DiskFull, OutputError

_CAUSES = {
    errno.ENOSPC: ("the disk is full", "free space or choose another folder"),
    errno.EDQUOT: ("the disk quota is used up", "free space or choose another folder"),
    errno.EROFS: ("the file system is read-only", "choose a folder on a writable file system"),
    errno.EACCES: ("permission is denied", "grant write permission or choose another folder"),
    errno.EPERM: ("permission is denied", "grant write permission or choose another folder"),
    errno.ENOENT: ("the folder does not exist", "create the folder first"),
    errno.ENOTDIR: ("its parent is not a folder", "choose another output folder"),
    errno.EFBIG: ("the file would be larger than this system allows", "raise the limit or choose another folder"),
    errno.EEXIST: ("a file of this name is in the way", "choose another output folder"),
    errno.EISDIR: ("a folder of this name is in the way", "remove that folder or choose another one"),
}


_FULL = {errno.ENOSPC, errno.EDQUOT}


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Give a temporary path to write to, which takes the place of ``path`` once the block has succeeded.

    The temporary file lies in the same folder and ends in the same name, so that writers which look at the suffix
    work. It is flushed to the disk before it is renamed, and removed when the block fails; an existing file at
    ``path`` stays untouched until then.

    Args:
        path: Where the complete file shall be.

    Yields:
        The path to write to; the file does not exist yet.

    Raises:
        DiskFull: If there is no space for the file.
        OutputError: If it cannot be written for another reason, which the message says (read-only, missing folder).
    """
    temporary = path.with_name(f".{uuid.uuid4().hex}-{path.name}")
    try:
        with output_errors(path):
            yield temporary
            flush_to_disk(temporary)
            temporary.replace(path)
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


@contextmanager
def output_errors(path: Path) -> Iterator[None]:
    """Explain what the system says against writing.

    Args:
        path: What the block writes, a file or a folder.

    Raises:
        DiskFull: If the block raises an OSError for want of space.
        OutputError: If it raises another OSError.
    """
    try:
        yield
    except OSError as error:
        raise _output_error(path, error) from error


def flush_to_disk(path: Path) -> None:
    """Force a file's content, or a folder's entries, to the disk.

    Args:
        path: An existing file or folder.

    Raises:
        OSError: If that is impossible.
    """
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _output_error(path: Path, error: OSError) -> OutputError:
    origin = _origin(error)
    fallback = (origin.strerror or type(origin).__name__, "check the output folder")
    cause, remedy = _CAUSES.get(origin.errno or 0, fallback)
    kind = DiskFull if origin.errno in _FULL else OutputError
    return kind(
        f"{path} cannot be written: {cause}", expected="an existing, writable folder with free space", remedy=remedy
    )


def _origin(error: OSError) -> OSError:
    """Find the system's own error, which writers such as pydicom wrap in one without a number."""
    while error.errno is None and isinstance(error.__cause__, OSError):
        error = error.__cause__
    return error
