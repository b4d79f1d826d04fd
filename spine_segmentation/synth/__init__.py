"""Procedural synthetic spine MRI with exact truth."""

from spine_segmentation.synth.contrast import Weighting
from spine_segmentation.synth.generator import SyntheticScan, Triplet, generate_triplet, generate_volume

__all__ = ["SyntheticScan", "Triplet", "Weighting", "generate_triplet", "generate_volume"]
