"""Neck and trunk around the spine, from the organs in front to the muscles of the back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spine_segmentation.synth.abdomen import Abdomen, draw_abdomen, paint_abdomen
from spine_segmentation.synth.blobs import Blobs, draw_blobs, paint_blobs
from spine_segmentation.synth.canal import CanalFrame
from spine_segmentation.synth.column import Column
from spine_segmentation.synth.coordinates import Coordinates
from spine_segmentation.synth.grid import Grid
from spine_segmentation.synth.landmarks import Landmarks
from spine_segmentation.synth.muscles import Muscles, draw_muscles, paint_back, paint_flank, paint_streaks
from spine_segmentation.synth.neck import Neck, draw_neck, paint_neck
from spine_segmentation.synth.pelvis import Pelvis, draw_pelvis, paint_pelvis
from spine_segmentation.synth.ribs import RibCage, draw_ribs, paint_ribs
from spine_segmentation.synth.scene import Scene
from spine_segmentation.synth.thorax import Thorax, draw_thorax, paint_thorax
from spine_segmentation.synth.tissues import Tissue, TissueMap
from spine_segmentation.synth.vessels import Vessels, draw_vessels, paint_vessels

BLOB_SHARE = 0.12
"""How many persons have random organs in place of anatomical ones, so that a network does not rely on these."""


@dataclass(frozen=True)
class Surroundings:
    """What lies around the spine of one person.

    Attributes:
        muscles: Of back and flank.
        neck: With the face, in front of and beside the cervical spine.
        thorax: Chest within its wall.
        ribs: Its wall.
        abdomen: Down to the pelvic inlet.
        vessels: Great and segmental vessels.
        pelvis: Bones and organs around the sacrum.
        blobs: Random organs in place of all in front of the column, None in most persons.
        seed: Seed of the irregular outlines.
    """

    muscles: Muscles
    neck: Neck
    thorax: Thorax
    ribs: RibCage
    abdomen: Abdomen
    vessels: Vessels
    pelvis: Pelvis
    blobs: Blobs | None
    seed: int


def draw_surroundings(rng: np.random.Generator, column: Column) -> Surroundings:
    """Draw what lies around the spine.

    Args:
        rng: Source of all chance.
        column: The levels, by which everything else is placed.

    Returns:
        The surroundings of one person.
    """
    marks, streams = Landmarks(column), iter(rng.spawn(8))
    return Surroundings(
        muscles=draw_muscles(next(streams), marks),
        neck=draw_neck(next(streams), marks),
        thorax=draw_thorax(next(streams), marks),
        ribs=draw_ribs(next(streams), column),
        abdomen=draw_abdomen(next(streams), marks),
        vessels=draw_vessels(next(streams), marks),
        pelvis=draw_pelvis(next(streams), marks),
        blobs=draw_blobs(next(streams)) if rng.random() < BLOB_SHARE else None,
        seed=int(rng.integers(2**31)),
    )


def paint_surroundings(
    tissues: TissueMap, at: Coordinates, canal: CanalFrame, shape: Surroundings, column: Column, grid: Grid
) -> None:
    """Paint everything but the spine.

    Args:
        tissues: Where to paint; all of it is overwritten.
        at: Coordinates of the grid.
        canal: Walls of the canal.
        shape: From :func:`draw_surroundings`.
        column: The levels.
        grid: The sagittal slices.
    """
    scene = Scene(tissues, at, canal, shape.seed, grid)
    tissues.tissue.fill_(int(Tissue.FAT))
    paint_back(scene, shape.muscles)
    if shape.blobs is None:
        paint_neck(scene, shape.neck)
        paint_abdomen(scene, shape.abdomen)
        paint_thorax(scene, shape.thorax, shape.ribs)
    else:
        paint_blobs(scene, shape.blobs)
    paint_flank(scene, shape.muscles)
    paint_ribs(scene, shape.ribs)
    paint_vessels(scene, shape.vessels, column)
    paint_pelvis(scene, shape.pelvis)
    paint_streaks(scene, shape.muscles)
