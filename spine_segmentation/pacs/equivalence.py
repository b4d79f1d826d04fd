"""Whether two objects with the same UID are the same image; decided in a process of its own, for decoders can crash."""

from __future__ import annotations

import logging
import multiprocessing
import os
import resource
import threading
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from enum import StrEnum
from pathlib import Path

import pydicom

from spine_segmentation.io.dicom_copies import PIXELS, UNDECODABLE, is_same_image, texts
from spine_segmentation.process_setup import quiet_readers

logger = logging.getLogger(__name__)

_MEMORY_BYTES = 4 * 1024**3
_TIMEOUT_SECONDS = 60.0

_ENCODING = {"PhotometricInterpretation", "PlanarConfiguration"}
"""What may change with the transfer syntax while the pixels stay as they are."""


class Relation(StrEnum):
    """How the second of two objects of one UID relates to the first."""

    SAME = "same image and header, encoded in another way"
    HEADER = "same image with another header"
    DIFFERENT = "another image"
    UNKNOWN = "the comparison failed"


class Comparer:
    """Compares objects of one UID, one pair at a time, in a process that is started when it is first needed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pool: ProcessPoolExecutor | None = None

    def relate(self, first: Path, second: Path) -> Relation:
        """Compare two objects.

        Args:
            first: A DICOM file.
            second: Another one.

        Returns:
            How they relate; ``DIFFERENT`` where one of them cannot be decoded, ``UNKNOWN`` where the comparison crashed
            or took too long.
        """
        with self._lock:
            self._pool = self._pool or _start_pool()
            try:
                return self._pool.submit(_relate, first, second).result(_TIMEOUT_SECONDS)
            except (BrokenProcessPool, TimeoutError):
                logger.error("two objects of one UID could not be compared")
                self._kill()
                return Relation.UNKNOWN

    def stop(self) -> None:
        """End the process, if there is one."""
        with self._lock:
            self._kill()

    def _kill(self) -> None:
        if self._pool is not None:
            for process in list((self._pool._processes or {}).values()):
                process.kill()
            self._pool.shutdown()
            self._pool = None


def _start_pool() -> ProcessPoolExecutor:
    return ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), initializer=_prepare)


def _prepare() -> None:
    """Bound the process's memory, keep header values out of its output, and let it end with the service."""
    quiet_readers()
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _relate(first: Path, second: Path) -> Relation:
    try:
        one, other = pydicom.dcmread(first), pydicom.dcmread(second)
        if not is_same_image(one, other):
            return Relation.DIFFERENT
        keywords = set(one.dir()) | set(other.dir())
        keywords -= PIXELS | _ENCODING
        return Relation.SAME if texts(one, keywords) == texts(other, keywords) else Relation.HEADER
    except UNDECODABLE:
        return Relation.DIFFERENT
