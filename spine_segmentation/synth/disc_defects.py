"""What takes the place of disc tissue: fissures of the annulus, gas in clefts (vacuum phenomenon), pus."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spine_segmentation.arrays import Floats
from spine_segmentation.synth.body_frame import BodyFrame
from spine_segmentation.synth.column import Column
from spine_segmentation.synth.coordinates import Coordinates
from spine_segmentation.synth.morphometry import by_region, is_presacral
from spine_segmentation.synth.profiles import per_level
from spine_segmentation.synth.tissues import Semantic, Tissue, TissueMap

_FISSURE_PLACE = 0.88
"""Place of annular fissures behind the disc's centre, relative to its half depth."""

_INFECTED_RADIUS = 0.75
"""Squared radius, relative to that of the bodies' rims, up to which an infected disc is fluid."""

_GAS_RADIUS = 0.7
"""Squared radius, relative to that of the bodies' rims, up to which a cleft may reach."""


@dataclass(frozen=True)
class DiscDefects:
    """Defects by disc; entry k belongs to the disc below level k, shape (n,), mm where not said otherwise.

    Attributes:
        fissure: Half height of a fluid-filled fissure in the posterior annulus; 0 for none.
        fissure_aside: Its place to the left of the midline.
        gas: Half height of a gas-filled cleft; 0 for none.
        gas_place: Centre of the cleft behind that of the disc, relative to its half depth.
        gas_extent: Half the cleft's depth, relative to that of the disc.
        infected: 1 where pus has replaced the disc, else 0.
    """

    fissure: Floats
    fissure_aside: Floats
    gas: Floats
    gas_place: Floats
    gas_extent: Floats
    infected: Floats

    def any_of(self, levels: slice) -> bool:
        """Tell whether any of these discs has a defect.

        Args:
            levels: Positions in the column of the levels above the discs.

        Returns:
            Whether one of them has a fissure or gas, or is infected.
        """
        return bool((self.fissure + self.gas + self.infected)[levels].any())


def draw_disc_defects(rng: np.random.Generator, column: Column, infected: Floats) -> DiscDefects:
    """Draw the defects of a person's discs.

    Fissures are seen in 19 % of people of 20 years without symptoms and in 29 % of those of 80 (Brinjikji et al. 2015,
    AJNR 36:811); gas in 38 % of lumbar CT scans above 50 years (Camino-Willhuber et al. 2022, Acta Radiol), fewer in
    MRI.

    Args:
        rng: Source of all chance.
        column: The levels and the degree of degeneration.
        infected: 1 for discs with spondylodiscitis, else 0, shape (n,).

    Returns:
        One entry per level, for the disc below it.
    """
    n, u, degeneration = len(column), rng.uniform, column.degeneration
    discs = is_presacral(column.levels) & ~column.fused_below
    usual = by_region(column.levels, 0.5, 0.2, 1.0, 0.0) * discs
    return DiscDefects(
        fissure=u(0.7, 1.5, n) * (rng.random(n) < usual * (0.02 + 0.09 * degeneration)),
        fissure_aside=rng.normal(0, 4, n),
        gas=u(0.5, 1.3, n) * (rng.random(n) < usual * 0.12 * degeneration),
        gas_place=u(-0.5, 0.3, n),
        gas_extent=u(0.25, 0.7, n),
        infected=infected * discs,
    )


def paint_disc_defects(
    tissues: TissueMap, at: Coordinates, frame: BodyFrame, shapes: DiscDefects, column: Column
) -> None:
    """Paint the defects over the discs, which stay discs.

    Args:
        tissues: Where to paint.
        at: Coordinates of the grid.
        frame: From :func:`~spine_segmentation.synth.body_frame.body_frame`.
        shapes: From :func:`draw_disc_defects`.
        column: The levels.
    """
    rows = (shapes.fissure, shapes.fissure_aside, shapes.gas, shapes.gas_place, shapes.gas_extent, shapes.infected)
    fissure, aside, gas, place, extent, infected, centre = per_level(
        np.stack([*rows, column.disc_centre]), frame.disc.clamp(min=0)
    )
    disc, rise, depth = tissues.semantic == Semantic.DISC, at.axial - centre, frame.behind / frame.half_depth
    tissues.paint(disc & (infected > 0) & (frame.radius < _INFECTED_RADIUS), Tissue.FLUID)
    cleft = gas * (1 - ((depth - place) / extent) ** 2) - rise.abs() > 0
    tissues.paint(disc & cleft & (frame.radius < _GAS_RADIUS), Tissue.VACUUM)
    size = fissure.clamp(min=0.1)
    plane = (rise / size) ** 2 + ((depth - _FISSURE_PLACE) * frame.half_depth / size) ** 2
    spot = plane + ((at.x - aside) / (4 * size)) ** 2 < 1
    tissues.paint(disc & spot & (fissure > 0), Tissue.FLUID)
