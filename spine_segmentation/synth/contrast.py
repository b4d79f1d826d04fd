"""What an examination's tissues look like: sequence families, and the variation between persons and levels."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from spine_segmentation.arrays import Floats
from spine_segmentation.synth.column import NAMES, Column
from spine_segmentation.synth.morphometry import LEVEL_SIZES, is_lumbar, is_presacral
from spine_segmentation.synth.signals import RED_MARROW, SIGNALS, Signal
from spine_segmentation.synth.tissues import Tissue

LEVEL_CODES = 29
"""VerSe numbers run from 0 (none) to 28."""


class Weighting(StrEnum):
    """Sequence families."""

    T1W = "T1w"
    T2W = "T2w"
    STIR = "STIR"
    GRE = "GRE"
    PD = "PD"
    WATER = "water"
    FAT = "fat"
    SPACE = "SPACE"
    T2W_FS = "T2w-FS"
    RANDOM = "random"


FAMILY_SHARES: dict[Weighting, float] = {
    Weighting.T2W: 0.30,
    Weighting.T1W: 0.20,
    Weighting.STIR: 0.12,
    Weighting.WATER: 0.07,
    Weighting.SPACE: 0.06,
    Weighting.T2W_FS: 0.04,
    Weighting.GRE: 0.04,
    Weighting.FAT: 0.03,
    Weighting.PD: 0.03,
    Weighting.RANDOM: 0.11,
}
"""How often training images are of each family, about as often as in clinical use; Dixon images (water, fat) and
SPACE are shown more often than met, so that they are learned. ``RANDOM`` has no physical meaning and widens the
domain."""

_COLUMNS = {Weighting.T2W: 0, Weighting.T1W: 1, Weighting.STIR: 2, Weighting.GRE: 3, Weighting.PD: 4}
_TABLE: Floats = np.array([SIGNALS[tissue] for tissue in Tissue])
_FAT: Floats = _TABLE[:, Signal._fields.index("fat")]
_TEXTURE: Floats = _TABLE[:, Signal._fields.index("texture")]

_ORGANS = [
    Tissue.DARK_ORGAN, Tissue.BRIGHT_ORGAN, Tissue.SOFT_ORGAN, Tissue.BOWEL, Tissue.VESSEL, Tissue.LIVER,
    Tissue.SPLEEN, Tissue.HEART, Tissue.UTERUS, Tissue.FLUID, Tissue.KIDNEY_CORTEX, Tissue.KIDNEY_MEDULLA,
]  # fmt: skip
_FLOWING = [Tissue.VESSEL, Tissue.HEART]
_FATS = [Tissue.FAT, Tissue.EPIDURAL_FAT]
_MARROWS = [Tissue.MARROW, Tissue.POSTERIOR_MARROW, Tissue.SACRAL_MARROW, Tissue.PELVIC_MARROW, Tissue.SKULL]
_LESIONS = [Tissue.EDEMA, Tissue.FATTY_MARROW, Tissue.SCLEROSIS, Tissue.HAEMANGIOMA, Tissue.METASTASIS]

_GRADIENT_ECHO_SHARE = 0.7
"""How often T1w and PD Dixon images are gradient echoes (VIBE, quantitative fat imaging): inflowing blood is bright."""


@dataclass(frozen=True)
class Contrast:
    """The signals of one examination.

    Attributes:
        signal: By tissue, shape (43,).
        fat: Share of that signal which chemical shift displaces, by tissue, shape (43,).
        texture: Relative standard deviations of fine and coarse texture, by tissue, shape (2, 43).
        body: Factor by VerSe number of the body, shape (29,).
        nucleus: Signal of the nucleus by VerSe number of the disc, shape (29,).
        cleft: Factor on the nucleus at mid-height.
        cortex: Thickness of the bones' dark outline, mm.
        endplate: Thickness of the bodies' dark upper and lower edges, mm.
        ligament: Thickness of the dark line just outside the outline of bodies and discs, mm.
        ligament_everywhere: Whether outside all bone, not only bodies and discs.
        flow_void: Strength of dark streaks of flowing CSF; 0 for none.
        seed: Seed of texture and flow.
    """

    signal: Floats
    fat: Floats
    texture: Floats
    body: Floats
    nucleus: Floats
    cleft: float
    cortex: float
    endplate: float
    ligament: float
    ligament_everywhere: bool
    flow_void: float
    seed: int


def draw_weighting(rng: np.random.Generator) -> Weighting:
    """Draw a sequence family as often as ``FAMILY_SHARES`` says.

    Args:
        rng: Source of all chance.

    Returns:
        The sequence family of one scan.
    """
    return list(FAMILY_SHARES)[int(rng.choice(len(FAMILY_SHARES), p=list(FAMILY_SHARES.values())))]


def draw_contrast(rng: np.random.Generator, weighting: Weighting, column: Column) -> Contrast:
    """Draw the signals of an examination.

    Args:
        rng: Source of all chance.
        weighting: Sequence family.
        column: The person's levels; narrow discs have dark nuclei.

    Returns:
        Signals with the variation seen between scanners, persons and levels.
    """
    u = rng.uniform
    signal = _random_signal(rng) if weighting is Weighting.RANDOM else _family_signal(rng, weighting)
    fine, coarse = u(0.02, 0.18), u(0.02, 0.16)
    shifts = weighting not in (Weighting.STIR, Weighting.T2W_FS, Weighting.WATER, Weighting.FAT)
    return Contrast(
        signal=signal,
        fat=_FAT if shifts else np.zeros_like(_FAT),
        texture=np.outer((fine, coarse), _TEXTURE),
        body=np.exp(rng.normal(0, 0.07, LEVEL_CODES)),
        nucleus=_nucleus_signal(rng, signal, column),
        cleft=u(0.4, 0.95) if rng.random() < 0.5 else 1.0,
        cortex=u(0.1, 0.9),
        endplate=u(0.2, 1.3),
        ligament=u(0.0, 1.1),
        ligament_everywhere=bool(rng.random() < 0.5),
        flow_void=_sometimes(rng, 0.4) * u(0.2, 0.9),
        seed=int(rng.integers(2**31)),
    )


def _sometimes(rng: np.random.Generator, chance: float) -> float:
    """1 with this chance, else 0."""
    return float(rng.random() < chance)


def _family_signal(rng: np.random.Generator, weighting: Weighting) -> Floats:
    """Signals by tissue; those that belong together vary together."""
    tissues, fat = _TABLE[:, : len(_COLUMNS)].copy(), np.repeat(_FAT[:, None], len(_COLUMNS), 1)
    tissues[_MARROWS], fat[_MARROWS] = _draw_marrow(rng)
    strength = rng.uniform(0.45, 1.1, (len(_LESIONS), 1))
    tissues[_LESIONS] = tissues[Tissue.MARROW] + strength * (tissues[_LESIONS] - tissues[Tissue.MARROW])
    signal = np.maximum(_weigh(rng, tissues, fat, weighting), 0.0)
    spread = np.exp(rng.normal(0, 0.18, len(signal)))
    spread[_MARROWS + _LESIONS] = np.exp(rng.normal(0, 0.2)) * np.exp(rng.normal(0, 0.06, 10))
    spread[_ORGANS] = np.exp(rng.normal(0, 0.5, len(_ORGANS)))
    spread[[Tissue.SUBCUTANEOUS_FAT, *_FATS]] = spread[Tissue.FAT] * np.exp(rng.normal(0, 0.08, 3))
    return signal * spread


def _draw_marrow(rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Signals of the marrows in the basic sequences, and the shares of them that come from fat, (5, 5) each.

    They are mixtures of red marrow and fat. The share of fat grows with age; anaemia and marrow disease take it away,
    and then marrow is darker than muscle or discs in T1w.
    """
    kind = rng.random()
    share = rng.uniform(0.0, 0.2) if kind < 0.1 else rng.uniform(0.7, 0.95) if kind > 0.9 else rng.uniform(0.25, 0.7)
    shares = np.clip(share + np.array([0.0, 0.06, 0.04, 0.12, 0.06]) * rng.uniform(-0.5, 2, 5), 0, 1)[:, None]
    red, yellow = np.array(RED_MARROW[: len(_COLUMNS)]), _TABLE[Tissue.FAT, : len(_COLUMNS)]
    marrow: Floats = (1 - shares) * red + shares * yellow
    fat: Floats = shares * yellow / marrow
    marrow[:, _COLUMNS[Weighting.GRE]] *= 0.6  # trabeculae dephase
    return marrow, fat


def _weigh(rng: np.random.Generator, tissues: Floats, fat: Floats, weighting: Weighting) -> Floats:
    """Signals of a family, (43,), from those of the basic sequences and the shares of them that come from fat."""
    if weighting in _COLUMNS:
        return tissues[:, _COLUMNS[weighting]]
    if weighting in (Weighting.SPACE, Weighting.T2W_FS):
        t2w = _COLUMNS[Weighting.T2W]
        suppressed = 0.35 if weighting is Weighting.SPACE else rng.uniform(0.8, 1.0)
        return tissues[:, t2w] * (1 - suppressed * fat[:, t2w])
    return _dixon(rng, tissues, fat, weighting)


def _dixon(rng: np.random.Generator, tissues: Floats, fat: Floats, weighting: Weighting) -> Floats:
    """Signals of the water or the fat image, (43,); marrow rich in fat is dark in the one and bright in the other."""
    basic = (Weighting.T1W, Weighting.PD, Weighting.T2W)[int(rng.choice(3, p=(0.5, 0.25, 0.25)))]
    signal, share = tissues[:, _COLUMNS[basic]].copy(), fat[:, _COLUMNS[basic]]
    if basic is not Weighting.T2W and rng.random() < _GRADIENT_ECHO_SHARE:
        signal[_FLOWING] = tissues[_FLOWING, _COLUMNS[Weighting.GRE]]
    return signal * (share + 0.03 if weighting is Weighting.FAT else 1 - rng.uniform(0.93, 1.0) * share)


def _random_signal(rng: np.random.Generator) -> Floats:
    signal = rng.random(len(Tissue))
    signal[[Tissue.AIR, Tissue.GAS, Tissue.VACUUM, Tissue.METAL]] *= 0.05
    signal[Tissue.CORTEX] *= rng.choice([0.15, 1.0])
    signal[Tissue.LIGAMENT] *= 0.5
    signal[_MARROWS] = signal[Tissue.MARROW] * np.append(1.0, rng.normal(1, 0.12, len(_MARROWS) - 1))
    return signal


def _nucleus_signal(rng: np.random.Generator, signal: Floats, column: Column) -> Floats:
    """Degenerated nuclei are nearly as dark as the annulus: those of narrowed discs, and the lowest first."""
    usual = np.array([LEVEL_SIZES[NAMES[int(n)]].disc if NAMES[int(n)] in LEVEL_SIZES else 8.0 for n in column.levels])
    narrowing = np.clip(1 - column.disc_height / (column.scale * usual), 0, 1) * is_presacral(column.levels)
    wear = column.degeneration * rng.uniform(0.2, 0.9) * np.where(is_lumbar(column.levels), 1.0, 0.6)
    loss = np.clip(wear * rng.random(len(column)) + 1.2 * narrowing + rng.normal(0.1, 0.12, len(column)), 0, 0.95)
    annulus, nucleus = float(signal[Tissue.ANNULUS]), float(signal[Tissue.NUCLEUS])
    by_level = np.full(LEVEL_CODES, nucleus)
    by_level[column.levels] = annulus + (nucleus - annulus) * (1 - loss)
    return by_level
