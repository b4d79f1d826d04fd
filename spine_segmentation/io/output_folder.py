"""The output folder belongs to one run: nothing of an earlier run stays, and nothing incomplete appears."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from spine_segmentation.errors import UsageError
from spine_segmentation.io.atomic import output_errors
from spine_segmentation.io.outputs import (
    CAPTURE_FILE,
    LABELS_FILE,
    OVERLAY_FILE,
    REPORT_FILE,
    RESULT_FILE,
    SEGMENTATION_FILE,
    SEMANTIC_FILE,
    STATUS_FILE,
)

OUTPUT_FILES = (
    SEGMENTATION_FILE,
    REPORT_FILE,
    CAPTURE_FILE,
    LABELS_FILE,
    SEMANTIC_FILE,
    OVERLAY_FILE,
    RESULT_FILE,
)
"""What a run may write, in the order of appearance: where the result document is, everything else is."""

SERIES_FOLDER = "series-"
"""Beginning of the name of the folder of one series, where a run writes several."""

_STAGING = ".incomplete-"
"""Beginning of the name of the temporary folder; one that a killed run left behind is removed by the next."""


def make_folder(folder: Path) -> None:
    """Create a folder if need be.

    Args:
        folder: Where it shall be; its parents are created, too.

    Raises:
        OutputError: If that is impossible; ``DiskFull`` if for want of space.
    """
    with output_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)


def protect_input(source: Path, folder: Path) -> None:
    """Refuse an output folder in which a run would remove its own input.

    Args:
        source: The input, a file or a folder.
        folder: The output folder.

    Raises:
        UsageError: If the output folder is the input folder, or the input is what a run has written to it.
    """
    if source.resolve() in {path.resolve() for path in (folder, *_run_files(folder))}:
        raise UsageError(
            f"the output folder {folder} is where the input is",
            expected="an output folder of its own: files of an earlier run in it are removed",
            remedy="choose another output folder",
        )


@contextmanager
def fresh_outputs(folder: Path) -> Iterator[Path]:
    """Remove an earlier run's files and give a folder whose files appear in ``folder`` once the block has succeeded.

    Args:
        folder: An existing folder.

    Yields:
        A temporary folder in it, for the files named in ``OUTPUT_FILES``, and for folders of them, one for each series
        of a study, whose names begin with ``SERIES_FOLDER``.

    Raises:
        OutputError: If the folder is not writable; ``DiskFull`` if for want of space.
    """
    staging = _make_staging(folder)
    try:
        yield staging
        _publish(staging, folder)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def list_outputs(folder: Path) -> list[Path]:
    """List the files of a run that are in a folder.

    Args:
        folder: An output folder.

    Returns:
        Those of ``OUTPUT_FILES`` that exist, the result document last.
    """
    return [folder / name for name in OUTPUT_FILES if (folder / name).exists()]


def clear_outputs(folder: Path) -> None:
    """Remove what a run has written, complete or not.

    Args:
        folder: An existing folder.

    Raises:
        OutputError: If the folder is not writable; ``DiskFull`` if for want of space.
    """
    with output_errors(folder):
        for path in _run_files(folder):
            path.unlink(missing_ok=True)
        for series in _series_folders(folder):
            if not any(series.iterdir()):
                series.rmdir()
        for left_over in folder.glob(f"{_STAGING}*"):
            shutil.rmtree(left_over)


def _make_staging(folder: Path) -> Path:
    clear_outputs(folder)
    with output_errors(folder):
        return Path(tempfile.mkdtemp(prefix=_STAGING, dir=folder))


def _run_files(folder: Path) -> list[Path]:
    """List the files that a run may have left, there or not; nothing else that may lie beside them is ever removed."""
    folders = (folder, *_series_folders(folder))
    return [parent / name for parent in folders for name in (*OUTPUT_FILES, STATUS_FILE)]


def _series_folders(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob(f"{SERIES_FOLDER}*") if path.is_dir())


def _publish(staging: Path, folder: Path) -> None:
    with output_errors(folder):
        for series in _series_folders(staging):
            (folder / series.name).mkdir(exist_ok=True)
            for path in [*list_outputs(series), series / STATUS_FILE]:
                path.replace(folder / series.name / path.name)
        for path in list_outputs(staging):
            path.replace(folder / path.name)
