"""One synthetic person: the shapes of all parts, drawn from a seed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spine_segmentation.synth.atlas import AtlasShape, draw_atlas
from spine_segmentation.synth.bodies import BodyShapes, draw_bodies
from spine_segmentation.synth.canal import CanalShape, draw_canal
from spine_segmentation.synth.column import Column, draw_column
from spine_segmentation.synth.curve import Curve, draw_curve
from spine_segmentation.synth.discs import DiscShapes, draw_discs
from spine_segmentation.synth.head import HeadShape, draw_head
from spine_segmentation.synth.pathology import Pathology, draw_pathology
from spine_segmentation.synth.posterior import PosteriorShapes, draw_posterior
from spine_segmentation.synth.skin import SkinShape, draw_skin
from spine_segmentation.synth.surroundings import Surroundings, draw_surroundings


@dataclass(frozen=True)
class Person:
    """The continuous anatomy of one person, in mm; any grid can sample it.

    Attributes:
        column: Levels, bodies' and discs' sizes.
        curve: Their course.
        bodies: Shapes of the bodies.
        discs: Shapes of the discs.
        posterior: Shapes of the posterior elements.
        canal: Shape of the canal.
        atlas: C1 and the dens.
        head: Skull, brain, pharynx.
        surroundings: Organs, muscles, vessels.
        skin: Surfaces of the body.
        pathology: What changes the tissues of bodies and discs.
        jitter: Strength of the irregular deformation, relative.
        jitter_seed: Seed of that deformation.
    """

    column: Column
    curve: Curve
    bodies: BodyShapes
    discs: DiscShapes
    posterior: PosteriorShapes
    canal: CanalShape
    atlas: AtlasShape
    head: HeadShape
    surroundings: Surroundings
    skin: SkinShape
    pathology: Pathology
    jitter: float
    jitter_seed: int


def draw_person(rng: np.random.Generator) -> Person:
    """Draw a person.

    Args:
        rng: Source of all chance; every part has a stream of its own, so that a part that comes to draw more leaves
            the others as they were.

    Returns:
        The person's anatomy.
    """
    streams = iter(rng.spawn(12))
    jitter = next(streams)
    column = draw_column(next(streams))
    bodies = draw_bodies(next(streams), column)
    return Person(
        column=column,
        bodies=bodies,
        curve=draw_curve(next(streams), column),
        discs=draw_discs(next(streams), column, bodies),
        posterior=draw_posterior(next(streams), column),
        canal=draw_canal(next(streams), column, bodies),
        atlas=draw_atlas(next(streams), column.scale),
        head=draw_head(next(streams), column),
        surroundings=draw_surroundings(next(streams), column),
        skin=draw_skin(next(streams), column),
        pathology=draw_pathology(next(streams), column),
        jitter=jitter.uniform(0.2, 1.0),
        jitter_seed=int(jitter.integers(2**31)),
    )
