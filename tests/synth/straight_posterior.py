"""Canal, posterior elements and atlas of a straight column, whose distances can be read off its grids."""

from __future__ import annotations

import dataclasses

import numpy as np
import torch
from numpy.typing import NDArray

from spine_segmentation.anatomy import VERSE_NUMBERS
from spine_segmentation.synth.atlas import draw_atlas, paint_atlas, paint_dens
from spine_segmentation.synth.body_frame import body_frame
from spine_segmentation.synth.canal import CanalFrame, CanalShape, canal_frame, draw_canal, paint_canal
from spine_segmentation.synth.column import Column
from spine_segmentation.synth.coordinates import Coordinates, locate
from spine_segmentation.synth.curve import Curve
from spine_segmentation.synth.grid import Grid
from spine_segmentation.synth.marrow import paint_bodies
from spine_segmentation.synth.posterior import PosteriorShapes, draw_posterior, paint_posterior
from spine_segmentation.synth.profiles import ARC_LENGTHS
from spine_segmentation.synth.tissues import Semantic, Tissue, TissueMap
from tests.synth.straight_spine import normal_column, plain_bodies

PIXEL_MM = 0.5
FRONT_MM = -40.0
ROWS, COLUMNS = 240, 280

Mask = NDArray[np.bool_]


@dataclasses.dataclass(frozen=True)
class Behind:
    """What was painted, and where: rows follow the arc, columns the distance behind the bodies' centres."""

    tissues: TissueMap
    at: Coordinates
    canal: CanalFrame
    grid: Grid

    def bone(self, name: str) -> Mask:
        """Posterior elements of a level, (N, H, W)."""
        return self.where(Semantic.POSTERIOR) & (self.tissues.level == VERSE_NUMBERS[name]).numpy()

    def where(self, semantic: Semantic) -> Mask:
        """Voxels of a class, (N, H, W)."""
        return np.asarray((self.tissues.semantic == semantic).numpy())

    def tissue(self, tissue: Tissue) -> Mask:
        """Voxels of a tissue, (N, H, W)."""
        return np.asarray((self.tissues.tissue == tissue).numpy())

    def row(self, arc_length: float) -> int:
        """Row of an arc length."""
        return round((arc_length - self.grid.origin[0]) / PIXEL_MM)

    def column(self, distance: float) -> int:
        """Column of a distance behind the bodies' centres."""
        return round((distance - FRONT_MM) / PIXEL_MM)


def posterior_of(column: Column, seed: int = 0) -> PosteriorShapes:
    """Posterior elements of a column."""
    return draw_posterior(np.random.default_rng(seed), column)


def canal_of(column: Column, seed: int = 0) -> CanalShape:
    """Canal of a column."""
    return draw_canal(np.random.default_rng(seed), column, plain_bodies(column))


def paint_behind(
    arc_length: float,
    lateral: tuple[float, ...],
    column: Column | None = None,
    posterior: PosteriorShapes | None = None,
    canal: CanalShape | None = None,
) -> Behind:
    """Paint 120 mm of the column around an arc length, with the bodies."""
    column = normal_column() if column is None else column
    posterior = posterior_of(column) if posterior is None else posterior
    canal = canal_of(column) if canal is None else canal
    origin = (arc_length - ROWS * PIXEL_MM / 2, FRONT_MM)
    grid = Grid(lateral, ROWS, COLUMNS, PIXEL_MM, origin, torch.device("cpu"))
    at = locate(grid, column, _straight(), 0.0, 0)
    tissues = TissueMap.empty(grid.shape, grid.device)
    frame = canal_frame(at, canal)
    atlas = draw_atlas(np.random.default_rng(0), column.scale)
    paint_canal(tissues, at, frame, canal)
    paint_posterior(tissues, at, frame, posterior, column)
    paint_atlas(tissues, at, frame, atlas)
    bodies = plain_bodies(column)
    paint_bodies(tissues, at, body_frame(tissues, at, bodies), bodies, column)
    paint_dens(tissues, at, atlas)
    return Behind(tissues, at, frame, grid)


def _straight() -> Curve:
    arc, flat = np.arange(-220.0, 1080.0, 4.0), np.zeros_like(ARC_LENGTHS)
    return Curve(arc=arc, y=np.zeros_like(arc), z=arc, lateral=flat, rotation=flat, tilt=flat)
