"""The column of one person: which levels there are, and how large their bodies and discs are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spine_segmentation.anatomy import VERSE_NUMBERS
from spine_segmentation.synth.morphometry import (
    BELOW_S1,
    C2,
    COCCYGEAL_SEGMENTS,
    LEVEL_SIZES,
    S1,
    SACRAL_SEGMENTS,
    Floats,
    Levels,
    LevelSize,
    is_cervical,
    is_lumbar,
    is_presacral,
    is_thoracic,
)

NAMES: dict[int, str] = {number: name for name, number in VERSE_NUMBERS.items()}
"""Level names by VerSe number."""

MINIMAL_DISC_MM = 1.2
"""However degenerated, a disc keeps this height."""

_VARIANTS = (("normal", 0.87), ("T11", 0.02), ("T13", 0.02), ("L6", 0.05), ("L4", 0.04))
"""Lowest thoracic or lumbar level of the enumeration variants, and how often each is drawn."""


@dataclass(frozen=True)
class Column:
    """Levels and sizes from C2 to the coccyx.

    All arrays have one entry per level, shape (n,), top to bottom, and are in mm along the column's arc; 0 is the
    upper edge of the body of C2, below the dens.

    Attributes:
        scale: Size of the person relative to the mean adult.
        levels: VerSe numbers; those of S2 to coccyx repeat.
        top: Upper endplate of the body.
        bottom: Lower endplate of the body.
        half_depth: Half the anteroposterior diameter of the body.
        half_width: Half the lateral diameter of the body.
        disc_height: Height of the disc below.
        wedge: Height lost at the anterior edge by a compression fracture.
        biconcavity: Additional depth of both endplates by a compression fracture.
        degeneration: How degenerated the discs of this person are, 0 to 1.
        retropulsion: Distance by which a burst fracture pushes the posterior wall into the canal.
        fused_below: Whether bone has replaced the disc below (block vertebra, surgical fusion), bool.
        lateral_wedge: Height that the left edge lacks, negative for the right one (hemivertebra, scoliosis).
        sacral_wing: How far the transverse processes have grown into the sacral ala, 0 to 1, right and left, (n, 2).
    """

    scale: float
    levels: Levels
    top: Floats
    bottom: Floats
    half_depth: Floats
    half_width: Floats
    disc_height: Floats
    wedge: Floats
    biconcavity: Floats
    degeneration: float
    retropulsion: Floats
    fused_below: npt.NDArray[np.bool_]
    lateral_wedge: Floats
    sacral_wing: Floats

    def __len__(self) -> int:
        return len(self.levels)

    @property
    def centre(self) -> Floats:
        """Middle between the endplates."""
        return (self.top + self.bottom) / 2

    @property
    def height(self) -> Floats:
        """Distance between the endplates."""
        return self.bottom - self.top

    @property
    def disc_centre(self) -> Floats:
        """Middle of the disc below each body; 1 mm below the last one."""
        return np.append((self.bottom[:-1] + self.top[1:]) / 2, self.bottom[-1] + 1)

    @property
    def vertebrae(self) -> tuple[str, ...]:
        """Names of the vertebrae from C2 to S1."""
        return tuple(NAMES[int(level)] for level in self.levels if level != BELOW_S1)

    def index(self, level: int) -> int:
        """Position of the first entry with this VerSe number."""
        return int(np.argmax(self.levels == level))

    def position(self, level: int) -> float:
        """Arc length of the centre of a level that every person has, mm."""
        return float(self.centre[self.index(level)])


def draw_column(rng: np.random.Generator) -> Column:
    """Draw the levels and sizes of a person.

    Args:
        rng: Source of all chance.

    Returns:
        A column from C2 to the coccyx; about one in eight has an enumeration variant.
    """
    scale = float(np.clip(rng.normal(0.99, 0.10), 0.70, 1.28))
    degeneration = float(rng.random() * (rng.random() < 0.7))
    names = _draw_levels(rng)
    levels = np.array([VERSE_NUMBERS[name] for name in names] + [S1] + [BELOW_S1] * 7, dtype=np.int64)
    sizes = _mean_sizes(rng, names) * _variation(rng, levels, scale)
    height, depth, width, disc = sizes.T
    disc = np.maximum(disc * _narrowing(rng, levels, degeneration), MINIMAL_DISC_MM)
    height, wedge, biconcavity = _fracture(rng, height)
    top = np.concatenate([[0.0], np.cumsum(height + disc)[:-1]])
    return Column(
        scale=scale,
        levels=levels,
        top=top,
        bottom=top + height,
        half_depth=depth / 2,
        half_width=width / 2,
        disc_height=disc,
        wedge=wedge,
        biconcavity=biconcavity,
        degeneration=degeneration,
        retropulsion=np.zeros(len(levels)),
        fused_below=np.zeros(len(levels), dtype=np.bool_),
        lateral_wedge=np.zeros(len(levels)),
        sacral_wing=np.zeros((len(levels), 2)),
    )


def _draw_levels(rng: np.random.Generator) -> list[str]:
    """Names from C2 to the lowest lumbar level."""
    variant = rng.choice([name for name, _ in _VARIANTS], p=[chance for _, chance in _VARIANTS])
    thoracic = {"T11": 11, "T13": 13}.get(variant, 12)
    lumbar = {"L4": 4, "L6": 6}.get(variant, 5)
    counts = {"C": range(C2, 8), "T": range(1, thoracic + 1), "L": range(1, lumbar + 1)}
    return [f"{letter}{number}" for letter, numbers in counts.items() for number in numbers]


def _mean_sizes(rng: np.random.Generator, names: list[str]) -> Floats:
    """Rows of height, depth, width and disc; the vestigial sacral discs are this person's own."""
    rows = [LEVEL_SIZES[name] for name in names] + list(SACRAL_SEGMENTS) + list(COCCYGEAL_SEGMENTS)
    sizes = np.array([_row(size) for size in rows])
    first = len(names)
    sizes[first, 3] = rng.uniform(5, 9) if rng.random() < 0.07 else rng.uniform(1.5, 6.5)
    sizes[first + 1, 3] = rng.uniform(0.8, 2.5)
    return sizes


def _row(size: LevelSize) -> tuple[float, float, float, float]:
    return size.height, size.depth, size.width, size.disc


def _variation(rng: np.random.Generator, levels: Levels, scale: float) -> Floats:
    """Factors on height, depth, width and disc: of the person, of the region, of the level."""
    presacral = is_presacral(levels)
    factors = np.ones((len(levels), 4))
    factors[:, :3] = rng.normal(1, (0.03, 0.025, 0.03), (len(levels), 3))
    factors[~presacral, :3] = rng.normal(1, (0.06, 0.07, 0.0), (int((~presacral).sum()), 3))
    factors *= scale * np.array([1, rng.normal(1, 0.05), rng.normal(1, 0.05), 1])
    factors[:, 3] *= np.maximum(0.45, rng.normal(1, 0.10, len(levels)))
    for region in (is_cervical(levels), is_thoracic(levels), is_lumbar(levels)):
        factors[region, 0] *= rng.normal(1, 0.05)
        factors[region, 3] *= rng.normal(1, 0.13)
    return factors


def _narrowing(rng: np.random.Generator, levels: Levels, degeneration: float) -> Floats:
    """Share of its height that each disc has kept; sacral ones are not narrowed further."""
    affected = (rng.random(len(levels)) < 0.35 * degeneration) & is_presacral(levels)
    return np.where(affected, rng.uniform(0.3, 0.8, len(levels)), 1.0)


def _fracture(rng: np.random.Generator, height: Floats) -> tuple[Floats, Floats, Floats]:
    """Compress one to three bodies of some persons; heights, wedges and biconcavities, mm."""
    height, wedge, biconcavity = height.copy(), np.zeros_like(height), np.zeros_like(height)
    if rng.random() < 0.12:
        for level in rng.integers(10, len(height) - 8, rng.integers(1, 4)):
            shape = rng.random()
            height[level] *= rng.uniform(0.55, 0.9)
            wedge[level] = rng.uniform(0, 0.35) * height[level] if shape < 0.6 else 0.0
            biconcavity[level] = rng.uniform(1, 4) if shape > 0.4 else 0.0
    return height, wedge, biconcavity
