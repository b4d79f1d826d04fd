"""Kidneys: cortex, pyramids and sinus in their fat, beside the psoas."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from spine_segmentation.synth.landmarks import Landmarks
from spine_segmentation.synth.morphometry import L1
from spine_segmentation.synth.scene import Reach, Scene
from spine_segmentation.synth.solids import Ellipsoid, Solid
from spine_segmentation.synth.tissues import Tissue


@dataclass(frozen=True)
class Kidney:
    """One kidney.

    Attributes:
        side: 1 for the left one, -1 for the right one.
        centre: Arc length, distance behind the bodies' centre line and from the midline, mm.
        half: Half its extents in these directions, mm.
        lean: Displacement forwards and outwards per mm downwards, along the psoas.
        fat: Thickness of the fat around it, relative.
        lobes: Number of pyramids around it.
        sinus: Relative size of the sinus.
    """

    side: int
    centre: tuple[float, float, float]
    half: tuple[float, float, float]
    lean: tuple[float, float]
    fat: float
    lobes: int
    sinus: float

    def _reach(self) -> Reach:
        s, d, x = ((1 + self.fat) * half for half in self.half)
        d, x, place = d + self.lean[0] * s, x + self.lean[1] * s, self.side * self.centre[2]
        return Reach(
            (self.centre[0] - s, self.centre[0] + s),
            (self.centre[1] - d, self.centre[1] + d),
            (place - x, place + x),
        )

    def paint(self, scene: Scene) -> None:
        """Paint it where the grid reaches it.

        Args:
            scene: Where to paint.
        """
        patch = scene.patch(self._reach())
        if patch is None:
            return
        down = (patch.s - self.centre[0]) / self.half[0]
        across = (patch.d - self.centre[1] + self.lean[0] * self.half[0] * down) / self.half[1]
        aside = (self.side * patch.x - self.centre[2] - self.lean[1] * self.half[0] * down) / self.half[2]
        plane = down.square() + across.square()
        radius = plane + aside.square()
        pyramid = torch.cos(self.lobes * torch.atan2(across, down)) > -0.2
        patch.paint(radius < (1 + self.fat) ** 2, Tissue.FAT)
        patch.paint(radius < 1, Tissue.KIDNEY_CORTEX)
        patch.paint((radius < 0.72) & pyramid, Tissue.KIDNEY_MEDULLA)
        hollow = plane * 2.2 + ((aside + 0.45) / 0.75) ** 2
        patch.paint(hollow < self.sinus, Tissue.FAT)
        patch.paint(hollow < 0.2 * self.sinus, Tissue.FLUID)


def draw_kidneys(rng: np.random.Generator, marks: Landmarks) -> tuple[Solid, ...]:
    """Draw the kidneys of a person, with cysts in some, and the adrenals above.

    Args:
        rng: Source of all chance.
        marks: The levels.

    Returns:
        Solids in the order of painting.
    """
    return tuple(solid for side in (-1, 1) for solid in _draw_one(rng, marks, side))


def _draw_one(rng: np.random.Generator, marks: Landmarks, side: int) -> tuple[Solid, ...]:
    g, u = marks.scale, rng.uniform
    s = marks.arc(L1 + 0.6) + (8 if side < 0 else 0) * g + rng.normal(0, 9)
    centre = (s, u(-4, 10) * g, u(50, 60) * g)
    half = (u(46, 58) * g, u(21, 27) * g, u(22, 28) * g)
    kidney = Kidney(side, centre, half, (0.18, 0.2), u(0.15, 0.6), int(rng.integers(6, 9)), u(0.5, 1.1))
    adrenal = Ellipsoid(
        Tissue.SOFT_ORGAN, (s - half[0], -10 * g, side * 28 * g), (11 * g, 9 * g, 3 * g), lean=(0.3, 0.0)
    )
    radius = u(5, 22) * (rng.random() < 0.25)
    if radius == 0:
        return adrenal, kidney
    place = (s + u(-0.8, 0.8) * half[0], centre[1] + u(-15, 15), side * (centre[2] - u(0, 20)))
    return adrenal, kidney, Ellipsoid(Tissue.FLUID, place, (radius, radius, radius))
