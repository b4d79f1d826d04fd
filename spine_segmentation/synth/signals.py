"""How bright each tissue is in the sequences from which all others follow."""

from __future__ import annotations

from typing import NamedTuple

from spine_segmentation.synth.tissues import Tissue


class Signal(NamedTuple):
    """What a tissue looks like.

    The signals are relative to CSF in T2w, and follow the relaxation times at 1.5 T by eye, from public images.

    Attributes:
        t2w: Fast spin echo, T2-weighted.
        t1w: Spin echo, T1-weighted.
        stir: Short-tau inversion recovery, where fat is dark.
        gre: Gradient echo, T2*-weighted, where trabecular bone is dark.
        pd: Fast spin echo, proton-density-weighted.
        fat: Share of the T1w and T2w signal that comes from fat, 0 to 1.
        texture: How mottled it is, relative to marrow.
    """

    t2w: float
    t1w: float
    stir: float
    gre: float
    pd: float
    fat: float = 0.0
    texture: float = 0.6


SIGNALS: dict[Tissue, Signal] = {
    Tissue.AIR: Signal(0.01, 0.01, 0.01, 0.01, 0.01, texture=0.0),
    Tissue.MUSCLE: Signal(0.14, 0.30, 0.16, 0.35, 0.35, 0.04, 1.2),
    Tissue.SUBCUTANEOUS_FAT: Signal(0.72, 0.95, 0.10, 0.45, 0.85, 0.95, 0.5),
    Tissue.FAT: Signal(0.70, 0.90, 0.10, 0.40, 0.80, 0.95, 0.6),
    Tissue.MARROW: Signal(0.42, 0.52, 0.14, 0.18, 0.50, 0.60, 1.0),
    Tissue.CORTEX: Signal(0.04, 0.05, 0.03, 0.03, 0.04),
    Tissue.NUCLEUS: Signal(0.50, 0.30, 0.42, 0.65, 0.60),
    Tissue.ANNULUS: Signal(0.12, 0.26, 0.10, 0.45, 0.35),
    Tissue.CSF: Signal(1.00, 0.14, 1.00, 0.85, 0.75, texture=0.2),
    Tissue.CORD: Signal(0.45, 0.36, 0.40, 0.60, 0.55, texture=0.3),
    Tissue.EPIDURAL_FAT: Signal(0.65, 0.85, 0.12, 0.40, 0.75, 0.90),
    Tissue.VESSEL: Signal(0.06, 0.10, 0.10, 0.70, 0.10),
    Tissue.DARK_ORGAN: Signal(0.30, 0.38, 0.35, 0.40, 0.45, 0.05),
    Tissue.BRIGHT_ORGAN: Signal(0.45, 0.32, 0.45, 0.45, 0.50, 0.05),
    Tissue.SOFT_ORGAN: Signal(0.60, 0.35, 0.60, 0.60, 0.60, 0.05),
    Tissue.BOWEL: Signal(0.35, 0.30, 0.40, 0.35, 0.40, 0.05, 1.5),
    Tissue.POSTERIOR_MARROW: Signal(0.42, 0.52, 0.13, 0.15, 0.50, 0.65, 1.0),
    Tissue.SACRAL_MARROW: Signal(0.42, 0.54, 0.14, 0.18, 0.50, 0.62, 1.0),
    Tissue.LIGAMENT: Signal(0.14, 0.25, 0.12, 0.25, 0.25, 0.10),
    Tissue.BRAIN: Signal(0.50, 0.40, 0.50, 0.60, 0.60),
    Tissue.SKULL: Signal(0.45, 0.55, 0.15, 0.20, 0.50, 0.65, 1.0),
    Tissue.NERVE: Signal(0.50, 0.33, 0.45, 0.55, 0.60),
    Tissue.LUNG: Signal(0.05, 0.05, 0.05, 0.04, 0.05, texture=1.5),
    Tissue.SKIN: Signal(0.30, 0.40, 0.20, 0.30, 0.40, 0.10),
    Tissue.BASIVERTEBRAL_VEIN: Signal(0.60, 0.40, 0.55, 0.40, 0.50),
    Tissue.CARTILAGE: Signal(0.35, 0.35, 0.40, 0.60, 0.50),
    Tissue.PELVIC_MARROW: Signal(0.45, 0.56, 0.13, 0.18, 0.50, 0.68, 1.0),
    Tissue.KIDNEY_CORTEX: Signal(0.55, 0.38, 0.60, 0.50, 0.60),
    Tissue.KIDNEY_MEDULLA: Signal(0.70, 0.28, 0.75, 0.55, 0.60),
    Tissue.LIVER: Signal(0.22, 0.42, 0.22, 0.40, 0.42, 0.05),
    Tissue.SPLEEN: Signal(0.50, 0.30, 0.60, 0.42, 0.50),
    Tissue.HEART: Signal(0.25, 0.25, 0.30, 0.60, 0.40, texture=1.2),
    Tissue.FLUID: Signal(0.95, 0.14, 0.95, 0.80, 0.75, texture=0.1),
    Tissue.UTERUS: Signal(0.45, 0.33, 0.50, 0.45, 0.50),
    Tissue.GAS: Signal(0.01, 0.01, 0.01, 0.01, 0.01, texture=0.0),
    Tissue.EDEMA: Signal(0.62, 0.28, 0.60, 0.40, 0.60, 0.15, 0.8),
    Tissue.FATTY_MARROW: Signal(0.65, 0.85, 0.10, 0.30, 0.75, 0.90, 0.8),
    Tissue.SCLEROSIS: Signal(0.12, 0.14, 0.08, 0.08, 0.15, 0.20, 0.8),
    Tissue.HAEMANGIOMA: Signal(0.75, 0.70, 0.35, 0.35, 0.70, 0.65, 2.0),
    Tissue.METASTASIS: Signal(0.50, 0.24, 0.55, 0.45, 0.50, 0.05, 1.2),
    Tissue.VACUUM: Signal(0.02, 0.02, 0.02, 0.01, 0.02, texture=0.0),
    Tissue.SCAR: Signal(0.22, 0.28, 0.25, 0.35, 0.30, 0.05),
    Tissue.METAL: Signal(0.00, 0.00, 0.00, 0.00, 0.00, texture=0.0),
}
"""The mean adult's signals; persons and scanners differ from them, see :mod:`~spine_segmentation.synth.contrast`."""

RED_MARROW = Signal(0.30, 0.21, 0.24, 0.22, 0.45)
"""Marrow without fat; real marrow is a mixture of it with fat, by age and health."""
