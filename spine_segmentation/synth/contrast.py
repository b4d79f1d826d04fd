"""How bright each tissue is: sequence families, and the variation from person to person and level to level."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from spine_segmentation.synth.morphometry import Floats
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
    RANDOM = "random"


FAMILY_SHARES: dict[Weighting, float] = {
    Weighting.T2W: 0.40,
    Weighting.T1W: 0.22,
    Weighting.STIR: 0.14,
    Weighting.GRE: 0.05,
    Weighting.PD: 0.04,
    Weighting.RANDOM: 0.15,
}
"""How often training images are of each family; ``RANDOM`` has no physical meaning and widens the domain."""

_FAMILIES = (Weighting.T2W, Weighting.T1W, Weighting.STIR, Weighting.GRE, Weighting.PD)
SIGNALS: dict[Tissue, tuple[float, float, float, float, float]] = {
    Tissue.AIR: (0.01, 0.01, 0.01, 0.01, 0.01),
    Tissue.MUSCLE: (0.14, 0.30, 0.16, 0.35, 0.35),
    Tissue.SUBCUTANEOUS_FAT: (0.72, 0.95, 0.10, 0.45, 0.85),
    Tissue.FAT: (0.70, 0.90, 0.10, 0.40, 0.80),
    Tissue.MARROW: (0.42, 0.52, 0.14, 0.18, 0.50),
    Tissue.CORTEX: (0.04, 0.05, 0.03, 0.03, 0.04),
    Tissue.NUCLEUS: (0.50, 0.30, 0.42, 0.65, 0.60),
    Tissue.ANNULUS: (0.12, 0.26, 0.10, 0.45, 0.35),
    Tissue.CSF: (1.00, 0.14, 1.00, 0.85, 0.75),
    Tissue.CORD: (0.45, 0.36, 0.40, 0.60, 0.55),
    Tissue.EPIDURAL_FAT: (0.65, 0.85, 0.12, 0.40, 0.75),
    Tissue.VESSEL: (0.06, 0.10, 0.10, 0.70, 0.10),
    Tissue.DARK_ORGAN: (0.30, 0.38, 0.35, 0.40, 0.45),
    Tissue.BRIGHT_ORGAN: (0.45, 0.32, 0.45, 0.45, 0.50),
    Tissue.SOFT_ORGAN: (0.60, 0.35, 0.60, 0.60, 0.60),
    Tissue.BOWEL: (0.35, 0.30, 0.40, 0.35, 0.40),
    Tissue.POSTERIOR_MARROW: (0.42, 0.52, 0.13, 0.15, 0.50),
    Tissue.SACRAL_MARROW: (0.42, 0.54, 0.14, 0.18, 0.50),
    Tissue.LIGAMENT: (0.14, 0.25, 0.12, 0.25, 0.25),
    Tissue.BRAIN: (0.50, 0.40, 0.50, 0.60, 0.60),
    Tissue.SKULL: (0.45, 0.55, 0.15, 0.20, 0.50),
    Tissue.NERVE: (0.50, 0.33, 0.45, 0.55, 0.60),
    Tissue.LUNG: (0.05, 0.05, 0.05, 0.04, 0.05),
    Tissue.SKIN: (0.30, 0.40, 0.20, 0.30, 0.40),
    Tissue.BASIVERTEBRAL_VEIN: (0.60, 0.40, 0.55, 0.40, 0.50),
    Tissue.CARTILAGE: (0.35, 0.35, 0.40, 0.60, 0.50),
    Tissue.PELVIC_MARROW: (0.45, 0.56, 0.13, 0.18, 0.50),
    Tissue.KIDNEY_CORTEX: (0.55, 0.38, 0.60, 0.50, 0.60),
    Tissue.KIDNEY_MEDULLA: (0.70, 0.28, 0.75, 0.55, 0.60),
    Tissue.LIVER: (0.22, 0.42, 0.22, 0.40, 0.42),
    Tissue.SPLEEN: (0.50, 0.30, 0.60, 0.42, 0.50),
    Tissue.HEART: (0.25, 0.25, 0.30, 0.60, 0.40),
    Tissue.FLUID: (0.95, 0.14, 0.95, 0.80, 0.75),
    Tissue.UTERUS: (0.45, 0.33, 0.50, 0.45, 0.50),
    Tissue.GAS: (0.01, 0.01, 0.01, 0.01, 0.01),
    Tissue.EDEMA: (0.62, 0.28, 0.60, 0.40, 0.60),
    Tissue.FATTY_MARROW: (0.65, 0.85, 0.10, 0.30, 0.75),
    Tissue.SCLEROSIS: (0.12, 0.14, 0.08, 0.08, 0.15),
    Tissue.HAEMANGIOMA: (0.75, 0.70, 0.35, 0.35, 0.70),
    Tissue.METASTASIS: (0.50, 0.24, 0.55, 0.45, 0.50),
    Tissue.VACUUM: (0.02, 0.02, 0.02, 0.01, 0.02),
    Tissue.SCAR: (0.22, 0.28, 0.25, 0.35, 0.30),
    Tissue.METAL: (0.00, 0.00, 0.00, 0.00, 0.00),
}
"""Mean signal by tissue for T2w, T1w, STIR, GRE and PD, relative to CSF in T2w."""

_ORGANS = [Tissue.DARK_ORGAN, Tissue.BRIGHT_ORGAN, Tissue.SOFT_ORGAN, Tissue.BOWEL, Tissue.VESSEL]
_FATS = [Tissue.FAT, Tissue.EPIDURAL_FAT]
_MARROWS = [Tissue.MARROW, Tissue.POSTERIOR_MARROW, Tissue.SACRAL_MARROW]


@dataclass(frozen=True)
class Contrast:
    """The signals of one examination.

    Attributes:
        signal: By tissue, shape (43,).
        body: Factor by VerSe number of the body, shape (29,).
        nucleus: Signal of the nucleus by VerSe number of the disc, shape (29,).
        endplate_band: Relative change of marrow near the endplates (Modic) by VerSe number, shape (29,).
        endplate_band_start: Height between the endplates, 0 to 1, beyond which that change is seen.
        cleft: Factor on the nucleus at mid-height.
        lesion: Factor on blobs in the marrow; 1 for none.
        lesion_threshold: Threshold on a field above which the blobs lie.
        cortex: Weight of cortical bone at the outline, 0 to 1.
        endplate: Weight of cortical bone in the row next to it.
        ligament: Weight of ligament just outside the outline.
        ligament_everywhere: Whether outside all bone, not only bodies and discs.
        texture: Relative standard deviations of fine and coarse texture.
        flow_void: Strength of dark streaks of flowing CSF; 0 for none.
        seed: Seed of texture, lesions and flow.
    """

    signal: Floats
    body: Floats
    nucleus: Floats
    endplate_band: Floats
    endplate_band_start: float
    cleft: float
    lesion: float
    lesion_threshold: float
    cortex: float
    endplate: float
    ligament: float
    ligament_everywhere: bool
    texture: tuple[float, float]
    flow_void: float
    seed: int


def draw_weighting(rng: np.random.Generator) -> Weighting:
    """Draw a sequence family as often as ``FAMILY_SHARES`` says."""
    return list(FAMILY_SHARES)[int(rng.choice(len(FAMILY_SHARES), p=list(FAMILY_SHARES.values())))]


def draw_contrast(rng: np.random.Generator, weighting: Weighting, *, coarse: bool) -> Contrast:
    """Draw the signals of an examination.

    Args:
        rng: Source of all chance.
        weighting: Sequence family.
        coarse: Whether pixels are so large (1.5 mm and more) that thin cortical lines are averaged out.

    Returns:
        Signals with the variation seen between scanners, persons and levels.
    """
    u = rng.uniform
    signal = _random_signal(rng) if weighting is Weighting.RANDOM else _family_signal(rng, weighting)
    return Contrast(
        signal=signal,
        body=np.exp(rng.normal(0, 0.07, LEVEL_CODES)),
        nucleus=_nucleus_signal(rng, signal),
        endplate_band=_sometimes(rng, 0.3) * (rng.random(LEVEL_CODES) < 0.25) * rng.normal(0, 0.5, LEVEL_CODES),
        endplate_band_start=u(0.4, 0.75),
        cleft=u(0.5, 0.95) if rng.random() < 0.5 else 1.0,
        lesion=u(0.4, 2.2) if rng.random() < 0.3 else 1.0,
        lesion_threshold=u(1.3, 2.2),
        cortex=u(0.1, 0.5) if coarse else u(0.25, 1.0),
        endplate=_sometimes(rng, 0.6) * u(0, 0.34 if coarse else 0.85),
        ligament=u(0, 0.45 if coarse else 0.9),
        ligament_everywhere=bool(rng.random() < 0.5),
        texture=(u(0, 0.10), u(0, 0.12)),
        flow_void=_sometimes(rng, 0.4) * u(0.2, 0.9),
        seed=int(rng.integers(2**31)),
    )


def _sometimes(rng: np.random.Generator, chance: float) -> float:
    """1 with this chance, else 0."""
    return float(rng.random() < chance)


def _family_signal(rng: np.random.Generator, weighting: Weighting) -> Floats:
    mean = np.array([SIGNALS[tissue][_FAMILIES.index(weighting)] for tissue in Tissue])
    signal = mean * np.exp(rng.normal(0, 0.22, len(mean)))
    signal[Tissue.MARROW] *= np.exp(rng.normal(0, 0.25))
    signal[_MARROWS] = signal[Tissue.MARROW] * np.array([1.0, rng.normal(1, 0.1), rng.normal(1, 0.07)])
    signal[_ORGANS] *= np.exp(rng.normal(0, 0.5, len(_ORGANS)))
    if rng.random() < 0.15:
        signal[_FATS] = signal[Tissue.SUBCUTANEOUS_FAT] * np.exp(rng.normal(0, 0.1, len(_FATS)))
    return signal


def _random_signal(rng: np.random.Generator) -> Floats:
    signal = rng.random(len(Tissue))
    signal[Tissue.AIR] *= 0.05
    signal[Tissue.CORTEX] *= rng.choice([0.15, 1.0])
    signal[Tissue.LIGAMENT] *= 0.5
    signal[_MARROWS] = signal[Tissue.MARROW] * np.array([1.0, rng.normal(1, 0.12), rng.normal(1, 0.1)])
    return signal


def _nucleus_signal(rng: np.random.Generator, signal: Floats) -> Floats:
    """Degenerated nuclei are nearly as dark as the annulus."""
    health = 1 - 0.9 * rng.random(LEVEL_CODES) ** rng.uniform(0.4, 2.5)
    annulus, nucleus = float(signal[Tissue.ANNULUS]), float(signal[Tissue.NUCLEUS])
    return annulus + (nucleus - annulus) * health
