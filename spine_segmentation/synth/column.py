"""The column of one person: which levels there are, and how large their bodies and discs are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spine_segmentation.anatomy import VERSE_NUMBERS
from spine_segmentation.arrays import Floats
from spine_segmentation.synth.deformities import draw_deformities
from spine_segmentation.synth.morphometry import BELOW_S1, COCCYGEAL_SEGMENTS, LEVEL_SIZES, S1, SACRAL_SEGMENTS, Levels
from spine_segmentation.synth.shape_statistics import at_levels, shape_statistics
from spine_segmentation.synth.variants import Variant, draw_sacral_wing, draw_variant, presacral_names

NAMES: dict[int, str] = {number: name for name, number in VERSE_NUMBERS.items()}
"""Level names by VerSe number."""

MINIMAL_DISC_MM = 1.2
"""However degenerated, a disc keeps this height, unless bone replaces it."""

LUMBARISED_DISC_MM = 5.5
"""A disc below S1 of this height and more is well formed, and S1 is square."""

_DENS_RISE_MM = 3.0
"""The centre of C2 in the measured spacing is that of body and dens, so much above the body's own."""

_SEX_SIZE = 0.035
"""Half the difference between men and women of the logarithm of size: stature differs by 7 % (NCD-RisC, eLife 2016)."""

_SEX_GIRTH = 0.037
"""Half the remaining difference of the logarithms of depth and width: cross-sections are 25 % smaller in women (Gilsanz
et al., Radiology 1994)."""


@dataclass(frozen=True)
class Column:
    """Levels and sizes from C2 to the coccyx.

    All arrays have one entry per level, shape (n,), top to bottom, and are in mm along the column's arc; 0 is the
    upper edge of the body of C2, below the dens.

    Attributes:
        scale: Size of the person relative to the mean adult.
        female: Sex of the person.
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
    female: bool
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

    @property
    def lumbarised(self) -> bool:
        """Whether S1 looks like a lumbar vertebra: square, with a well-formed disc below."""
        return float(self.disc_height[self.index(S1)]) >= LUMBARISED_DISC_MM

    def index(self, level: int) -> int:
        """Find the first entry with a VerSe number.

        Args:
            level: VerSe number of a level that the column has.

        Returns:
            Its position in the arrays, from 0.
        """
        return int(np.argmax(self.levels == level))

    def position(self, level: int) -> float:
        """Give the arc length of the centre of a level that every person has.

        Args:
            level: Its VerSe number.

        Returns:
            Arc length, mm from the upper edge of the body of C2.
        """
        return float(self.centre[self.index(level)])


def draw_column(rng: np.random.Generator) -> Column:
    """Draw the levels and sizes of a person.

    Sound bodies and discs have the spacing, the size and the correlation between levels that were measured on people;
    deformities come on top.

    Args:
        rng: Source of all chance.

    Returns:
        A column from C2 to the coccyx; more than a quarter have a variant of number or of the sacrum.
    """
    variant, female, degeneration = draw_variant(rng), bool(rng.random() < 0.5), _draw_degeneration(rng)
    names, scale = presacral_names(variant), _draw_scale(rng, female)
    levels = np.array([VERSE_NUMBERS[name] for name in names] + [S1] + [BELOW_S1] * 7, dtype=np.int64)
    height, disc = _draw_lengths(rng, levels, names, variant)
    half_depth, half_width = _draw_girths(rng, names, female) * scale / 2
    changes = draw_deformities(rng, levels, height * scale, degeneration)
    height = height * scale * changes.height
    disc = np.maximum(disc * scale * changes.disc, MINIMAL_DISC_MM)
    disc = np.where(changes.fused_below, rng.uniform(0.3, 1.0, len(levels)), disc)
    top = np.concatenate([[0.0], np.cumsum(height + disc)[:-1]])
    wing = np.zeros((len(levels), 2))
    wing[len(names) - 1] = draw_sacral_wing(rng, variant)
    return Column(
        scale=scale,
        female=female,
        levels=levels,
        top=top,
        bottom=top + height,
        half_depth=half_depth,
        half_width=half_width,
        disc_height=disc,
        wedge=changes.wedge,
        biconcavity=changes.biconcavity,
        degeneration=degeneration,
        retropulsion=changes.retropulsion,
        fused_below=changes.fused_below,
        lateral_wedge=changes.lateral_wedge,
        sacral_wing=wing,
    )


def _draw_degeneration(rng: np.random.Generator) -> float:
    return float(rng.random() * (rng.random() < 0.7))


def _draw_scale(rng: np.random.Generator, female: bool) -> float:
    """Size relative to the mean adult, spread as measured over both sexes."""
    within = np.sqrt(shape_statistics().size_sd ** 2 - _SEX_SIZE**2)
    deviation = np.clip(rng.standard_normal(), -3, 3) * within
    return float(np.exp(deviation - _SEX_SIZE if female else deviation + _SEX_SIZE))


def _draw_lengths(
    rng: np.random.Generator, levels: Levels, names: list[str], variant: Variant
) -> tuple[Floats, Floats]:
    """Heights of bodies and discs of a person of mean size, mm: a disc is what the bodies leave of the spacing."""
    statistics = shape_statistics()
    relative = at_levels(statistics.relative_spacing.draw(rng), levels)
    spacing = at_levels(statistics.spacing, levels)
    spacing[0] -= _DENS_RISE_MM
    height, disc = _mean_sizes(names)[:, [0, 3]].T
    first = len(names)
    height[:first] *= np.exp((relative + np.append(relative[:1], relative[:-1])) / 2) * rng.normal(1, 0.02, first)
    height[first:] *= rng.normal(1, 0.06, len(height) - first)
    disc[:first] = spacing * np.exp(relative) - (height[:first] + height[1 : first + 1]) / 2
    if variant.sacralised:
        disc[first - 1] *= rng.uniform(0.25, 0.55)
    disc[first] = rng.uniform(7.0, 10.0) if variant.lumbarised else rng.uniform(1.5, 5.0)
    disc[first + 1] = rng.uniform(0.8, 2.5)
    return height, disc


def _draw_girths(rng: np.random.Generator, names: list[str], female: bool) -> Floats:
    """Depths and widths of the bodies of a person of mean size, mm, shape (2, n)."""
    mean = _mean_sizes(names)[:, [1, 2]].T
    own = np.exp(rng.normal(-_SEX_GIRTH if female else _SEX_GIRTH, 0.05, (2, 1)))
    local = rng.normal(1, np.array([[0.025], [0.03]]), mean.shape)
    local[0, len(names) :] = rng.normal(1, 0.07, mean.shape[1] - len(names))
    return np.asarray(mean * own * local)


def _mean_sizes(names: list[str]) -> Floats:
    """Rows of height, depth, width and disc, from C2 to the coccyx."""
    sizes = [LEVEL_SIZES[name] for name in names] + list(SACRAL_SEGMENTS) + list(COCCYGEAL_SEGMENTS)
    return np.array([(size.height, size.depth, size.width, size.disc) for size in sizes])
