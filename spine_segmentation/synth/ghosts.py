"""Motion repeats what moves along the phase direction: pulsation, respiration, the whole patient."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from spine_segmentation.synth.coordinates import Coordinates
from spine_segmentation.synth.tissues import Tissue

Mover = Literal["pulsation", "respiration", "patient"]
"""CSF and vessels, the abdominal and thoracic wall, or everything."""

_ABDOMEN_MM = 55.0
"""Respiration moves what lies further than this in front of the column."""

_ORDERS = 3
"""Ghosts on either side."""


@dataclass(frozen=True)
class Ghosts:
    """Repetitions of what moves.

    Attributes:
        mover: What moves.
        strength: Of the first ghosts, relative to what moves.
        decay: Strength of each further ghost relative to the one before; negative for alternating ones.
        spacing: Distance between ghosts, mm.
        axis: The phase axis, -2 for rows, -1 for columns.
    """

    mover: Mover
    strength: float
    decay: float
    spacing: float
    axis: int


def draw_ghosts(rng: np.random.Generator, axis: int) -> Ghosts | None:
    """Draw the ghosts of an examination; two of three have none to speak of.

    Args:
        rng: Source of all chance.
        axis: The phase axis, -2 or -1.

    Returns:
        What moves, how strong the ghosts are and how far apart; None for no ghosts.
    """
    if rng.random() > 0.32:
        return None
    movers: tuple[Mover, ...] = ("pulsation", "respiration", "patient")
    mover = movers[int(rng.choice(3, p=(0.45, 0.25, 0.3)))]
    strength = rng.uniform(0.02, 0.10 if mover == "patient" else 0.25)
    return Ghosts(mover, strength, rng.choice([-1, 1]) * rng.uniform(0.3, 0.8), rng.uniform(8, 70), axis)


def add_ghosts(image: Tensor, tissue: Tensor, at: Coordinates, ghosts: Ghosts, pixel_size: float) -> Tensor:
    """Repeat what moves.

    Args:
        image: Shape (N, H, W), float32.
        tissue: :class:`~spine_segmentation.synth.tissues.Tissue` of the slices, (N, H, W), uint8.
        at: Coordinates of the grid.
        ghosts: What moves, and how.
        pixel_size: mm.

    Returns:
        The same shape.
    """
    moving, shift = _moving(image, tissue, at, ghosts.mover), max(1, round(ghosts.spacing / pixel_size))
    strength, seen = ghosts.strength, image
    for order in range(1, _ORDERS + 1):
        both = torch.roll(moving, order * shift, ghosts.axis) + torch.roll(moving, -order * shift, ghosts.axis)
        seen, strength = seen + strength * both, strength * ghosts.decay
    return seen


def _moving(image: Tensor, tissue: Tensor, at: Coordinates, mover: Mover) -> Tensor:
    """Signal of what moves, (N, H, W); flowing blood is bright in its ghosts though it be dark in its place."""
    if mover == "patient":
        return image
    if mover == "respiration":
        return image * (at.d < -_ABDOMEN_MM)
    blood = (tissue == Tissue.VESSEL) | (tissue == Tissue.HEART)
    return torch.where(tissue == Tissue.CSF, image, blood * (1.5 * image.mean()))
