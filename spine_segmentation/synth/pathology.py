"""Everything pathological in bodies and discs that changes tissues and not the shape of the column."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from spine_segmentation.arrays import Floats
from spine_segmentation.synth.body_frame import BodyFrame
from spine_segmentation.synth.bridging import Bridges, draw_bridges, paint_bridges
from spine_segmentation.synth.column import Column
from spine_segmentation.synth.coordinates import Coordinates
from spine_segmentation.synth.disc_defects import DiscDefects, draw_disc_defects, paint_disc_defects
from spine_segmentation.synth.endplate_changes import EndplateChanges, draw_endplate_changes, paint_endplate_changes
from spine_segmentation.synth.herniation import Herniations, draw_herniations, paint_herniations
from spine_segmentation.synth.implants import REACH_OF_SCREWS_MM, Implants, draw_implants, paint_implants
from spine_segmentation.synth.marrow_lesions import MarrowLesions, draw_marrow_lesions, paint_marrow_lesions
from spine_segmentation.synth.morphometry import is_presacral
from spine_segmentation.synth.noise import Noise
from spine_segmentation.synth.tissues import TissueMap

_WITH_SPONDYLODISCITIS = 0.012
"""Share of persons, far above that among all who are examined, so that it is learned."""

_REACH_MM = 10.0
"""Herniations and bridges reach less far beyond the bodies."""


@dataclass(frozen=True)
class Pathology:
    """The pathology of one person.

    Attributes:
        herniations: Protruded and extruded discs.
        disc_defects: Fissures, gas and pus in discs.
        endplate_changes: Modic changes, spondylodiscitis and fresh fractures.
        lesions: Haemangiomas and metastases.
        bridges: Bone over the front of the discs.
        implants: Metal.
    """

    herniations: Herniations
    disc_defects: DiscDefects
    endplate_changes: EndplateChanges
    lesions: MarrowLesions
    bridges: Bridges
    implants: Implants

    @property
    def reach(self) -> float:
        """How far in front of and behind the bodies it may reach, mm."""
        return REACH_OF_SCREWS_MM if self.implants.screws.any() else _REACH_MM


def draw_pathology(rng: np.random.Generator, column: Column) -> Pathology:
    """Draw the pathology of a person.

    Args:
        rng: Source of all chance; every kind has a stream of its own.
        column: The levels, their deformities and the degree of degeneration.

    Returns:
        What is to be painted over bodies and discs.
    """
    streams = iter(rng.spawn(7))
    infected = _infected_disc(next(streams), column)
    return Pathology(
        herniations=draw_herniations(next(streams), column),
        disc_defects=draw_disc_defects(next(streams), column, infected),
        endplate_changes=draw_endplate_changes(next(streams), column, infected),
        lesions=draw_marrow_lesions(next(streams), column),
        bridges=draw_bridges(next(streams), column),
        implants=draw_implants(next(streams), column),
    )


def _infected_disc(rng: np.random.Generator, column: Column) -> Floats:
    """1 at the disc with spondylodiscitis, if there is one, else 0; shape (n,)."""
    infected = np.zeros(len(column))
    if rng.random() < _WITH_SPONDYLODISCITIS:
        infected[rng.integers(0, is_presacral(column.levels).sum())] = 1.0
    return infected


def paint_pathology(
    tissues: TissueMap, at: Coordinates, frame: BodyFrame, pathology: Pathology, column: Column, noise: Noise
) -> None:
    """Paint what a person has at the levels that a grid shows.

    Args:
        tissues: Where to paint, over bodies and discs.
        at: Coordinates of the grid.
        frame: From :func:`~spine_segmentation.synth.body_frame.body_frame`.
        pathology: From :func:`draw_pathology`.
        column: The levels.
        noise: Source of irregular borders.
    """
    first, last = (int(level) for level in torch.aminmax(at.territory))
    levels, endplates = slice(max(0, first - 1), last + 1), slice(2 * first, 2 * last + 2)
    if pathology.herniations.length[levels].any():
        paint_herniations(tissues, at, frame, pathology.herniations, column)
    if pathology.disc_defects.any_of(levels):
        paint_disc_defects(tissues, at, frame, pathology.disc_defects, column)
    if pathology.endplate_changes.extent[endplates].any():
        paint_endplate_changes(tissues, frame, pathology.endplate_changes, column, noise)
    if pathology.lesions.radius[levels].any():
        paint_marrow_lesions(tissues, at, frame, pathology.lesions, noise)
    if pathology.bridges.over[levels].any():
        paint_bridges(tissues, at, frame, pathology.bridges, column)
    if (pathology.implants.screws | pathology.implants.plate)[levels].any():
        paint_implants(tissues, at, frame, pathology.implants, column)
