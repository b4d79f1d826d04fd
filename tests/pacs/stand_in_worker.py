"""A worker without networks: it finds two structures in every image, and misbehaves where the image says so.

Run as a program, it speaks the worker's protocol. The brightest voxel of the volume commands it.
"""

from __future__ import annotations

import os
import signal
import sys
import time

import numpy as np

from spine_segmentation.anatomy import Kind
from spine_segmentation.errors import NoSpineFound, OutputError
from spine_segmentation.pacs.worker_main import Process, serve_requests
from spine_segmentation.results import Instance, Labeling, ModelIdentity, NamedStructure, SpineResult
from spine_segmentation.volume import Volume

CRASH, HANG, NO_SPINE, DISK_FULL, DEFECT = 30001, 30002, 30003, 30004, 30005


def find_two(volume: Volume) -> SpineResult:
    """L4 in the upper half, L5 in the lower."""
    obey(int(volume.array.max()))
    labels = np.zeros(volume.shape, np.uint8)
    half = volume.shape[1] // 2
    labels[:, 1:half, 2:-2], labels[:, half:-1, 2:-2] = 43, 45
    structures = tuple(structure(volume, label, name) for label, name in ((43, "L4"), (45, "L5")))
    labeling = Labeling(volume.with_array(labels), structures, "determined", 0.9, (), 0.0, "normal")
    semantic = volume.with_array((labels > 0).astype(np.uint8))
    return SpineResult(volume, semantic, labeling, models(), {})


def structure(volume: Volume, label: int, name: str) -> NamedStructure:
    """One structure with made-up properties."""
    instance = Instance(label - 42, Kind.VERTEBRA, 0.0, (0.0, 0.0, 0.0), 1000.0, fully_visible=True)
    return NamedStructure(label, name, name, Kind.VERTEBRA, 0.9, None, 0.0, instance)


def obey(command: int) -> None:
    """Do what the image asks for."""
    if command == CRASH:
        os.kill(os.getpid(), signal.SIGKILL)
    if command == HANG:
        time.sleep(3600)
    if command == NO_SPINE:
        raise NoSpineFound("nothing", expected="a spine", remedy="send another image")
    if command == DISK_FULL:
        raise OutputError("the disk is full", expected="space", remedy="wait")
    if command == DEFECT:
        raise ZeroDivisionError


def models() -> tuple[ModelIdentity, ...]:
    """The name of the model is the program's first argument."""
    return (ModelIdentity("stand-in", sys.argv[1] if len(sys.argv) > 1 else "1", "0" * 64),)


def load() -> tuple[Process, tuple[ModelIdentity, ...]]:
    """Nothing to load; the second argument is the time that each series takes."""
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 0.0

    def process(volume: Volume) -> SpineResult:
        time.sleep(seconds)
        return find_two(volume)

    return process, models()


if __name__ == "__main__":
    serve_requests(load)
