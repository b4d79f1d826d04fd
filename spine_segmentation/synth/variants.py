"""Enumeration and transitional variants of the column: what they are, how frequent they are, how often we draw them.

Those of the lumbosacral junction, where most errors of numbering arise, are drawn more often than they occur, so that a
network sees enough of them; the true prevalence stands beside.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spine_segmentation.arrays import Floats
from spine_segmentation.synth.morphometry import C2


@dataclass(frozen=True)
class Variant:
    """A number of levels, or a form of the lumbosacral junction.

    Attributes:
        name: In radiologists' words.
        drawn: How often it is drawn, 0 to 1.
        prevalence: How often it occurs among adults, 0 to 1.
        source: Where that was found.
        thoracic: Number of thoracic vertebrae.
        lumbar: Number of lumbar vertebrae.
        lumbarised: Whether S1 is square and has a well-formed disc below.
        sacralised: Whether the last lumbar vertebra's transverse processes join the sacrum.
    """

    name: str
    drawn: float
    prevalence: float
    source: str
    thoracic: int = 12
    lumbar: int = 5
    lumbarised: bool = False
    sacralised: bool = False


_TINS = "Tins and Balain, Insights Imaging 2016, whole-spine MRI of 418 adults"
_YAN = "Yan et al., J Orthop Surg Res 2018, radiographs of 293 adults"
_NAKAJIMA = "Nakajima et al., Insights Imaging 2014, CT of 226 adults: ribs at the first lumbar level"

VARIANTS: tuple[Variant, ...] = (
    Variant("normal", 0.72, 0.80, "what the others leave"),
    Variant("eleven thoracic vertebrae", 0.04, 0.041, _YAN, thoracic=11),
    Variant("thirteen thoracic vertebrae", 0.04, 0.058, _NAKAJIMA, thoracic=13),
    Variant("six lumbar vertebrae", 0.05, 0.038, f"{_YAN}; 48 of 2116 people (0.023) in VID", lumbar=6),
    Variant("four lumbar vertebrae", 0.04, 0.033, f"{_TINS}: one mobile vertebra less", lumbar=4),
    Variant("lumbarised S1", 0.05, 0.010, f"{_TINS}; 0.058 in French et al., Global Spine J 2014", lumbarised=True),
    Variant("sacralised L5", 0.06, 0.019, f"{_TINS}; 0.041 in French et al., Global Spine J 2014", sacralised=True),
)
"""Every column is one of these."""

_ONE_SIDED = 0.5
"""Share of sacralised vertebrae that have grown into the sacrum on one side only."""


def draw_variant(rng: np.random.Generator) -> Variant:
    """Draw which variant a person has.

    Args:
        rng: Source of all chance.

    Returns:
        One of ``VARIANTS``.
    """
    return VARIANTS[int(rng.choice(len(VARIANTS), p=[variant.drawn for variant in VARIANTS]))]


def presacral_names(variant: Variant) -> list[str]:
    """Name the vertebrae from C2 to the lowest lumbar one.

    Args:
        variant: How many thoracic and lumbar vertebrae there are.

    Returns:
        Names, top to bottom.
    """
    counts = {"C": range(C2, 8), "T": range(1, variant.thoracic + 1), "L": range(1, variant.lumbar + 1)}
    return [f"{letter}{number}" for letter, numbers in counts.items() for number in numbers]


def draw_sacral_wing(rng: np.random.Generator, variant: Variant) -> Floats:
    """Draw how far the transverse processes of the last lumbar vertebra have grown into the ala.

    Args:
        rng: Source of all chance.
        variant: Says how far it is sacralised.

    Returns:
        Right and left, 0 to 1, shape (2,).
    """
    wing = rng.uniform(0.5, 1.0, 2) * variant.sacralised
    if rng.random() < _ONE_SIDED:
        wing[rng.integers(2)] = 0.0
    return wing
