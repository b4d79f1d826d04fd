"""From a person to the tissue map of a grid: the parts painted one over the other."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from spine_segmentation.synth.atlas import paint_atlas, paint_dens
from spine_segmentation.synth.body_frame import body_frame, near_bodies
from spine_segmentation.synth.canal import CanalFrame, canal_frame, paint_canal
from spine_segmentation.synth.coordinates import Coordinates, locate
from spine_segmentation.synth.discs import paint_discs
from spine_segmentation.synth.grid import Grid
from spine_segmentation.synth.head import head_radius, open_scalp, paint_head
from spine_segmentation.synth.marrow import paint_bodies
from spine_segmentation.synth.morphometry import BELOW_S1, S1
from spine_segmentation.synth.noise import Noise
from spine_segmentation.synth.pathology import paint_pathology
from spine_segmentation.synth.person import Person
from spine_segmentation.synth.posterior import paint_posterior
from spine_segmentation.synth.selection import paint_where
from spine_segmentation.synth.skin import paint_skin, skin_depth
from spine_segmentation.synth.surroundings import paint_surroundings
from spine_segmentation.synth.tissues import Semantic, Tissue, TissueMap


def voxelize(person: Person, grid: Grid) -> tuple[TissueMap, Coordinates]:
    """Sample a person's anatomy.

    Args:
        person: The anatomy.
        grid: The sagittal slices.

    Returns:
        The tissues, and where the voxels lie relative to the column. A voxel's tissue does not depend on which other
        slices the grid has.
    """
    at = locate(grid, person.column, person.curve, person.jitter, person.jitter_seed)
    tissues = TissueMap.empty(grid.shape, grid.device)
    canal = canal_frame(at, person.canal)
    tissues.depth.copy_(skin_depth(at, canal, person.skin))
    paint_surroundings(tissues, at, canal, person.surroundings, person.column, grid)
    _paint_head(tissues, at, canal, person, grid)
    paint_canal(tissues, at, canal, person.canal)
    paint_posterior(tissues, at, canal, person.posterior, person.column)
    paint_atlas(tissues, at, canal, person.atlas)
    _paint_column(tissues, at, person, grid)
    if bool((at.axial > person.column.top[person.column.index(S1)]).any()):
        _unite_sacrum(tissues)
    paint_skin(tissues, at, person.skin)
    return tissues, at


@dataclass(frozen=True)
class _Plane:
    """Positions of pixels in the flattened image plane, int64, (H, W)."""

    pixel: Tensor


def _paint_column(tissues: TissueMap, at: Coordinates, person: Person, grid: Grid) -> None:
    """Paint bodies, discs and their pathology on the pixels near the column."""
    column, bodies, pathology = person.column, person.bodies, person.pathology

    def paint(row: TissueMap, place: Coordinates, plane: _Plane) -> None:
        frame = body_frame(row, place, bodies)
        paint_discs(row, place, frame, person.discs, column)
        paint_bodies(row, place, frame, bodies, column)
        paint_dens(row, place, person.atlas)
        paint_pathology(row, place, frame, pathology, column, Noise(grid, plane.pixel))
        for name in ("height", "core"):
            painted = getattr(row, name)
            getattr(tissues, name).flatten(1).scatter_(1, plane.pixel.expand_as(painted), painted)

    pixel = torch.arange(at.d.numel(), device=grid.device).view(at.d.shape)
    paint_where(near_bodies(at, bodies, pathology.reach), paint, tissues, at, _Plane(pixel))


def _paint_head(tissues: TissueMap, at: Coordinates, canal: CanalFrame, person: Person, grid: Grid) -> None:
    """Paint the head where the grid reaches it."""
    if bool((at.s < person.head.pharynx_end).any()):
        radius = head_radius(at, person.head, grid)
        paint_head(tissues, at, canal, person.head, radius, grid)
        tissues.depth.copy_(open_scalp(tissues.depth, at, person.head, radius))


def _unite_sacrum(tissues: TissueMap) -> None:
    """Make everything below S1 one structure; the vestigial disc of S1-S2 belongs to it."""
    structure = ~tissues.is_soft()
    below = structure & (tissues.level == BELOW_S1)
    below |= (tissues.semantic == Semantic.DISC) & (tissues.level == S1)
    marrow = below & (tissues.tissue == Tissue.MARROW)
    tissues.semantic.masked_fill_(below, int(Semantic.SACRUM))
    tissues.level.masked_fill_(below, BELOW_S1)
    tissues.paint(marrow, Tissue.SACRAL_MARROW)
