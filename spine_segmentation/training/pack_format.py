"""What a pack of synthetic triplets is made of.

A pack is a folder with ``pack.json`` and shards ``NUMBER.npy``, one structured array each; NUMBER is the seed of the
shard's first triplet.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from spine_segmentation.errors import UnreadableFile, UsageError
from spine_segmentation.io.atomic import atomic_path

SHARD_BYTES = 30_000_000
"""Shards are no larger than this."""

CEILING = 4.0
"""Brightest intensity that is kept, in multiples of the triplet's 99.5 % quantile."""


class RawTriplet(Protocol):
    """What the generator makes, see :class:`~spine_segmentation.synth.generator.Triplet`."""

    @property
    def image(self) -> Tensor:
        """(3, rows, columns), float32, not negative."""

    @property
    def semantic(self) -> Tensor:
        """(rows, columns), uint8."""

    @property
    def level(self) -> Tensor:
        """(rows, columns), uint8."""


@dataclass(frozen=True)
class PackFormat:
    """What all triplets of a pack have in common.

    Attributes:
        rows: Of an image, pixels.
        columns: Of an image, pixels.
        pixel_size: mm.
    """

    rows: int
    columns: int
    pixel_size: float

    @property
    def dtype(self) -> np.dtype[np.void]:
        """One triplet: ``image`` (3, rows, columns), ``semantic`` and ``level`` (rows, columns), all uint8."""
        plane = (self.rows, self.columns)
        return np.dtype([("image", np.uint8, (3, *plane)), ("semantic", np.uint8, plane), ("level", np.uint8, plane)])

    @property
    def triplets_per_shard(self) -> int:
        """As many as ``SHARD_BYTES`` holds."""
        return max(1, SHARD_BYTES // self.dtype.itemsize)

    def claim(self, folder: Path) -> None:
        """Write this format into a folder, or check that the folder has it already.

        Args:
            folder: Created if need be.

        Raises:
            UsageError: If the folder holds a pack of another format.
            OutputError: If the format cannot be written.
        """
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "pack.json"
        if not path.is_file():
            with atomic_path(path) as temporary:
                temporary.write_text(json.dumps(asdict(self)))
        self.require(folder)

    def require(self, folder: Path) -> None:
        """Check that the folder holds a pack of this format.

        Args:
            folder: A pack.

        Raises:
            UnreadableFile: If it is no pack.
            UsageError: If its format is another one.
        """
        path = folder / "pack.json"
        if not path.is_file():
            raise UnreadableFile(
                f"no pack in {folder}", expected="pack.json", remedy="make one: scripts/pack_triplets.py"
            )
        found = json.loads(path.read_text())
        if found != asdict(self):
            raise UsageError(
                f"{folder} holds triplets of {found}",
                expected=f"{asdict(self)}",
                remedy="choose another folder, or the crop and pixel size of the pack",
            )


def shard_path(folder: Path, first_seed: int) -> Path:
    """Say where the shard that starts with a seed is kept.

    Args:
        folder: Of the pack.
        first_seed: Seed of the shard's first triplet.

    Returns:
        A ``.npy`` file, whose name sorts by seed.
    """
    return folder / f"{first_seed:012d}.npy"


def write_shard(path: Path, triplets: Sequence[RawTriplet], pack_format: PackFormat) -> None:
    """Write one shard; it appears under its name when it is complete.

    Args:
        path: Ends in ``.npy``.
        triplets: All of the format's shape.
        pack_format: Of the pack.

    Raises:
        OutputError: If it cannot be written.
    """
    shard = np.zeros(len(triplets), pack_format.dtype)
    for entry, triplet in zip(shard, triplets, strict=True):
        entry["image"], entry["semantic"], entry["level"] = quantise(triplet.image), triplet.semantic, triplet.level
    with atomic_path(path) as temporary:
        np.save(temporary, shard)


def quantise(image: Tensor) -> Tensor:
    """Scale by a high quantile and keep the square root in eight bits, so that dark tissue keeps its steps.

    Args:
        image: float32, not negative.

    Returns:
        uint8; exact zeros, and nothing else, stay zero.
    """
    high = torch.quantile(image.flatten()[::7], 0.995) + 1e-6
    code = (image / (high * CEILING)).clamp(0, 1).sqrt() * 255
    return torch.where(image > 0, code.round().clamp(min=1), code).to(torch.uint8)


def dequantise(code: Tensor) -> Tensor:
    """Undo :func:`quantise` up to a factor.

    Args:
        code: Any shape, uint8.

    Returns:
        The same shape, float32; exact zeros stay zero.
    """
    return (code.float() / 255) ** 2 * CEILING
