"""Chest: lungs above the diaphragm, heart, breastbone, collarbones and shoulder blades."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from torch import Tensor

from spine_segmentation.synth.landmarks import Landmarks
from spine_segmentation.synth.morphometry import L1, T1, T12
from spine_segmentation.synth.ribs import RibCage, chest_wall
from spine_segmentation.synth.scene import Patch, Reach, Scene, tabulate
from spine_segmentation.synth.solids import Ellipsoid, Solid, Tube, paint_all
from spine_segmentation.synth.tissues import Tissue

_FAR = 1e4
_FRONT = (-60.0, -25.0, 0.0, 15.0, 35.0, 60.0, 90.0, 140.0)
"""Distances in front of the bodies at which mediastinum and diaphragm are described, mm."""

_DOME = (L1 - 0.1, L1 - 0.4, T12 - 0.3, T12 - 1.0, T12 - 1.9, T12 - 2.6, T12 - 2.7, T12 - 1.8)
"""Levels of the diaphragm there."""


@dataclass(frozen=True)
class Thorax:
    """Chest of one person.

    Attributes:
        top: Arc length of the lungs' apex, mm.
        bottom: Arc length of their lowest point, mm.
        mediastinum: Half width of the mediastinum at the distances ``_FRONT``, mm.
        dome: Arc length of the diaphragm at the distances ``_FRONT``, mm.
        left_drop: How much lower the left diaphragm is, mm.
        vessels: Threshold on the streaks above which the lung shows vessels.
        mediastinal: Heart and airways.
        bones: Breastbone, collarbones and shoulder blades.
    """

    top: float
    bottom: float
    mediastinum: tuple[float, ...]
    dome: tuple[float, ...]
    left_drop: float
    vessels: float
    mediastinal: tuple[Solid, ...]
    bones: tuple[Solid, ...]


def draw_thorax(rng: np.random.Generator, marks: Landmarks) -> Thorax:
    """Draw the chest of a person.

    Args:
        rng: Source of all chance.
        marks: The levels.

    Returns:
        A chest in some state of breath.
    """
    g, u, breath = marks.scale, rng.uniform, rng.uniform(-12, 12)
    dome = tuple(marks.arc(level) + breath for level in _DOME)
    width = (17, 17, 16, 14, 19, 27, 14, 8)
    return Thorax(
        top=marks.arc(T1) + u(-8, 10),
        bottom=dome[0] + 12,
        mediastinum=tuple(w * g * u(0.85, 1.15) for w in width),
        dome=dome,
        left_drop=u(0, 14),
        vessels=u(1.3, 2.4),
        mediastinal=_draw_heart(rng, marks),
        bones=_draw_bones(rng, marks),
    )


def _draw_heart(rng: np.random.Generator, marks: Landmarks) -> tuple[Solid, ...]:
    """Bronchi, pulmonary artery, heart with its chambers."""
    g, u, size = marks.scale, rng.uniform, marks.scale * rng.uniform(0.85, 1.2)
    blood = Tissue.VESSEL if rng.random() < 0.8 else Tissue.BRIGHT_ORGAN
    s, fork = marks.arc(T1 + 6.8), marks.arc(T1 + 3.6)
    depth = -marks.half_depth(T1 + 6)
    bronchi = Tube(
        Tissue.GAS, (fork, fork + 35 * g), (depth - 14 * g, depth - 16 * g), (3 * g, 32 * g), (6 * g, 4 * g),
        (7 * g, 6 * g), paired=True, rim=0.25, coat=Tissue.CARTILAGE,
    )  # fmt: skip
    centre = depth - 58 * size
    half = (54 * size, 44 * size, 54 * size)
    heart = Ellipsoid(Tissue.HEART, (s, centre, 14 * g), half, lean=(-0.25, 0.15), rim=u(0.02, 0.1))
    atrium = Ellipsoid(blood, (s - 12 * g, depth - 36 * size, 4 * g), (22 * size, 17 * size, 30 * size))
    left = Ellipsoid(blood, (s + 14 * g, centre, 30 * g), (26 * size, 18 * size, 17 * size), lean=(-0.4, 0.2))
    right = Ellipsoid(blood, (s + 4 * g, centre - 18 * g, -2 * g), (34 * size, 15 * size, 28 * size), lean=(-0.3, 0.2))
    pulmonary = Ellipsoid(blood, (fork + 12 * g, depth - 26 * g, 0.0), (9 * g, 9 * g, 38 * g))
    return heart, atrium, left, right, pulmonary, bronchi


def _draw_bones(rng: np.random.Generator, marks: Landmarks) -> tuple[Solid, ...]:
    """Breastbone, collarbones and shoulder blades, cortex around marrow."""
    g, forward = marks.scale, rng.uniform(0, 20)
    s = tuple(marks.arc(T1 + k) for k in (2.0, 4.0, 4.4, 9.0))
    sternum = Tube(
        Tissue.PELVIC_MARROW, s, tuple(-d * g - forward for d in (60, 86, 90, 118)), (0.0,) * 4,
        (5.5 * g, 5 * g, 4.5 * g, 4 * g), (26 * g, 18 * g, 17 * g, 15 * g), rim=0.3, coat=Tissue.CORTEX,
    )  # fmt: skip
    clavicle = Ellipsoid(
        Tissue.PELVIC_MARROW, (marks.arc(T1 + 1.8), -58 * g - forward, 52 * g), (6 * g, 7 * g, 40 * g), paired=True,
        rim=0.25, coat=Tissue.CORTEX,
    )  # fmt: skip
    scapula = Ellipsoid(
        Tissue.PELVIC_MARROW, (marks.arc(T1 + 3.5), 44 * g, 84 * g), (58 * g, 5 * g, 30 * g), lean=(0.05, -0.2),
        paired=True, rim=0.3, coat=Tissue.CORTEX,
    )  # fmt: skip
    return sternum, clavicle, scapula


def paint_thorax(scene: Scene, shape: Thorax, cage: RibCage) -> None:
    """Paint the chest within its wall.

    Args:
        scene: Where to paint.
        shape: From :func:`draw_thorax`.
        cage: The ribs, in front of which the lungs lie.
    """
    patch = scene.patch(Reach((shape.top, shape.bottom), (-_FAR, 45.0), (min(shape.mediastinum), _FAR), paired=True))
    if patch is not None:
        _paint_lungs(scene, patch, shape, cage)
    paint_all(scene, shape.mediastinal)
    paint_all(scene, shape.bones)


def _paint_lungs(scene: Scene, patch: Patch, shape: Thorax, cage: RibCage) -> None:
    front = (-patch.d - patch.crop(scene.canal.front)).clamp(_FRONT[0], _FRONT[-1])
    width, dome = tabulate(front, _FRONT, (shape.mediastinum, shape.dome))
    height = dome + shape.left_drop * (patch.x > 0) - patch.s
    beside = (patch.aside > width) & (height < 1e3)
    wall = chest_wall(patch, cage)
    cavity = beside & (patch.d < wall - 5) & _below_apex(patch, shape)
    patch.paint(cavity & (height > -3), Tissue.MUSCLE)
    lung = cavity & (height > 0)
    patch.paint(lung, Tissue.LUNG)
    patch.paint(lung & (patch.crop(scene.streaks) > shape.vessels), Tissue.SOFT_ORGAN)


def _below_apex(patch: Patch, shape: Thorax) -> Tensor:
    """The apex is a dome as well."""
    return patch.s - 0.008 * (patch.d + 25) ** 2 > shape.top + 0.012 * (patch.aside - 45) ** 2
