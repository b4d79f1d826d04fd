"""A worker without networks: it finds two structures in every image, and misbehaves where the image says so.

Run as a program, it speaks the worker's protocol. The brightest voxel of the volume commands it.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from spine_segmentation.anatomy import Kind
from spine_segmentation.errors import DiskFull, InputError, InvalidVolume, ModelError, OutputError
from spine_segmentation.labeling.variant import Statement
from spine_segmentation.pacs.worker_main import Process, serve_requests
from spine_segmentation.results import Instance, Labeling, ModelIdentity, NamedStructure, Outcome, SpineResult
from spine_segmentation.volume import Volume

CRASH, HANG, NO_SPINE, DISK_FULL, DEFECT, UNUSABLE, UNWRITABLE = range(30001, 30008)


def process(groups: Sequence[Mapping[str, Volume]]) -> dict[str, Outcome]:
    """Two bodies in every image: L4 and L5 alone, L3 and L4 where other series are named together with it."""
    outcomes: dict[str, Outcome] = {}
    for group in groups:
        for name, volume in group.items():
            try:
                outcomes[name] = find_two(
                    volume, (("L4", 43), ("L5", 45)) if len(group) == 1 else (("L3", 41), ("L4", 43))
                )
            except InputError as error:
                outcomes[name] = error
    return outcomes


def find_two(volume: Volume, names: Sequence[tuple[str, int]]) -> SpineResult:
    """One body in the upper half, one in the lower; nothing where the image says so."""
    command = int(volume.array.max())
    obey(command)
    half = volume.shape[1] // 2
    labels = np.zeros(volume.shape, np.uint8)
    shown = names if command != NO_SPINE else ()
    for (_, label), rows in zip(shown, (slice(1, half), slice(half, -1)), strict=False):
        labels[:, rows, 2:-2] = label
    structures = tuple(structure(volume, label, name) for name, label in shown)
    labeling = Labeling(volume.with_array(labels), structures, "determined", 0.9, (), 0.0, Statement.NORMAL)
    semantic = volume.with_array((labels > 0).astype(np.uint8))
    return SpineResult(volume, semantic, labeling, models(), {})


def structure(volume: Volume, label: int, name: str) -> NamedStructure:
    """One structure with made-up properties."""
    instance = Instance(label - 40, Kind.VERTEBRA, 0.0, (0.0, 0.0, 0.0), 1000.0, fully_visible=True)
    return NamedStructure(label, name, name, Kind.VERTEBRA, 0.9, None, 0.0, instance)


def obey(command: int) -> None:
    """Do what the image asks for."""
    if command == CRASH:
        os.kill(os.getpid(), signal.SIGKILL)
    if command == HANG:
        time.sleep(3600)
    if command == UNUSABLE:
        raise InvalidVolume("an image", expected="another", remedy="send it")
    if command == DISK_FULL:
        raise DiskFull("the disk is full", expected="space", remedy="wait")
    if command == UNWRITABLE:
        raise OutputError("a read-only disk", expected="another", remedy="correct it")
    if command == DEFECT:
        raise ZeroDivisionError


def models() -> tuple[ModelIdentity, ...]:
    """The name of the model is the program's first argument."""
    return (ModelIdentity("stand-in", sys.argv[1] if len(sys.argv) > 1 else "1", "0" * 64),)


def load() -> tuple[Process, tuple[ModelIdentity, ...]]:
    """Nothing to load but the file that MODEL names, if it does; the second argument is the time each series takes."""
    if not Path(os.environ.get("MODEL", __file__)).is_file():
        raise ModelError("no weights", expected="a file", remedy="restore it")
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 0.0

    def process_slowly(groups: Sequence[Mapping[str, Volume]]) -> dict[str, Outcome]:
        time.sleep(seconds * sum(map(len, groups)))
        return process(groups)

    return process_slowly, models()


if __name__ == "__main__":
    serve_requests(load)
