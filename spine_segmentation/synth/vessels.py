"""Great vessels: aorta, venae cavae, iliac vessels, azygos, the vessels around the bodies' waists."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from spine_segmentation.synth.column import Column
from spine_segmentation.synth.landmarks import Landmarks
from spine_segmentation.synth.morphometry import L1, L5, S1, T1, T12
from spine_segmentation.synth.profiles import per_level
from spine_segmentation.synth.scene import Reach, Scene
from spine_segmentation.synth.solids import Ellipsoid, Solid, Tube, paint_all
from spine_segmentation.synth.tissues import Tissue


@dataclass(frozen=True)
class Vessels:
    """Vessels of one person.

    Attributes:
        great: Vessels along the column.
        waist: Arc lengths between which segmental vessels and fat surround the bodies, mm.
        waist_fat: Half height of that fat relative to the bodies'.
        waist_reach: How far it reaches beyond the endplates' rims, in squared radius.
        waist_radius: Radius of the segmental vessels, mm.
        blood: What they contain.
    """

    great: tuple[Solid, ...]
    waist: tuple[float, float]
    waist_fat: float
    waist_reach: float
    waist_radius: float
    blood: Tissue


def draw_vessels(rng: np.random.Generator, marks: Landmarks) -> Vessels:
    """Draw the vessels of trunk and pelvis.

    Args:
        rng: Source of all chance.
        marks: The levels.

    Returns:
        Vessels with flow void or, mostly the veins, with signal.
    """
    artery = Tissue.VESSEL if rng.random() < 0.85 else Tissue.BRIGHT_ORGAN
    vein = Tissue.VESSEL if rng.random() < 0.55 else Tissue.BRIGHT_ORGAN
    return Vessels(
        great=(*_veins(rng, marks, vein), *_arteries(rng, marks, artery)),
        waist=(marks.arc(T1 + 3), marks.arc(L5)),
        waist_fat=rng.uniform(0.1, 0.35),
        waist_reach=rng.uniform(0.05, 0.4),
        waist_radius=rng.uniform(0.8, 1.9),
        blood=artery,
    )


def _arteries(rng: np.random.Generator, marks: Landmarks, blood: Tissue) -> tuple[Solid, ...]:
    """Thoracic and abdominal aorta with its arch, superior mesenteric, common and external iliac arteries."""
    g, wide, gap, aside = marks.scale, rng.uniform(0.8, 1.25), rng.uniform(0, 5), rng.normal(0, 4)
    fork = L1 + 3 + rng.normal(0, 0.3)
    levels = (T1 + 3, T1 + 5, T1 + 8, T12, L1 + 1.5, fork)
    front = [-marks.half_depth(level) for level in levels]
    place = (-6 - 10 * g, -2 * g, -4 * g, -11 * g, -11 * g, -10 * g)
    radius = tuple(wide * g * r for r in (12, 11.5, 11, 10, 9, 8.5))
    aorta = Tube(
        blood,
        tuple(marks.arc(level) for level in levels),
        tuple(f + p - gap for f, p in zip(front, place, strict=True)),
        tuple(g * x + aside * (n > 2) for n, x in enumerate((17, 20, 17, 8, 6, 4))),
        radius,
        radius,
        rim=0.12,
        coat=Tissue.MUSCLE if rng.random() < 0.5 else Tissue.FAT,
    )
    arch = Ellipsoid(blood, (marks.arc(T1 + 2.6), -40 * g, 10 * g), (11 * g, 32 * g, 11 * g))
    ascending = _straight(marks, blood, (T1 + 2.8, T1 + 6), (-58 * g, -62 * g), (-8 * g, -14 * g), 13 * g)
    depth = marks.half_depth(L1 + 2)
    mesenteric = _straight(marks, blood, (L1 + 0.2, L1 + 3.5), (-depth - 24 * g, -depth - 42 * g), (4 * g, -6 * g), 3.5)
    iliac = _iliac(rng, marks, blood, fork, (5, 18, 30, 46, 50), 5.2 * wide)
    return aorta, arch, ascending, mesenteric, iliac


def _veins(rng: np.random.Generator, marks: Landmarks, blood: Tissue) -> tuple[Solid, ...]:
    """Inferior and superior vena cava, azygos veins, iliac veins, left renal vein."""
    g, wide = marks.scale, rng.uniform(0.7, 1.2)
    levels = (T1 + 8.5, T12, L1 + 1, L1 + 3, L5 - 0.2)
    cava = Tube(
        blood,
        tuple(marks.arc(level) for level in levels),
        tuple(-marks.half_depth(level) - p * g for level, p in zip(levels, (36, 24, 13, 9, 9), strict=True)),
        tuple(x * g for x in (-18, -20, -17, -14, -10)),
        tuple(r * g * wide for r in (12, 11, 9, 8.5, 7)),
        tuple(r * g for r in (13, 13, 12, 12, 13)),
    )
    superior = _straight(marks, blood, (T1 + 2, T1 + 6), (-46 * g, -50 * g), (-26 * g, -28 * g), 9 * g)
    azygos = _straight(marks, blood, (T1 + 3.5, L1), (-13 * g, -19 * g), (-7 * g, -5 * g), rng.uniform(1.5, 3.5))
    half_azygos = _straight(marks, blood, (T1 + 7, L1), (-13 * g, -17 * g), (10 * g, 9 * g), rng.uniform(1, 2.5))
    renal = Ellipsoid(blood, (marks.arc(L1 + 0.6), -26 * g, 20 * g), (4 * g, 4.5 * g, 30 * g))
    return cava, superior, azygos, half_azygos, renal, _iliac(rng, marks, blood, L5 - 0.1, (9, 20, 30, 44, 48), 6.5)


def _iliac(
    rng: np.random.Generator, marks: Landmarks, blood: Tissue, fork: float, x: tuple[float, ...], radius: float
) -> Tube:
    """From the fork obliquely across L5 and S1, then along the psoas."""
    g, s1 = marks.scale, marks.arc(S1)
    start = marks.arc(fork)
    s = (start, 0.5 * (start + s1), s1, s1 + 30 * g, s1 + 60 * g)
    front = -marks.half_depth(L5) - rng.uniform(6, 10) * g
    d = (front, front, front - 2 * g, -40 * g, -62 * g)
    radii = (radius * g,) * 5
    return Tube(blood, s, d, tuple(g * place for place in x), radii, radii, paired=True)


def _straight(
    marks: Landmarks,
    blood: Tissue,
    levels: tuple[float, float],
    d: tuple[float, float],
    x: tuple[float, float],
    radius: float,
) -> Tube:
    return Tube(blood, (marks.arc(levels[0]), marks.arc(levels[1])), d, x, (radius, radius), (radius, radius))


def paint_vessels(scene: Scene, shape: Vessels, column: Column) -> None:
    """Paint the vessels.

    Args:
        scene: Where to paint.
        shape: From :func:`draw_vessels`.
        column: The levels, around whose bodies the segmental vessels run.
    """
    _paint_waists(scene, shape, column)
    paint_all(scene, shape.great)


def _paint_waists(scene: Scene, shape: Vessels, column: Column) -> None:
    """Fat and a ring of vessels around the narrow middle of each body, under psoas and pleura."""
    patch = scene.patch(Reach(shape.waist, (-30.0, 12.0), (0.0, 38.0), paired=True))
    if patch is None:
        return
    level = patch.crop(scene.at.territory)
    sizes = np.stack([column.centre, column.height, column.half_depth, column.half_width])
    centre, height, depth, width = per_level(sizes, level)
    rise = (patch.crop(scene.at.axial) - centre).abs()
    shell = (patch.crop(scene.at.d) / depth) ** 2 + (patch.crop(scene.at.x) / width).square_()
    middle = (patch.s > shape.waist[0]) & (patch.s < shape.waist[1]) & (patch.d < 12)
    thick = torch.sqrt((1 - (rise / (height * shape.waist_fat)) ** 2).clamp_(min=0)) * middle
    patch.paint((shell > 1 - 0.5 * thick) & (shell < 1 + shape.waist_reach * thick), Tissue.FAT)
    dots = (rise < shape.waist_radius) & middle
    patch.paint((shell > 1.06) & (shell < 1.17 + 0.08 * shape.waist_radius) & dots, shape.blood)
