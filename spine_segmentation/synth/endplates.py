"""Endplates: their hollow, their wedging, Schmorl nodes, uncinate processes and the osteophytes of their rims.

Schmorl nodes are seen in the lumbar MRI of 22 % of adults with back pain, most often at L1-L2 (Egypt J Radiol Nucl Med
2019, 50:65, 324 adults), and are common in the lower thoracic levels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spine_segmentation.arrays import Floats
from spine_segmentation.synth.column import Column
from spine_segmentation.synth.morphometry import C2, L1, by_region, is_cervical, is_presacral

_LARGEST_HOLLOW = 0.3
"""Share of the body's height that one endplate's hollow takes at most."""

_WITH_NODES = 0.3
"""Share of persons with Schmorl nodes anywhere in the column."""


@dataclass(frozen=True)
class EndplateShapes:
    """Shapes of the endplates; upper and lower endplate of each level in turn, shape (2n,).

    Attributes:
        concavity: Depth of the hollow below the rim, mm.
        skew: How far behind the middle the hollow is deepest; 0 for in the middle, at most 1.
        wedge: Height that the anterior edge lacks, negative for the posterior one, mm.
        tilt: Height that the left edge lacks, negative for the right one, mm.
        uncinate: Height of the uncinate processes at the sides of the upper endplate, mm.
        anterior_spurs: Length of osteophytes at the anterior and lateral rim, relative to the body's radius.
        posterior_spurs: Length of osteophytes at the posterior rim, relative to the body's radius.
        node_depth: Depth of a Schmorl node, mm; 0 for none.
        node_behind: Place of the node behind the body's centre, mm.
        node_aside: Place of the node to the left of the midline, mm.
        node_radius: mm.
    """

    concavity: Floats
    skew: Floats
    wedge: Floats
    tilt: Floats
    uncinate: Floats
    anterior_spurs: Floats
    posterior_spurs: Floats
    node_depth: Floats
    node_behind: Floats
    node_aside: Floats
    node_radius: Floats


def draw_endplates(rng: np.random.Generator, column: Column) -> EndplateShapes:
    """Draw the shapes of a person's endplates.

    Args:
        rng: Source of all chance.
        column: The levels, their sizes and deformities.

    Returns:
        Two endplates per level.
    """
    n, levels = len(column), column.levels
    spurs = (rng.random() < 0.25 + 0.5 * column.degeneration) * rng.random()
    return EndplateShapes(
        concavity=_concavity(rng, column),
        skew=by_region(np.repeat(levels, 2), 0.0, rng.uniform(0, 0.4, 2 * n), rng.uniform(0.1, 0.8, 2 * n), 0.0),
        wedge=_wedge(rng, column),
        tilt=np.repeat(column.lateral_wedge / 2, 2),
        uncinate=_uncinate(rng, column),
        anterior_spurs=_at_discs(rng, column, rng.uniform(0, 0.28, n) * (rng.random(n) < 0.5) * spurs) + 0.02,
        posterior_spurs=_at_discs(rng, column, rng.uniform(0, 0.13, n) * (rng.random(n) < 0.4) * spurs),
        node_depth=_node_depth(rng, column),
        node_behind=rng.uniform(-0.4, 0.5, 2 * n) * np.repeat(column.half_depth, 2),
        node_aside=rng.uniform(-0.5, 0.5, 2 * n) * np.repeat(column.half_width, 2),
        node_radius=rng.uniform(3.5, 8, 2 * n),
    )


def _alternate(upper: Floats, lower: Floats) -> Floats:
    """Upper and lower values of each level in turn."""
    return np.stack([upper, lower], axis=1).ravel()


def _at_discs(rng: np.random.Generator, column: Column, discs: Floats) -> Floats:
    """Give what happens at a disc to the endplates above and below it, to one a little more than to the other."""
    n = len(column)
    return _alternate(np.append(0.0, discs[:-1]) * rng.uniform(0.5, 1, n), discs * rng.uniform(0.5, 1, n))


def _concavity(rng: np.random.Generator, column: Column) -> Floats:
    n, levels = len(column), column.levels
    upper = by_region(levels, rng.uniform(0.2, 0.9, n), rng.uniform(0.4, 1.6, n), rng.uniform(0.8, 2.8, n), 0.4)
    lower = by_region(levels, rng.uniform(0.3, 1.4, n), rng.uniform(0.5, 1.8, n), rng.uniform(1.0, 3.2, n), 0.2)
    upper[levels == C2] = 0.0
    normal = column.scale * rng.uniform(0.35, 1.25) * _alternate(upper, lower)
    return np.minimum(normal + np.repeat(column.biconcavity, 2), _LARGEST_HOLLOW * np.repeat(column.height, 2))


def _wedge(rng: np.random.Generator, column: Column) -> Floats:
    """Natural wedging is shared by both endplates, a fracture is one of the upper endplate."""
    n = len(column)
    normal = by_region(
        column.levels, rng.normal(0, 0.3, n), rng.normal(0.5, 0.5, n), rng.normal(-0.4, 0.5, n), rng.normal(0, 0.3, n)
    )
    return _alternate(column.wedge + normal / 2, normal / 2)


def _uncinate(rng: np.random.Generator, column: Column) -> Floats:
    """Uncinate processes of C3 to C7 rise to the middle of the disc above, where their level's territory ends."""
    cervical = is_cervical(column.levels) & (column.levels != C2)
    room = np.append(0.0, column.disc_height[:-1] / 2 - 0.3).clip(0)
    return _alternate(np.where(cervical, room * rng.uniform(0.6, 1.0), 0.0), np.zeros(len(column)))


def _node_depth(rng: np.random.Generator, column: Column) -> Floats:
    """Schmorl nodes of some persons, mostly of several endplates around the thoracolumbar junction."""
    n = len(column)
    if rng.random() > _WITH_NODES:
        return np.zeros(2 * n)
    distance = np.abs(np.arange(n) - column.index(L1))
    chance = np.where((distance < 7) & is_presacral(column.levels), 0.16, 0.02) * is_presacral(column.levels)
    depth = np.where(rng.random(2 * n) < np.repeat(chance, 2), rng.uniform(2, 6.5, 2 * n), 0.0)
    return np.minimum(depth, 0.35 * np.repeat(column.height, 2))
