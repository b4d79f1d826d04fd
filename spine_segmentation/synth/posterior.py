"""Posterior elements: pedicles, laminae, articular, transverse and spinous processes."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import torch
from torch import Tensor

from spine_segmentation.synth.canal import CanalFrame
from spine_segmentation.synth.column import Column
from spine_segmentation.synth.coordinates import Coordinates, territory
from spine_segmentation.synth.fields import Fields
from spine_segmentation.synth.grid import Grid
from spine_segmentation.synth.morphometry import BELOW_S1, C2, L1, L5, S1, T1, Floats, by_region, is_thoracic
from spine_segmentation.synth.profiles import lookup, per_level, profile
from spine_segmentation.synth.tissues import Semantic, Tissue, TissueMap

_FACET_SLOPE = 0.55
"""Slope of the facet joints, mm downwards per mm toward posterior."""


@dataclass(frozen=True)
class SpinousShapes:
    """Spinous processes and laminae, one entry per level, shape (n,); all in mm where not said otherwise.

    Attributes:
        root: Arc length at which the process leaves the lamina.
        length: Of the process.
        half_height: Of the process near its root.
        half_width: Of the process near its root.
        lamina: Thickness of the lamina.
    """

    root: Floats
    length: Floats
    half_height: Floats
    half_width: Floats
    lamina: Floats


@dataclass(frozen=True)
class PillarShapes:
    """Pedicles and articular pillars, one entry per level, shape (n,), mm.

    Attributes:
        centre: Arc length of the body's centre.
        pedicle_place: Lateral distance of the pedicle.
        pedicle_half_width: Of the pedicle.
        pedicle_half_height: Of the pedicle.
        pedicle_drop: Its position below the body's centre.
        facet_place: Lateral distance of the articular pillar.
        facet_half_width: Of the articular pillar.
        facet_half_depth: Of the articular pillar.
    """

    centre: Floats
    pedicle_place: Floats
    pedicle_half_width: Floats
    pedicle_half_height: Floats
    pedicle_drop: Floats
    facet_place: Floats
    facet_half_width: Floats
    facet_half_depth: Floats


@dataclass(frozen=True)
class PosteriorShapes:
    """Everything behind the canal of one person.

    Attributes:
        spinous: Spinous processes and laminae.
        pillars: Pedicles and articular pillars.
        slope: Profile: slope of the spinous processes, mm downwards per mm toward posterior.
        lamina_tilt: Inclination of the laminae, mm/mm.
        ligament_share: Threshold on a field: how much of the midline is ligament and not fat.
        pad: Tissue between the laminae (posterior epidural fat or ligamentum flavum), None where it is not seen.
        pad_half_width: mm.
        pad_gap: Relative distance from the process at which it begins.
        pad_front: How far it reaches in front of the lamina, mm.
        pad_back: How far it reaches behind the lamina's front, mm.
        seed: Seed of the irregular parts.
    """

    spinous: SpinousShapes
    pillars: PillarShapes
    slope: Floats
    lamina_tilt: float
    ligament_share: float
    pad: Tissue | None
    pad_half_width: float
    pad_gap: float
    pad_front: float
    pad_back: float
    seed: int


def draw_posterior(rng: np.random.Generator, column: Column) -> PosteriorShapes:
    """Draw the posterior elements of a person.

    Args:
        rng: Source of all chance.
        column: The levels and their sizes.

    Returns:
        Shapes of C2 to the sacrum; C1's are in ``atlas``.
    """
    spinous = _draw_spinous(rng, column)
    pad = Tissue.EPIDURAL_FAT if rng.random() < 0.75 else Tissue.LIGAMENT
    return PosteriorShapes(
        spinous=spinous,
        pillars=_draw_pillars(column),
        slope=_draw_slope(rng, column, spinous.root),
        lamina_tilt=rng.uniform(0.05, 0.45),
        ligament_share=rng.uniform(-0.2, 0.8),
        pad=pad if rng.random() < 0.8 else None,
        pad_half_width=rng.uniform(5, 9),
        pad_gap=rng.uniform(0.85, 1.05),
        pad_front=rng.uniform(1, 4),
        pad_back=rng.uniform(2, 7),
        seed=int(rng.integers(2**31)),
    )


def _draw_spinous(rng: np.random.Generator, column: Column) -> SpinousShapes:
    n, levels, scale = len(column), column.levels, column.scale
    below_t1 = np.arange(n) - column.index(T1)
    length = by_region(levels, 16.0, 30.0, 28.0, 9.0) * scale * rng.normal(1, 0.08, n)
    length *= _factor(column, {C2: 1.1, 6: 1.25, 7: 1.6})
    length = np.where(levels == BELOW_S1, 6.0, length) * rng.uniform(0.85, 1.15)
    half_height = by_region(levels, 4.3, 5.0, 10.0, 8.5) * scale * rng.normal(1, 0.1, n) * rng.uniform(0.8, 1.15)
    half_height *= _factor(column, {C2: 1.5})
    thoracic = np.interp(below_t1, [0, 4, 9, 12], [5.0, 4.5, 5.5, 8.5]) * scale
    offset = by_region(levels, 3.5, 7.5, 11.0, 0.0) * scale * rng.uniform(0.5, 1.25) + rng.normal(0, 0.7, n)
    return SpinousShapes(
        root=column.centre + offset,
        length=length,
        half_height=np.where(is_thoracic(levels), thoracic, half_height),
        half_width=by_region(levels, 4.0, 3.2, 3.6, 5.0) * rng.uniform(0.8, 1.2),
        lamina=by_region(levels, 3.0, 4.5, 5.0, 5.0) * scale * rng.uniform(0.8, 1.2),
    )


def _draw_pillars(column: Column) -> PillarShapes:
    levels, scale = column.levels, column.scale
    down = np.interp(levels, [L1, L5], [0, 1])
    return PillarShapes(
        centre=column.centre,
        pedicle_place=by_region(levels, 11.0, 10.5, 12 + 6 * down, 20.0) * scale,
        pedicle_half_width=by_region(levels, 3.0, 3.0, 4.5, 8.0) * scale,
        pedicle_half_height=by_region(levels, 3.4, 5.5, 6.8, 9.0) * scale,
        pedicle_drop=by_region(levels, 0.0, -4.0, -4.5, -3.0) * scale,
        facet_place=by_region(levels, 14.0, 12.0, 13 + 7 * down, 22.0) * scale,
        facet_half_width=by_region(levels, 6.0, 5.0, 6.5, 8.0) * scale,
        facet_half_depth=by_region(levels, 5.0, 4.2, 6.5, 5.0) * scale,
    )


def _draw_slope(rng: np.random.Generator, column: Column, root: Floats) -> Floats:
    n = len(column)
    below_t1 = np.arange(n) - column.index(T1)
    thoracic = np.interp(below_t1, [0, 5, 8, 11], [0.5, 1.25, 1.1, 0.3]) * rng.uniform(0.8, 1.2)
    slope = by_region(column.levels, rng.uniform(0.25, 0.6, n), thoracic, rng.uniform(0.05, 0.3, n), 0.1)
    return profile(root, slope + rng.normal(0, 0.04, n), smoothing=61)


def _factor(column: Column, factors: dict[int, float]) -> Floats:
    """1 for every level but those named."""
    return np.array([factors.get(int(level), 1.0) for level in column.levels])


def paint_posterior(
    tissues: TissueMap, at: Coordinates, canal: CanalFrame, shapes: PosteriorShapes, column: Column, grid: Grid
) -> None:
    """Paint the posterior elements of C2 to the sacrum, and the ligaments and fat between them.

    Args:
        tissues: Where to paint.
        at: Coordinates of the grid.
        canal: Walls of the canal.
        shapes: From :func:`draw_posterior`.
        column: The levels.
        grid: The sagittal slices.
    """
    painter = _Painter(tissues, at, canal, shapes, column)
    painter.paint_midline(Fields(shapes.seed, grid))
    painter.paint_pillars()
    painter.paint_arches()


class _Painter:
    """What the posterior elements' parts share: coordinates behind the canal and the two level territories."""

    def __init__(
        self, tissues: TissueMap, at: Coordinates, canal: CanalFrame, shapes: PosteriorShapes, column: Column
    ) -> None:
        self.tissues, self.at, self.shapes, self.column = tissues, at, shapes, column
        self.behind, self.distance = canal.behind, at.x.abs()
        self.pillar = {f.name: per_level(getattr(shapes.pillars, f.name), at.territory) for f in fields(PillarShapes)}
        fallen = at.s - lookup(shapes.slope, at.s) * self.behind.clamp(0, 45)
        self.process = self._process_territory(fallen)
        self.arch = {f.name: per_level(getattr(shapes.spinous, f.name), self.process) for f in fields(SpinousShapes)}
        self.drop = fallen - self.arch["root"]
        self.below_dens = at.s > -2

    def _process_territory(self, fallen: Tensor) -> Tensor:
        """Which level's spinous process is nearest, following its slope; (H, W)."""
        root = torch.as_tensor(self.shapes.spinous.root, dtype=torch.float32, device=fallen.device)
        index = torch.bucketize(fallen, (root[:-1] + root[1:]) / 2)
        return torch.where(self.at.s < -4, 0, index)

    def paint_midline(self, fields_: Fields) -> None:
        """Interspinous ligaments and fat, and the pads between the laminae."""
        texture = fields_.between_slices(1, (8, 30, 5))[0]
        middle = (self.distance < 4.5) & (self.behind > 0) & (self.behind < 30 * self.column.scale)
        self.tissues.paint(middle, Tissue.FAT)
        self.tissues.paint(middle & (texture < self.shapes.ligament_share), Tissue.LIGAMENT)
        if self.shapes.pad is not None:
            apart = self.drop.abs() > self.arch["half_height"] * self.shapes.pad_gap
            near = (self.behind > -self.shapes.pad_front) & (self.behind < self.shapes.pad_back) & (self.at.s > 5)
            self.tissues.paint((self.distance < self.shapes.pad_half_width) & apart & near, self.shapes.pad)

    def paint_pillars(self) -> None:
        """Articular pillars with their joint gaps, transverse processes, pedicles."""
        pillar, at, behind, distance = self.pillar, self.at, self.behind, self.distance
        rise = at.axial - pillar["centre"] - pillar["pedicle_drop"]
        sideways = ((distance - pillar["facet_place"]) / pillar["facet_half_width"]) ** 2
        facet = sideways + ((behind + 2.5) / pillar["facet_half_depth"]) ** 2 < 1
        level, gap = self._facet_joints()
        self._bone(facet & self.below_dens & ~gap, level)
        beyond = distance - pillar["facet_place"]
        rod = (((behind + 4) / 4.5) ** 2 + (rise / 5.0) ** 2 < 1) & (self._levels(at.territory) != BELOW_S1)
        self._bone((beyond > 2) & (beyond < 16) & rod, self._levels(at.territory))
        bridge = (at.d > 0) & (behind < 1) & (rise.abs() < pillar["pedicle_half_height"]) & (at.s > 0)
        beside = (distance - pillar["pedicle_place"]).abs() < pillar["pedicle_half_width"]
        self._bone(beside & bridge, self._levels(at.territory))

    def paint_arches(self) -> None:
        """Laminae, spinous processes, median sacral crest."""
        arch, behind, distance = self.arch, self.behind, self.distance
        level = self._levels(self.process)
        sheet = behind + 0.55 * distance - self.shapes.lamina_tilt * self.drop
        lamina = (sheet > -0.3) & (sheet < arch["lamina"] * 1.25) & (distance < self.pillar["facet_place"] + 2)
        self._bone(lamina & (self.drop.abs() < arch["half_height"] * 1.05) & self.below_dens, level)
        self._bone(self._spinous_process() & self.below_dens, level)
        here = self._levels(self.at.territory)
        length = per_level(self.shapes.spinous.length, self.at.territory)
        sacral = ((here == S1) | (here == BELOW_S1)) & (behind > -0.5) & (behind < length * 0.8)
        self._bone((distance < 9) & sacral, here)

    def _spinous_process(self) -> Tensor:
        """Shape a flat process that thickens toward a rounded tip; (N, H, W)."""
        along = self.behind / self.arch["length"]
        thick = along.clamp(0, 1)
        rounding = (1 - ((along - 0.85).clamp(min=0) / 0.18) ** 2).clamp(min=0).sqrt()
        half_height = self.arch["half_height"] * (0.78 + 0.3 * thick) * rounding
        flat = (self.drop.abs() < half_height) & (self.behind > -0.5) & (along < 1.02)
        return (self.distance < self.arch["half_width"] * (1 + 0.5 * thick)) & flat

    def _facet_joints(self) -> tuple[Tensor, Tensor]:
        """Level of the articular pillar, whose territory slants, and whether the joint gap runs here; (H, W)."""
        slanted = self.at.axial - _FACET_SLOPE * (self.behind + 4) + 2
        index = territory(self.column, slanted)
        below = per_level(self.column.disc_centre, index) - slanted
        above = per_level(self.column.disc_centre, (index - 1).clamp(min=0)) - slanted
        return self._levels(index), torch.minimum(below.abs(), above.abs()) < 1.0

    def _levels(self, index: Tensor) -> Tensor:
        return per_level(self.column.levels, index).to(torch.uint8)

    def _bone(self, mask: Tensor, level: Tensor) -> None:
        self.tissues.paint_level(mask, Tissue.POSTERIOR_MARROW, Semantic.POSTERIOR, level)
