"""Abdomen: liver, spleen, stomach, pancreas, diaphragm's crura, bowel loops in mesenteric fat."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spine_segmentation.synth.fields import Fields
from spine_segmentation.synth.kidneys import draw_kidneys
from spine_segmentation.synth.landmarks import Landmarks
from spine_segmentation.synth.morphometry import L1, T1, T12
from spine_segmentation.synth.scene import Reach, Scene
from spine_segmentation.synth.solids import Ellipsoid, Solid, Tube, paint_all
from spine_segmentation.synth.tissues import Tissue

_FAR = 1e4


@dataclass(frozen=True)
class Abdomen:
    """Abdomen of one person.

    Attributes:
        top: Arc length above which no bowel loops lie, mm.
        retroperitoneum: Distance in front of the bodies at which they begin, mm.
        fullness: Threshold on a field above which bowel lies; lower is more.
        gas: Threshold on a field above which it holds gas.
        vessels: Threshold on the streaks above which the liver shows vessels.
        upper: Organs under the diaphragm.
        hind: Organs at the back wall.
        seed: Seed of the bowel.
    """

    top: float
    retroperitoneum: float
    fullness: float
    gas: float
    vessels: float
    upper: tuple[Solid, ...]
    hind: tuple[Solid, ...]
    seed: int


def draw_abdomen(rng: np.random.Generator, marks: Landmarks) -> Abdomen:
    """Draw the abdomen of a person.

    Args:
        rng: Source of all chance.
        marks: The levels.

    Returns:
        An abdomen with much or little fat.
    """
    u = rng.uniform
    return Abdomen(
        top=marks.arc(L1) - 10,
        retroperitoneum=marks.scale * u(6, 24),
        fullness=u(-1.6, 0.5),
        gas=u(0.3, 1.5),
        vessels=u(1.3, 2.2),
        upper=_draw_upper(rng, marks),
        hind=(*_draw_hind(rng, marks), *draw_kidneys(rng, marks)),
        seed=int(rng.integers(2**31)),
    )


def _draw_upper(rng: np.random.Generator, marks: Landmarks) -> tuple[Solid, ...]:
    g, u = marks.scale, rng.uniform
    content = (Tissue.FLUID, Tissue.GAS, Tissue.BOWEL, Tissue.BOWEL)[int(rng.integers(4))]
    s, size = marks.arc(T1 + 10.6), g * u(0.85, 1.15)
    stomach = (marks.arc(T12) + u(-10, 15), -(62 + u(0, 20)) * g, 42 * g)
    return (
        Ellipsoid(Tissue.SPLEEN, (s, u(-5, 12) * g, 88 * g), (52 * size, 26 * size, 25 * size), rim=0.06),
        Ellipsoid(content, stomach, (38 * size, 26 * size, 36 * size), lean=(0.1, -0.4), rim=0.14, coat=Tissue.MUSCLE),
        Ellipsoid(Tissue.LIVER, (s + 8, -32 * g, -82 * g), (80 * size, 64 * size, 66 * size), lean=(-0.1, 0.1)),
        Ellipsoid(
            Tissue.LIVER, (s + 4, -(74 + u(0, 12)) * g, -10 * g), (58 * size, 36 * size, 58 * size), lean=(-0.35, 0.0)
        ),
        Ellipsoid(Tissue.LIVER, (s + 12, -46 * g, -18 * g), (32 * size, 14 * size, 17 * size)),
    )


def _draw_hind(rng: np.random.Generator, marks: Landmarks) -> tuple[Solid, ...]:
    """Pancreas, duodenum, ascending and descending colon, crura."""
    g, u = marks.scale, rng.uniform
    front = -marks.half_depth(L1 + 1)
    colon = Tissue.GAS if rng.random() < 0.5 else Tissue.BOWEL
    loops = tuple(marks.arc(level) for level in (L1 + 1, L1 + 2, L1 + 3, L1 + 4))
    crus = tuple(marks.arc(level) for level in (T1 + 9.5, T12, L1, L1 + u(1.2, 2.6)))
    thick = g * u(0.7, 1.4)
    return (
        Ellipsoid(
            Tissue.SOFT_ORGAN, (marks.arc(L1 + 0.4), front - 38 * g, 10 * g), (13 * g, 9 * g, 55 * g), lean=(0, -0.3)
        ),
        _loop(Tissue.BOWEL, (marks.arc(L1 + 2), front - 26 * g, 0.0), (10 * g, 9 * g, 36 * g)),
        _loop(Tissue.FLUID, (marks.arc(L1 + 1), front - 18 * g, -34 * g), (32 * g, 10 * g, 11 * g)),
        Tube(
            colon, loops, (-12 * g, -18 * g, -22 * g, -30 * g), (78 * g, 80 * g, 80 * g, 78 * g),
            (18 * g,) * 4, (20 * g,) * 4, paired=True, rim=0.1, coat=Tissue.MUSCLE,
        ),
        Tube(
            Tissue.MUSCLE, crus, tuple(front + p * g for p in (-8, -4, -3, -2)), (11 * g, 10 * g, 9 * g, 8 * g),
            (3 * thick, 3.5 * thick, 3 * thick, 1.0), (6 * g, 7 * g, 6 * g, 3 * g), paired=True, rim=0.25,
        ),
    )  # fmt: skip


def _loop(content: Tissue, centre: tuple[float, float, float], half: tuple[float, float, float]) -> Ellipsoid:
    """A piece of bowel with its wall."""
    return Ellipsoid(content, centre, half, rim=0.25, coat=Tissue.MUSCLE)


def paint_abdomen(scene: Scene, shape: Abdomen) -> None:
    """Paint the abdomen.

    Args:
        scene: Where to paint.
        shape: From :func:`draw_abdomen`.
    """
    _paint_bowel(scene, shape)
    paint_all(scene, shape.upper)
    _paint_liver_vessels(scene, shape)
    paint_all(scene, shape.hind)


def _paint_bowel(scene: Scene, shape: Abdomen) -> None:
    """Loops with wall and content in mesenteric fat with vessels."""
    patch = scene.patch(Reach((shape.top, _FAR), (-_FAR, -shape.retroperitoneum - 8), (-95.0, 95.0)))
    if patch is None:
        return
    loops, content = Fields(shape.seed, scene.grid).between_slices(2, (20, 20, 16))
    loops, content, streaks = (patch.crop(field) for field in (loops, content, scene.streaks))
    cavity = (-patch.d - patch.crop(scene.canal.front) > shape.retroperitoneum) & (patch.s > shape.top)
    patch.paint(cavity & (streaks > 1.5), Tissue.VESSEL)
    patch.paint(cavity & (loops > shape.fullness), Tissue.MUSCLE)
    lumen = cavity & (loops > shape.fullness + 0.25)
    patch.paint(lumen, Tissue.BOWEL)
    patch.paint(lumen & (content > shape.gas), Tissue.GAS)
    patch.paint(lumen & (content < -shape.gas), Tissue.FLUID)


def _paint_liver_vessels(scene: Scene, shape: Abdomen) -> None:
    patch = scene.patch(Reach((shape.top - 140, shape.top + 90), (-130.0, 50.0), (-130.0, 60.0)))
    if patch is not None:
        liver = patch.tissue == Tissue.LIVER
        patch.paint(liver & (patch.crop(scene.streaks) > shape.vessels), Tissue.VESSEL)
