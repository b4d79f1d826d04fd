"""What disease and development make of the sizes of bodies and discs: fracture, fusion, hemivertebra, narrowing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from spine_segmentation.arrays import Floats
from spine_segmentation.synth.morphometry import C5, C6, L1, L4, L5, T8, Levels, by_region, is_cervical, is_presacral

FRACTURED = 0.12
"""Share of persons with one to three compression fractures; 0.054 of adults from 40 years on, 0.18 from 80 years on
have one (NHANES 2013-2014, 3330 people, Cosman et al. 2017, PMC7422504)."""

FUSED = 0.04
"""Share of persons with fused bodies; congenital in 0.006 (Gruber et al., Spine Deform 2018, CT of 2917 necks), the
others stand for surgery."""

HEMIVERTEBRA = 0.015
"""Share of persons with a hemivertebra or lateral wedge; 0.0001 of children in hospital (Passias et al., J Pediatr
Orthop 2019)."""

_KINDS = ("wedge", "biconcave", "burst")


@dataclass(frozen=True)
class Deformities:
    """Changes to a column, one entry per level, shape (n,); lengths in mm.

    Attributes:
        height: Share of its height that each body has kept at the posterior wall.
        disc: Share of its height that each disc has kept.
        wedge: Height lost at the anterior edge.
        biconcavity: Additional depth of both endplates.
        retropulsion: Distance by which the posterior wall is pushed into the canal.
        lateral_wedge: Height that the left edge lacks, negative for the right one.
        fused_below: Whether bone has replaced the disc below, bool.
    """

    height: Floats
    disc: Floats
    wedge: Floats
    biconcavity: Floats
    retropulsion: Floats
    lateral_wedge: Floats
    fused_below: npt.NDArray[np.bool_]

    @classmethod
    def none(cls, count: int) -> Self:
        """Describe a sound column.

        Args:
            count: Number of its levels, n.

        Returns:
            Full heights, and no change of any kind.
        """
        return cls(
            height=np.ones(count),
            disc=np.ones(count),
            wedge=np.zeros(count),
            biconcavity=np.zeros(count),
            retropulsion=np.zeros(count),
            lateral_wedge=np.zeros(count),
            fused_below=np.zeros(count, dtype=np.bool_),
        )


def draw_deformities(rng: np.random.Generator, levels: Levels, height: Floats, degeneration: float) -> Deformities:
    """Draw what has happened to a person's column.

    Args:
        rng: Source of all chance.
        levels: VerSe numbers, shape (n,).
        height: Of the sound bodies, mm, shape (n,).
        degeneration: How degenerated this person's discs are, 0 to 1.

    Returns:
        The changes; nothing but narrowed discs in most persons.
    """
    changes = Deformities.none(len(levels))
    _narrow_discs(rng, changes, levels, degeneration)
    if rng.random() < FRACTURED:
        for level in rng.choice(len(levels), rng.integers(1, 4), replace=False, p=_fracture_places(levels)):
            _fracture(rng, changes, int(level), height)
    if rng.random() < FUSED:
        _fuse(rng, changes, levels)
    if rng.random() < HEMIVERTEBRA:
        _wedge_laterally(rng, changes, levels, height)
    return changes


def _narrow_discs(rng: np.random.Generator, changes: Deformities, levels: Levels, degeneration: float) -> None:
    """Narrow discs, most often the lower cervical and lower lumbar ones; sacral ones are left alone."""
    chance = np.where(np.isin(levels, (C5, C6, L4, L5)), 0.4, by_region(levels, 0.2, 0.1, 0.2, 0.0))
    affected = rng.random(len(levels)) < chance * degeneration
    changes.disc[:] = np.where(affected, rng.uniform(0.3, 0.8, len(levels)), 1.0)


def _fracture_places(levels: Levels) -> Floats:
    """Chance of each level: fractures gather around T8 and the thoracolumbar junction, and spare the neck."""
    place = np.arange(len(levels))
    middle, junction = np.argmax(levels == T8), np.argmax(levels == L1)
    weight = np.exp(-(((place - middle) / 2) ** 2)) + 1.5 * np.exp(-(((place - junction) / 2) ** 2)) + 0.1
    weight = weight * (is_presacral(levels) & ~is_cervical(levels))
    return np.asarray(weight / weight.sum())


def _fracture(rng: np.random.Generator, changes: Deformities, level: int, height: Floats) -> None:
    """Compress one body: at its anterior edge, in its middle, or as a whole with a fragment in the canal."""
    kind = rng.choice(_KINDS, p=(0.5, 0.3, 0.2))
    changes.height[level] = rng.uniform(0.55, 0.85) if kind == "burst" else rng.uniform(0.85, 1.0)
    remaining = height[level] * changes.height[level]
    if kind == "biconcave":
        changes.biconcavity[level] = rng.uniform(0.08, 0.22) * remaining
    else:
        changes.wedge[level] = (rng.uniform(0.2, 0.55) if kind == "wedge" else rng.uniform(0.0, 0.25)) * remaining
    if kind == "burst":
        changes.retropulsion[level] = rng.uniform(2.0, 7.0)


def _fuse(rng: np.random.Generator, changes: Deformities, levels: Levels) -> None:
    """Replace one or two neighbouring discs by bone, more often in the neck."""
    regions = np.flatnonzero(is_cervical(levels)), np.flatnonzero(is_presacral(levels))[:-1]
    first = int(rng.choice(regions[0] if rng.random() < 0.6 else regions[1]))
    last = min(first + int(rng.integers(1, 3)), regions[1][-1] + 1)
    changes.fused_below[first:last] = True


def _wedge_laterally(rng: np.random.Generator, changes: Deformities, levels: Levels, height: Floats) -> None:
    """Let one side of a thoracic or lumbar body be missing, in part or nearly whole."""
    level = int(rng.choice(np.flatnonzero(is_presacral(levels) & ~is_cervical(levels))))
    changes.lateral_wedge[level] = rng.choice((-1, 1)) * rng.uniform(0.3, 0.8) * height[level]
