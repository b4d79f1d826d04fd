"""Pelvis: ilium with its joint to the sacrum, buttock, rectum, bladder, womb or prostate, pubis, hips."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from spine_segmentation.synth.landmarks import Landmarks
from spine_segmentation.synth.morphometry import S1
from spine_segmentation.synth.scene import Patch, Reach, Scene
from spine_segmentation.synth.solids import Ellipsoid, Solid, Tube, paint_all
from spine_segmentation.synth.tissues import Tissue

_FAR = 1e4


@dataclass(frozen=True)
class Organ:
    """An ellipsoid in the upright pelvis.

    Attributes:
        tissue: What it is made of.
        centre: Below and behind the centre of S1 and from the midline, mm.
        half: Half its extents in these directions, mm.
        wall: Relative thickness of its wall.
        coat: What the wall is made of.
    """

    tissue: Tissue
    centre: tuple[float, float, float]
    half: tuple[float, float, float]
    wall: float
    coat: Tissue


@dataclass(frozen=True)
class Pelvis:
    """Pelvis of one person.

    Attributes:
        sacrum: Arc length of the centre of S1, mm.
        scale: Size of the person relative to the mean adult.
        wing: Distance of the ilium from the midline at the joint, mm.
        flare: How much the wing leans outwards, relative.
        joint: Width of the joint to the sacrum, mm.
        organs: From the front backwards.
        hind: Rectum and piriformis, along the sacrum.
    """

    sacrum: float
    scale: float
    wing: float
    flare: float
    joint: float
    organs: tuple[Organ, ...]
    hind: tuple[Solid, ...]


def draw_pelvis(rng: np.random.Generator, marks: Landmarks) -> Pelvis:
    """Draw the pelvis of a person.

    Args:
        rng: Source of all chance.
        marks: The levels.

    Returns:
        A woman's or a man's pelvis.
    """
    u = rng.uniform
    return Pelvis(
        sacrum=marks.arc(S1),
        scale=marks.scale,
        wing=u(59, 63) * marks.scale,
        flare=u(0.8, 1.2),
        joint=u(2, 4),
        organs=_draw_organs(rng, marks.scale),
        hind=_draw_hind(rng, marks),
    )


def _draw_organs(rng: np.random.Generator, g: float) -> tuple[Organ, ...]:
    u, fill = rng.uniform, rng.uniform(0.6, 1.5)
    womb = Organ(
        Tissue.UTERUS, (u(48, 66) * g, -u(28, 45) * g, u(-8, 8)), (u(18, 26), u(24, 36), u(22, 30)), 0.05, Tissue.FAT
    )
    prostate = Organ(Tissue.SOFT_ORGAN, (118 * g, -52 * g, 0.0), (17.0, 17.0, 22.0), 0.15, Tissue.MUSCLE)
    bladder = Organ(Tissue.FLUID, (88 * g, -65 * g, 0.0), (22 * fill, 26 * fill, 34 * fill), 0.14, Tissue.MUSCLE)
    pubis = Organ(Tissue.PELVIC_MARROW, (120 * g, -88 * g, 0.0), (20 * g, 10 * g, 32 * g), 0.16, Tissue.CORTEX)
    symphysis = Organ(Tissue.CARTILAGE, (120 * g, -88 * g, 0.0), (20 * g, 10 * g, 2.5 * g), 0.0, Tissue.FAT)
    femur = Organ(Tissue.PELVIC_MARROW, (104 * g, -27 * g, 88 * g), (23 * g, 23 * g, 23 * g), 0.08, Tissue.CORTEX)
    return bladder, womb if rng.random() < 0.5 else prostate, pubis, symphysis, femur


def _draw_hind(rng: np.random.Generator, marks: Landmarks) -> tuple[Solid, ...]:
    g, u, s1 = marks.scale, rng.uniform, marks.arc(S1)
    content = (Tissue.GAS, Tissue.BOWEL, Tissue.BOWEL)[int(rng.integers(3))]
    wide, gap = g * u(0.6, 1.5), u(4, 14) * g
    rectum = Tube(
        content,
        (s1 + 30 * g, s1 + 55 * g, s1 + 85 * g, s1 + 115 * g),
        tuple(-gap - (d + 9 * wide) * g for d in (16, 11, 9, 8)),
        (u(-10, 10), 3.0, 0.0, 0.0),
        (8 * wide, 11 * wide, 12 * wide, 8 * wide),
        (11 * wide, 14 * wide, 15 * wide, 11 * wide),
        rim=0.3,
        coat=Tissue.MUSCLE,
    )
    piriformis = Ellipsoid(
        Tissue.MUSCLE, (s1 + 55 * g, -14 * g, 40 * g), (16 * g, 8 * g, 26 * g), lean=(-0.2, 0.8), paired=True, rim=0.1
    )
    return rectum, piriformis


def paint_pelvis(scene: Scene, shape: Pelvis) -> None:
    """Paint the pelvis.

    Args:
        scene: Where to paint.
        shape: From :func:`draw_pelvis`.
    """
    patch = scene.patch(Reach((shape.sacrum - 90, _FAR), (-_FAR, _FAR), (-_FAR, _FAR)))
    upright = None if patch is None else scene.upright(shape.sacrum)
    if patch is None or upright is None:
        return
    below, behind = (patch.crop(coordinate) for coordinate in upright)
    buttock = (behind > 8 + 0.35 * (below - 60).abs()) & (below > 20)
    patch.paint(buttock & (patch.aside > 12), Tissue.MUSCLE)
    paint_all(scene, shape.hind)
    for organ in shape.organs:
        _paint_organ(patch, below, behind, organ)
    if float(patch.aside.amax()) > shape.wing - 30 * shape.scale:
        _paint_ilium(patch, below / shape.scale, behind / shape.scale, shape)


def _paint_organ(patch: Patch, below: Tensor, behind: Tensor, organ: Organ) -> None:
    plane = ((below - organ.centre[0]) / organ.half[0]) ** 2 + ((behind - organ.centre[1]) / organ.half[1]) ** 2
    if float(plane.amin()) > (1 + organ.wall) ** 2:
        return
    aside = patch.aside if organ.centre[2] > 30 else patch.x
    radius = plane + ((aside - organ.centre[2]) / organ.half[2]) ** 2
    patch.paint(radius < (1 + organ.wall) ** 2, organ.coat)
    patch.paint(radius < 1, organ.tissue)


def _paint_ilium(patch: Patch, below: Tensor, behind: Tensor, shape: Pelvis) -> None:
    """Paint the wing, iliacus before and the gluteal muscles outside it; coordinates relative to the scale."""
    g = shape.scale
    ahead = (-behind - 5).clamp(min=0)
    middle = shape.wing + g * shape.flare * (0.75 * ahead - 0.5 * behind.clamp(min=0) + 0.8 * (-below - 5).clamp(min=0))
    crest = -48 + 60 * ((behind + 10) / 60) ** 2
    rim = torch.minimum(32 + 0.95 * (50 - behind), 25 + 2.2 * (behind + 78))
    depth = torch.minimum(torch.minimum(below - crest, rim - below), 50 - behind).clamp(max=8)
    half = g * (4.0 + 5.5 * ((behind + 20) / 25).clamp(0, 1)) * torch.sqrt((depth * 0.125).clamp(min=0))
    across = patch.aside - middle
    wall = (depth > -20) & (below > -30)
    patch.paint((across < half + 35 * g) & (across > 0) & wall, Tissue.MUSCLE)
    patch.paint((across > -half - 16 * g) & (across < 0) & wall & (behind < -12), Tissue.MUSCLE)
    auricular = (behind > -18) & (behind < 32) & (below > -12) & (below < 55)
    patch.paint((across.abs() < half + shape.joint) & auricular, Tissue.CARTILAGE)
    patch.paint(across.abs() < half, Tissue.CORTEX)
    patch.paint((across.abs() < half - 1.4) & (depth > 1.5), Tissue.PELVIC_MARROW)
