"""Muscles of back and flank: their sheets, the fat between them and the fat that age brings into them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from torch import Tensor

from spine_segmentation.synth.landmarks import Landmarks
from spine_segmentation.synth.morphometry import C2, C5, L1, L5, S1, T1, T12
from spine_segmentation.synth.overwrite import overwrite
from spine_segmentation.synth.scene import Patch, Reach, Scene, tabulate
from spine_segmentation.synth.solids import Solid, Tube, paint_all
from spine_segmentation.synth.tissues import Tissue

_FAR = 1e4


@dataclass(frozen=True)
class Muscles:
    """Muscles of one person.

    Attributes:
        nodes: Arc lengths at which the sheets are described, mm.
        pitch: Distance of the fat planes between the sheets of the back there, mm.
        septum: Distance from the midline of the septum beside the multifidus there, mm.
        infiltration: Threshold on the streaks above which the back is fat there; lower is fatter.
        thickness: Of the fat planes, mm.
        slope: How much nearer the fat planes come to the front per mm to the side.
        lumbar: Arc length at which the septum begins, mm.
        flank: Psoas and quadratus lumborum.
    """

    nodes: tuple[float, ...]
    pitch: tuple[float, ...]
    septum: tuple[float, ...]
    infiltration: tuple[float, ...]
    thickness: float
    slope: float
    lumbar: float
    flank: tuple[Solid, ...]


def draw_muscles(rng: np.random.Generator, marks: Landmarks) -> Muscles:
    """Draw the muscles of a person.

    Args:
        rng: Source of all chance.
        marks: The levels.

    Returns:
        Lean to fatty muscles.
    """
    g, u, levels = marks.scale, rng.uniform, (C2, C5, T1, T1 + 5, T12, L5, S1)
    nodes = (-60.0, *(marks.arc(level) for level in levels), marks.arc(S1) + 120)
    bulk, lean = g * u(0.8, 1.15), u(0.9, 2.6)
    return Muscles(
        nodes=nodes,
        pitch=_scaled((8, 9, 8, 8.5, 10, 12, 13, 8, 6), bulk),
        septum=_scaled((18, 18, 16, 14, 15, 18, 28, 31, 28), g * u(0.8, 1.15)),
        infiltration=tuple(lean + fall * u(0.5, 1.3) for fall in (0.2, 0.3, 0.2, 0.5, 0.4, 0.2, -0.6, -0.9, -0.9)),
        thickness=u(0.7, 2.4),
        slope=u(0.0, 0.25),
        lumbar=marks.arc(T12),
        flank=(_psoas(rng, marks), _quadratus(rng, marks)),
    )


def _psoas(rng: np.random.Generator, marks: Landmarks) -> Tube:
    """From the bodies' sides at T12 forwards and outwards to the pelvic brim."""
    bulk, g = rng.uniform(0.75, 1.2), marks.scale
    levels = (T12 + 0.4, L1 + 0.5, L1 + 1.5, L1 + 2.5, L1 + 3.5, L5 + 0.7)
    s1 = marks.arc(S1)
    s = (*(marks.arc(level) for level in levels), s1 + 25 * g, s1 + 60 * g)
    beside = _scaled((4, 6, 8, 11, 14, 19), g)
    x = (*(marks.half_width(level) + b for level, b in zip(levels, beside, strict=True)), 56 * g, 62 * g)
    return Tube(
        tissue=Tissue.MUSCLE,
        s=s,
        d=_scaled((5, 4, 2, 0, -5, -17, -48, -74), g),
        x=x,
        half_depth=_scaled((6, 11, 16, 20, 23, 23, 18, 12), g * bulk),
        half_width=_scaled((4, 8, 11, 14, 17, 18, 17, 12), g * bulk**0.5),
        paired=True,
        rim=rng.uniform(0.05, 0.15),
    )


def _quadratus(rng: np.random.Generator, marks: Landmarks) -> Tube:
    """From the twelfth rib to the iliac crest, in front of the transverse processes' tips."""
    g, levels = marks.scale, (T12 + 0.3, L1 + 1, L1 + 2, L1 + 3, L1 + 3.8)
    return Tube(
        tissue=Tissue.MUSCLE,
        s=tuple(marks.arc(level) for level in levels),
        d=_scaled((26, 20, 17, 16, 14), g),
        x=_scaled((38, 43, 48, 54, 60), g),
        half_depth=_scaled((5, 7, 9, 9, 6), g * rng.uniform(0.7, 1.2)),
        half_width=_scaled((12, 16, 19, 19, 14), g),
        paired=True,
        rim=rng.uniform(0.08, 0.2),
    )


def _scaled(values: tuple[float, ...], factor: float) -> tuple[float, ...]:
    return tuple(value * factor for value in values)


def paint_back(scene: Scene, shape: Muscles) -> None:
    """Paint the sheets of muscle behind the laminae, with fat between them.

    Args:
        scene: Where to paint.
        shape: From :func:`draw_muscles`.
    """
    patch = scene.patch(Reach((-_FAR, _FAR), (4.0, 90.0), (-_FAR, _FAR)))
    if patch is not None:
        _paint_sheets(scene, patch, shape)
        _paint_beside(scene, shape)


def paint_flank(scene: Scene, shape: Muscles) -> None:
    """Paint psoas and quadratus lumborum.

    Args:
        scene: Where to paint.
        shape: From :func:`draw_muscles`.
    """
    paint_all(scene, shape.flank)


def _paint_sheets(scene: Scene, patch: Patch, shape: Muscles) -> None:
    """Muscle behind the canal, with planes of fat along the skin."""
    behind = patch.crop(scene.canal.behind)
    patch.paint(behind > -9, Tissue.MUSCLE)
    pitch = tabulate(patch.s.clamp(shape.nodes[0], shape.nodes[-1]), shape.nodes, (shape.pitch,))[0]
    streaks = patch.crop(scene.streaks)
    sheet = (shape.slope * patch.aside).add_(behind).add_(streaks, alpha=2.5).div_(pitch)
    plane = (sheet - sheet.round()).abs_().mul_(pitch) < (streaks + 1.1).mul_(0.45 * shape.thickness)
    patch.paint(plane & (sheet > 0.5) & (behind > 2), Tissue.FAT)


def _paint_beside(scene: Scene, shape: Muscles) -> None:
    """Muscle between the transverse processes, and the septum beside the multifidus."""
    patch = scene.patch(Reach((-_FAR, _FAR), (4.0, 60.0), (24.0, _FAR), paired=True))
    if patch is not None:
        behind = patch.crop(scene.canal.behind)
        patch.paint((behind > -14) & (behind < 0) & (patch.aside > 24), Tissue.MUSCLE)
    patch = scene.patch(Reach((shape.lumbar, _FAR), (10.0, 75.0), (8.0, 60.0), paired=True))
    if patch is not None:
        behind = patch.crop(scene.canal.behind)
        place = tabulate(patch.s.clamp(max=shape.nodes[-1]), shape.nodes, (shape.septum,))[0] + 0.25 * behind
        below = (behind > -4) & (behind < 35) & (patch.s > shape.lumbar)
        patch.paint(((patch.aside - place).abs_() < shape.thickness * 0.7) & below, Tissue.FAT)


def paint_streaks(scene: Scene, shape: Muscles) -> None:
    """Turn some muscle into fat: more of it below and near the laminae.

    Args:
        scene: Where to paint.
        shape: From :func:`draw_muscles`.
    """
    threshold = _threshold(scene, shape)
    fat = (scene.streaks > threshold) & (scene.tissues.tissue == Tissue.MUSCLE)
    overwrite(scene.tissues.tissue, fat, Tissue.FAT)


def _threshold(scene: Scene, shape: Muscles) -> Tensor:
    base = tabulate(scene.s.clamp(shape.nodes[0], shape.nodes[-1]), shape.nodes, (shape.infiltration,))[0]
    behind = scene.canal.behind
    in_front = (behind < -6) * 0.9
    return base + (behind - 6).clamp(0, 30) * 0.025 + in_front
