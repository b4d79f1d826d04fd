"""Analytic spines with known answers: rounded blocks along a curved column."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from spine_segmentation.anatomy import IVD, LEVELS, SACRUM_BELOW_S1, VERTEBRA, Kind
from spine_segmentation.labeling.enumeration import Enumeration
from spine_segmentation.results import Instances
from spine_segmentation.volume import Volume

Course = Callable[[float], tuple[float, float]]
"""Share of the column's length (0 at the top) to its sagittal and coronal tilt there, degrees."""

COURSES: dict[str, Course] = {
    "straight": lambda _: (0.0, 0.0),
    "lordosis": lambda share: (20.0 - 50.0 * share, 0.0),
    "kyphosis": lambda share: (-30.0 + 60.0 * share, 0.0),
    "scoliosis": lambda share: (0.0, 20.0 * np.sin(2 * np.pi * share)),
    "natural": lambda share: (25.0 * np.sin(3 * np.pi * share) - 25.0 * max(0.0, share - 0.85) / 0.15, 0.0),
}

SIZES = {
    "C2": (13, 17, 15, 5),
    "C7": (13, 18, 16, 5),
    "T6": (19, 27, 25, 4.5),
    "L1": (26, 42, 31, 8),
    "S1": (28, 46, 33, 9),
}
"""Height, width and depth of some bodies and height of the disc below them, mm; between them linear."""


@dataclass(frozen=True)
class Phantom:
    """A semantic map with the truth behind it.

    Attributes:
        semantic: uint8, canonical orientation.
        truth: int, shape of the map; k + 1 where structure k lies.
        names: Of the structures, top to bottom.
    """

    semantic: Volume
    truth: np.ndarray
    names: tuple[str, ...]

    def number(self, name: str) -> int:
        return self.names.index(name) + 1

    def mask(self, name: str) -> np.ndarray:
        return self.truth == self.number(name)

    def changed(self, *changes: tuple[np.ndarray, int]) -> Volume:
        """The semantic map with other values under some masks."""
        array = self.semantic.array.copy()
        for mask, value in changes:
            array[mask] = value
        return self.semantic.with_array(array)

    def cropped(self, box: tuple[slice, ...]) -> Phantom:
        return Phantom(Volume(self.semantic.array[box], self.semantic.affine), self.truth[box], self.names)

    def evidence(self, instances: Instances, strength: float = 12.0) -> np.ndarray:
        """Ideal level evidence of separated structures; flat for those that overlap nothing true."""
        evidence = np.zeros((len(instances.items), len(LEVELS)))
        for k, item in enumerate(instances.items):
            counts = np.bincount(self.truth[instances.labels.array == item.label], minlength=len(self.names) + 1)
            if counts[1:].any():
                evidence[k] = -strength
                evidence[k, LEVELS.index(self.names[int(counts[1:].argmax())].split("-")[0])] = 0.0
        return evidence


def structures(first: str, last: str, thoracic: int = 12, lumbar: int = 5) -> tuple[str, ...]:
    """Names from the first to the last structure of an enumeration."""
    names = Enumeration(thoracic, lumbar).structures
    return tuple(names[names.index(first) : names.index(last) + 1])


def build(
    names: Sequence[str],
    course: str = "straight",
    spacing: tuple[float, float, float] = (3.3, 0.9, 0.9),
    slices: int | None = None,
    margin: int = 6,
    sacrum: bool = False,
) -> Phantom:
    """Build a spine of the named structures; ``sacrum`` adds "S2 and below" under the last one."""
    blocks = _blocks(names, COURSES[course], sacrum)
    reach = np.array([60.0, 60.0, 60.0])
    corners = np.concatenate([[centre - reach / 2, centre + reach / 2] for centre, _, _ in blocks])
    extent = np.ptp(corners, axis=0)[[0, 2, 1]]
    shape = [int(size / step) + 2 * margin for size, step in zip(extent, spacing, strict=True)]
    shape[0] = slices or shape[0]
    affine = Volume.from_axes(np.zeros((1, 1, 1)), "LIP", spacing).affine
    middle = (corners.max(axis=0) + corners.min(axis=0)) / 2
    affine[:3, 3] = middle - affine[:3, :3] @ ((np.array(shape) - 1) / 2)
    truth = np.zeros(shape, dtype=np.int64)
    for number, (centre, frame, halves) in enumerate(blocks, start=1):
        _paint(truth, affine, number, centre, frame, halves)
    values = [0, *(IVD if "-" in name else VERTEBRA for name in names), SACRUM_BELOW_S1]
    semantic = Volume(np.array(values, dtype=np.uint8)[truth], affine)
    return Phantom(semantic, np.where(truth > len(names), 0, truth), tuple(names))


def kinds(names: Sequence[str]) -> list[Kind]:
    return [Kind.IVD if "-" in name else Kind.VERTEBRA for name in names]


def size(name: str) -> tuple[float, float, float]:
    known = [LEVELS.index(level) for level in SIZES]
    level = LEVELS.index(name.split("-", maxsplit=1)[0])
    height, width, depth, disc = (
        float(np.interp(level, known, column)) for column in zip(*SIZES.values(), strict=True)
    )
    return (disc, width, depth) if "-" in name else (height, width, depth)


def _blocks(names: Sequence[str], course: Course, sacrum: bool) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Centre, frame (rows: down, left, posterior) and half sizes of every structure."""
    sizes = [size(name) for name in names] + [(25.0, 40.0, 25.0)] * sacrum
    total = sum(height for height, _, _ in sizes)
    point, walked, blocks = np.zeros(3), 0.0, []
    for extents in sizes:
        sagittal, coronal = np.radians(course((walked + extents[0] / 2) / total))
        down = np.array([np.sin(coronal), np.sin(sagittal), -np.cos(sagittal) * np.cos(coronal)])
        down /= np.linalg.norm(down)
        posterior = np.array([0.0, 1.0, 0.0]) - down[1] * down
        posterior /= np.linalg.norm(posterior)
        frame = np.stack([down, np.cross(down, posterior), posterior])
        blocks.append((point + down * extents[0] / 2, frame, np.array(extents) / 2))
        point, walked = point + down * extents[0], walked + extents[0]
    return blocks


def _paint(
    truth: np.ndarray, affine: np.ndarray, number: int, centre: np.ndarray, frame: np.ndarray, halves: np.ndarray
) -> None:
    """Fill a block with a superelliptic cross-section where nothing is yet."""
    reach = np.linalg.norm(halves)
    corners = (centre + reach * np.array(np.meshgrid(*[[-1, 1]] * 3)).reshape(3, -1).T - affine[:3, 3]) @ np.linalg.inv(
        affine[:3, :3]
    ).T
    low = np.maximum(0, np.floor(corners.min(axis=0))).astype(int)
    high = np.minimum(truth.shape, np.ceil(corners.max(axis=0)).astype(int) + 1)
    indices = np.stack(np.meshgrid(*[np.arange(a, b) for a, b in zip(low, high, strict=True)], indexing="ij"), axis=-1)
    down, left, posterior = np.moveaxis((indices @ affine[:3, :3].T + affine[:3, 3] - centre) @ frame.T / halves, -1, 0)
    box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
    inside = (np.abs(down) <= 1.0) & (left**4 + posterior**4 <= 1.0) & (truth[box] == 0)
    truth[box][inside] = number
