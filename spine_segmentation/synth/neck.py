"""Neck in front of and beside the spine: muscles, vessels, airway, gullet, thyroid, larynx."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spine_segmentation.synth.face import draw_face
from spine_segmentation.synth.fields import Fields
from spine_segmentation.synth.landmarks import Landmarks
from spine_segmentation.synth.morphometry import C2, C5, C7, T1
from spine_segmentation.synth.scene import Reach, Scene
from spine_segmentation.synth.solids import Ellipsoid, Solid, Tube, paint_all
from spine_segmentation.synth.tissues import Tissue


@dataclass(frozen=True)
class Neck:
    """Neck and face of one person.

    Attributes:
        bottom: Arc length at which the chest begins, mm.
        filling: Threshold on a field above which muscle and not fat fills the gaps.
        solids: In the order of painting.
        seed: Seed of that field.
    """

    bottom: float
    filling: float
    solids: tuple[Solid, ...]
    seed: int


def draw_neck(rng: np.random.Generator, marks: Landmarks) -> Neck:
    """Draw the neck and face of a person.

    Args:
        rng: Source of all chance.
        marks: The levels.

    Returns:
        What lies in front of and beside the cervical spine.
    """
    return Neck(
        bottom=marks.arc(T1) + 10,
        filling=rng.uniform(-1.2, 0.5),
        solids=(
            *draw_face(rng, marks.scale),
            *_muscles(rng, marks),
            *_vessels(rng, marks),
            *_viscera(rng, marks),
        ),
        seed=int(rng.integers(2**31)),
    )


def paint_neck(scene: Scene, shape: Neck) -> None:
    """Paint neck and face.

    Args:
        scene: Where to paint.
        shape: From :func:`draw_neck`.
    """
    patch = scene.patch(Reach((-70.0, shape.bottom + 60), (-130.0, -5.0), (-1e4, 1e4)))
    if patch is not None:
        mixture = 0.5 * patch.crop(scene.streaks) + patch.crop(Fields(shape.seed, scene.grid).common(1, (18, 9))[0])
        filled = (mixture > shape.filling) & (patch.s + 0.4 * patch.d < shape.bottom) & (patch.s > -70) & (patch.d < -5)
        patch.paint(filled, Tissue.MUSCLE)
        paint_all(scene, shape.solids)


def _muscles(rng: np.random.Generator, marks: Landmarks) -> tuple[Solid, ...]:
    """Longus colli and capitis, scalenes, levator scapulae, sternocleidomastoid."""
    g, bulk = marks.scale, marks.scale * rng.uniform(0.8, 1.2)
    nodes = (C2 - 0.9, C2, C5, C7, T1 + 1)
    fat = rng.uniform(0.05, 0.3)
    rows = (  # d, x, half depth, half width at the nodes
        ((-14, -11, -11, -11, -14), (5, 6, 8, 9, 8), (3, 3.5, 4, 3.5, 2), (5, 6, 7, 6, 4)),
        ((0, 0, -4, -8, -10), (24, 24, 26, 28, 32), (4, 7, 10, 11, 4), (5, 6, 8, 9, 6)),
        ((8, 10, 16, 22, 30), (30, 34, 36, 40, 48), (5, 7, 8, 8, 7), (5, 6, 7, 8, 9)),
        ((4, -8, -22, -36, -54), (52, 48, 40, 30, 18), (12, 13, 11, 9, 6), (7, 8, 8, 8, 8)),
    )
    return tuple(
        _tube(marks, Tissue.MUSCLE, nodes, _scale(row, (g, g, bulk, bulk)), rim=fat) for row in rows
    )  # fmt: skip


def _vessels(rng: np.random.Generator, marks: Landmarks) -> tuple[Solid, ...]:
    """Carotid arteries and jugular veins, vertebral arteries."""
    g, nodes = marks.scale, (C2 - 0.9, C5 - 1, C7, T1 + 2.4)
    artery = Tissue.VESSEL if rng.random() < 0.85 else Tissue.BRIGHT_ORGAN
    vein = Tissue.VESSEL if rng.random() < 0.5 else Tissue.BRIGHT_ORGAN
    wide, small = g * rng.uniform(0.6, 1.3), g * rng.uniform(0.8, 1.3)
    carotid = ((-16, -20, -24, -40), (26, 24, 20, 12), (3, 3.8, 3.5, 4), (3, 3.8, 3.5, 4))
    jugular = ((-10, -17, -22, -46), (31, 30, 28, 18), (5, 6, 6, 6), (5, 6, 7, 8))
    vertebral = ((2, 0, -4, -18), (17, 15, 16, 20), (1.9,) * 4, (2.1,) * 4)
    return (
        _tube(marks, vein, nodes, _scale(jugular, (g, g, wide, wide))),
        _tube(marks, artery, nodes, _scale(carotid, (g, g, small, small))),
        _tube(marks, artery, (C2, C5 - 1, C7 - 1, T1 + 0.5), _scale(vertebral, (g, g, small, small))),
    )


def _viscera(rng: np.random.Generator, marks: Landmarks) -> tuple[Solid, ...]:
    """Gullet, thyroid, larynx with its cartilages, trachea."""
    g, u, aside = marks.scale, rng.uniform, rng.normal(0, 2)
    gap, wide = u(3, 9) * g, g * u(0.8, 1.2)
    front = -marks.half_depth(C5) - gap
    low = -marks.half_depth(T1 + 3) - gap
    gullet_s = (marks.arc(C5 + 0.6), marks.arc(T1), marks.arc(T1 + 4), marks.arc(T1 + 9))
    gullet = Tube(
        Tissue.MUSCLE, gullet_s, (front, low, low, low - 8 * g), (aside, 4.0, 2.0, 8 * g),
        (3.5 * wide,) * 4, (7 * wide,) * 4, rim=0.25,
    )  # fmt: skip
    trachea = Tube(
        Tissue.GAS,
        (marks.arc(C5 + 0.8), marks.arc(T1), marks.arc(T1 + 3.6)),
        (front - 13 * g, low - 11 * g, low - 9 * g),
        (aside, aside, 0.0),
        (7.5 * wide,) * 3,
        (8.5 * wide,) * 3,
        rim=0.22,
        coat=Tissue.CARTILAGE,
    )
    lobe = (marks.arc(C7 - 0.2), front - 13 * g, 16 * g)
    thyroid = Ellipsoid(Tissue.BRIGHT_ORGAN, lobe, (22 * g, 9 * g, 8 * wide), lean=(-0.1, -0.05), paired=True)
    strap = Ellipsoid(Tissue.MUSCLE, (marks.arc(C7), front - 28 * g, 8 * g), (60 * g, 4 * g, 9 * g), paired=True)
    larynx = (marks.arc(C5 + 0.3), front - 16 * g, aside)
    cartilage = Ellipsoid(
        Tissue.CARTILAGE, larynx, (22 * g, 13 * g, 16 * g), lean=(-0.1, 0), rim=0.12, coat=Tissue.MUSCLE
    )
    airway = Ellipsoid(Tissue.GAS, larynx, (26 * g, 7 * g, 6 * g), lean=(-0.1, 0), rim=0.25, coat=Tissue.MUSCLE)
    hyoid = Ellipsoid(
        Tissue.PELVIC_MARROW, (marks.arc(C5 - 1.8), front - 32 * g, 0.0), (3.5 * g, 4 * g, 14 * g),
        rim=0.35, coat=Tissue.CORTEX,
    )  # fmt: skip
    return strap, thyroid, gullet, trachea, cartilage, airway, hyoid


def _tube(
    marks: Landmarks,
    tissue: Tissue,
    levels: tuple[float, ...],
    rows: tuple[tuple[float, ...], ...],
    rim: float = 0.0,
) -> Tube:
    s = tuple(marks.arc(level) if level >= C2 else marks.arc(C2) - 40 * marks.scale * (C2 - level) for level in levels)
    return Tube(tissue, s, rows[0], rows[1], rows[2], rows[3], paired=True, rim=rim)


def _scale(rows: tuple[tuple[float, ...], ...], factors: tuple[float, ...]) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(value * factor for value in row) for row, factor in zip(rows, factors, strict=True))
