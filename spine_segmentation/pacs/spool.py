"""The spool folder: files that are either durable or not there, under names that no sender can choose."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import shutil
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from spine_segmentation.errors import OutputError, UsageError
from spine_segmentation.io.atomic import flush_to_disk

LEDGER_FILE = "ledger.sqlite"

EXHAUSTED = {errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.ENFILE}
"""What a machine answers that has no more space or files for the moment: what failed is right, and may be repeated."""


class Spool:
    """The folders of one service.

    ``incoming/`` holds files being written, ``inbox/`` received images, ``work/`` what the worker reads and writes,
    ``results/`` finished objects. Paths in the ledger are relative to the spool.

    Nobody but the owner can read the folders and the ledger, also where ``root`` itself was there before and is open to
    others, as a mounted volume may be.

    Args:
        root: Created if need be, for its owner alone.

    Raises:
        OutputError: If it cannot be created.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._incoming, self._inbox, self._work, self._results = (
            root / name for name in ("incoming", "inbox", "work", "results")
        )
        try:
            root.mkdir(mode=0o700, parents=True, exist_ok=True)
            for folder in (self._incoming, self._inbox, self._work, self._results):
                folder.mkdir(mode=0o700, exist_ok=True)
            self.ledger_file.touch()
            self.ledger_file.chmod(0o600)  # SQLite gives the files beside it the same mode
        except OSError as error:
            raise OutputError(
                f"the spool {root} cannot be created ({error.strerror})",
                expected="a writable folder on a local disk",
                remedy="correct 'spool' in the configuration or the permissions",
            ) from error

    @property
    def ledger_file(self) -> Path:
        """Where the ledger is."""
        return self.root / LEDGER_FILE

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Keep a second service away from the spool; a killed one leaves no lock behind.

        Yields:
            Nothing; the lock holds until the block ends.

        Raises:
            UsageError: If another service runs on it.
        """
        with (self.root / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise UsageError(
                    f"another service runs on the spool {self.root}",
                    expected="one service a spool",
                    remedy="stop the other one, or configure another spool",
                ) from error
            yield

    def free_bytes(self) -> int:
        """Measure the free space on its disk.

        Returns:
            Bytes that this process may still write.

        Raises:
            OSError: If the disk cannot be asked.
        """
        return shutil.disk_usage(self.root).free

    def store(self, series_uid: str, sop_uid: str, content: bytes) -> str:
        """Write a received object durably.

        Args:
            series_uid: Its series; objects of one share a folder.
            sop_uid: Its SOP Instance UID.
            content: A whole DICOM file.

        Returns:
            The path relative to the spool; after a power cut the file is there.

        Raises:
            OSError: If it cannot be written; nothing stays behind.
        """
        folder = self._inbox / _digest(series_uid)
        if not folder.is_dir():
            folder.mkdir(mode=0o700, exist_ok=True)
            flush_to_disk(self._inbox)
        token = uuid.uuid4().hex  # no name comes twice: what deletes an earlier file can never meet this one
        path, temporary = folder / f"{_digest(sop_uid)}-{token}.dcm", self._incoming / token
        try:
            _write_durably(temporary, content)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
        flush_to_disk(folder)
        return str(path.relative_to(self.root))

    def absolute(self, path: str) -> Path:
        """Turn a path of the ledger into an absolute one.

        Args:
            path: Relative to the spool.

        Returns:
            The path below the root.
        """
        return self.root / path

    def holds(self, path: str | None) -> bool:
        """Tell whether the file of a path of the ledger is here.

        Args:
            path: Relative to the spool; None if the file was deleted.

        Returns:
            True if the file exists; it may be missing though the ledger has a path.
        """
        return path is not None and self.absolute(path).is_file()

    def open_work(self, inputs: Sequence[Sequence[str]]) -> Path:
        """Make a fresh work folder with a folder for each series, named by its number from 0.

        In it ``input`` holds links to received images and ``output`` is empty.

        Args:
            inputs: For each series paths of the ledger.

        Returns:
            The work folder.

        Raises:
            OSError: If it cannot be made, or an image is missing.
        """
        work = self._work / uuid.uuid4().hex
        try:
            for number, paths in enumerate(inputs):
                folder = work / str(number)
                (folder / "input").mkdir(parents=True)
                (folder / "output").mkdir()
                for path in paths:
                    os.link(self.root / path, folder / "input" / Path(path).name)
        except OSError:
            self.close_work(work)
            raise
        return work

    def close_work(self, work: Path) -> None:
        """Remove a work folder; what cannot be removed stays.

        Args:
            work: As :meth:`open_work` gave it.
        """
        shutil.rmtree(work, ignore_errors=True)

    def publish(self, output: Path, name: str) -> str:
        """Move an output folder to the results, durably.

        Args:
            output: Of a series in a work folder.
            name: Of the folder of the results; one of this name that is not in the ledger is replaced.

        Returns:
            The folder's path relative to the spool.

        Raises:
            OSError: If that is impossible.
        """
        for path in output.iterdir():
            flush_to_disk(path)
        flush_to_disk(output)
        target = self._results / name
        shutil.rmtree(target, ignore_errors=True)
        output.rename(target)
        flush_to_disk(self._results)
        return str(target.relative_to(self.root))

    def digest(self, path: str) -> str:
        """Hash a file of the ledger.

        Args:
            path: Of the ledger.

        Returns:
            SHA-256, hexadecimal.

        Raises:
            OSError: If it cannot be read.
        """
        with self.absolute(path).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def is_intact(self, path: str, sha256: str) -> bool:
        """Tell whether a file of the ledger is there, with the content that it was made with.

        Args:
            path: Of the ledger.
            sha256: As :meth:`digest` gave it; empty if it is not known.

        Returns:
            True if the file can be read and its hash is this one, or is not known.
        """
        try:
            return self.digest(path) == sha256 or not sha256
        except OSError:
            return False

    def remove(self, paths: Iterable[str]) -> None:
        """Delete files of the ledger, and folders that become empty; what is gone already is no error.

        Args:
            paths: Relative to the spool.

        Raises:
            OSError: If a file cannot be deleted.
        """
        for path in map(self.absolute, paths):
            path.unlink(missing_ok=True)
            if path.parent.is_dir() and not any(path.parent.iterdir()):
                path.parent.rmdir()

    def remove_folder(self, folder: str) -> None:
        """Delete a folder of results with all that is in it; what cannot be deleted stays.

        Args:
            folder: Relative to the spool.
        """
        shutil.rmtree(self.absolute(folder), ignore_errors=True)

    def sweep(self, known: frozenset[str]) -> int:
        """Delete what a killed service left behind: nothing of it was acknowledged or recorded.

        Args:
            known: Paths of the ledger.

        Returns:
            How many files were deleted.
        """
        for folder in (self._incoming, self._work):
            shutil.rmtree(folder)
            folder.mkdir(mode=0o700)
        kept_folders = {str(Path(path).parent) for path in known}
        litter = [path for path in self._files() if path not in known and not _beside_results(path, kept_folders)]
        self.remove(litter)
        return len(litter)

    def _files(self) -> list[str]:
        files = [*self._inbox.rglob("*"), *self._results.rglob("*")]
        return [str(path.relative_to(self.root)) for path in files if path.is_file()]


def _beside_results(path: str, kept_folders: set[str]) -> bool:
    """Whether a file (a preview) belongs to results that are in the ledger."""
    return path.startswith("results") and str(Path(path).parent) in kept_folders


def _digest(uid: str) -> str:
    return hashlib.sha256(uid.encode()).hexdigest()[:32]


def _write_durably(path: Path, content: bytes) -> None:
    with path.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
