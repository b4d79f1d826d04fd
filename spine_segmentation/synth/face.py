"""Face in front of the cervical spine: jaw, teeth, tongue, palate, nose, salivary glands, chewing muscles."""

from __future__ import annotations

import numpy as np

from spine_segmentation.synth.solids import Ellipsoid, Solid, Tube
from spine_segmentation.synth.tissues import Tissue


def draw_face(rng: np.random.Generator, scale: float) -> tuple[Solid, ...]:
    """Draw the face of a person.

    Args:
        rng: Source of all chance.
        scale: Size of the person relative to the mean adult.

    Returns:
        Solids in the order of painting; arc length 0 is the base of the dens.
    """
    g, down = scale, rng.normal(0, 4)
    return (*_nose(rng, g, down), *_mouth(rng, g, down), *_sides(rng, g, down), *_jaw(rng, g, down))


def _nose(rng: np.random.Generator, g: float, down: float) -> tuple[Solid, ...]:
    """Nasal cavity with turbinates, maxillary sinus, hard palate."""
    sinus = Tissue.GAS if rng.random() < 0.8 else Tissue.FLUID
    return (
        Ellipsoid(Tissue.SKULL, (down - 52 * g, -55 * g, 0.0), (30 * g, 36 * g, 34 * g)),
        Ellipsoid(
            Tissue.GAS, (down - 48 * g, -48 * g, 0.0), (20 * g, 34 * g, 14 * g), rim=0.08, coat=Tissue.SOFT_ORGAN
        ),
        Ellipsoid(sinus, (down - 52 * g, -55 * g, 26 * g), (17 * g, 16 * g, 11 * g), paired=True),
        Ellipsoid(Tissue.SOFT_ORGAN, (down - 46 * g, -50 * g, 7 * g), (6 * g, 20 * g, 4 * g), paired=True),
        Ellipsoid(Tissue.SKULL, (down - 28 * g, -58 * g, 0.0), (3.5 * g, 26 * g, 24 * g), rim=0.3, coat=Tissue.CORTEX),
    )


def _mouth(rng: np.random.Generator, g: float, down: float) -> tuple[Solid, ...]:
    """Tongue with its floor, soft palate, epiglottis."""
    tongue, size = rng.uniform(-3, 3), g * rng.uniform(0.9, 1.1)
    return (
        Ellipsoid(Tissue.MUSCLE, (down - 3 * g, -46 * g + tongue, 0.0), (21 * size, 26 * size, 24 * g), rim=0.08),
        Ellipsoid(Tissue.FAT, (down + 2 * g, -46 * g + tongue, 0.0), (14 * size, 18 * size, 1.8 * g)),
        Ellipsoid(Tissue.MUSCLE, (down + 19 * g, -52 * g, 7 * g), (4 * g, 22 * g, 6 * g), paired=True),
        Ellipsoid(Tissue.MUSCLE, (down - 22 * g, -27 * g, 0.0), (12 * g, 4.5 * g, 14 * g), lean=(0.6, 0.0)),
        Ellipsoid(Tissue.CARTILAGE, (down + 16 * g, -25 * g, 0.0), (13 * g, 2.0 * g, 9 * g), lean=(0.3, 0.0)),
    )


def _sides(rng: np.random.Generator, g: float, down: float) -> tuple[Solid, ...]:
    """Pterygoid and masseter muscles, parotid and submandibular glands."""
    gland = Tissue.BRIGHT_ORGAN if rng.random() < 0.6 else Tissue.SOFT_ORGAN
    return (
        Ellipsoid(
            Tissue.MUSCLE, (down - 18 * g, -28 * g, 30 * g), (24 * g, 11 * g, 8 * g), lean=(0.2, 0.3), paired=True
        ),
        Ellipsoid(Tissue.MUSCLE, (down - 14 * g, -36 * g, 56 * g), (26 * g, 15 * g, 6 * g), paired=True),
        Ellipsoid(gland, (down - 10 * g, -12 * g, 46 * g), (26 * g, 13 * g, 12 * g), paired=True, rim=0.1),
        Ellipsoid(gland, (down + 18 * g, -34 * g, 30 * g), (12 * g, 13 * g, 9 * g), paired=True, rim=0.12),
    )


def _jaw(rng: np.random.Generator, g: float, down: float) -> tuple[Solid, ...]:
    """Ramus, body and chin of the mandible, upper and lower teeth."""
    ramus = Tube(
        Tissue.PELVIC_MARROW, tuple(down + s * g for s in (-40, -15, 8)), (-18 * g, -24 * g, -36 * g),
        (47 * g, 47 * g, 43 * g), (5 * g, 13 * g, 12 * g), (4 * g, 4 * g, 5 * g), paired=True, rim=0.25,
        coat=Tissue.CORTEX,
    )  # fmt: skip
    body = Ellipsoid(
        Tissue.PELVIC_MARROW, (down + 10 * g, -56 * g, 32 * g), (11 * g, 26 * g, 7 * g), paired=True, rim=0.2,
        coat=Tissue.CORTEX,
    )  # fmt: skip
    chin = Ellipsoid(
        Tissue.PELVIC_MARROW, (down + 10 * g, -80 * g, 0.0), (13 * g, 6 * g, 22 * g), rim=0.2, coat=Tissue.CORTEX
    )
    teeth = tuple(
        Ellipsoid(Tissue.CORTEX, (down - 11 * g, d * g, x * g), (12 * g, deep * g, wide * g), paired=x > 0)
        for d, x, deep, wide in ((-80, 0, 4, 18), (-62, 24, 12, 6))
    )
    return (ramus, body, chin, *(teeth if rng.random() < 0.85 else ()))
