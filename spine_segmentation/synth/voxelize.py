"""From a person to the tissue map of a grid: the parts painted one over the other."""

from __future__ import annotations

from spine_segmentation.synth.atlas import paint_atlas, paint_dens
from spine_segmentation.synth.bodies import body_frame, paint_bodies
from spine_segmentation.synth.canal import CanalFrame, canal_frame, paint_canal
from spine_segmentation.synth.coordinates import Coordinates, locate
from spine_segmentation.synth.discs import paint_discs
from spine_segmentation.synth.grid import Grid
from spine_segmentation.synth.head import head_radius, open_scalp, paint_head
from spine_segmentation.synth.morphometry import BELOW_S1, S1
from spine_segmentation.synth.person import Person
from spine_segmentation.synth.posterior import paint_posterior
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
    paint_canal(tissues, at, canal, person.canal, person.column, grid)
    paint_posterior(tissues, at, canal, person.posterior, person.column, grid)
    paint_atlas(tissues, at, canal, person.atlas)
    frame = body_frame(tissues, at, person.bodies)
    paint_discs(tissues, at, frame, person.discs, person.column)
    paint_bodies(tissues, at, frame, person.bodies, person.column)
    paint_dens(tissues, at, person.atlas)
    _unite_sacrum(tissues)
    paint_skin(tissues, at, person.skin)
    return tissues, at


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
