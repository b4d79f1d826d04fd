"""What a voxel is: its tissue, its semantic class, its vertebral level."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, auto
from typing import Self

import torch
from torch import Tensor

from spine_segmentation.synth.overwrite import overwrite


class Tissue(IntEnum):
    """Everything that has a signal of its own."""

    AIR = 0
    MUSCLE = auto()
    SUBCUTANEOUS_FAT = auto()
    FAT = auto()
    MARROW = auto()
    CORTEX = auto()
    NUCLEUS = auto()
    ANNULUS = auto()
    CSF = auto()
    CORD = auto()
    EPIDURAL_FAT = auto()
    VESSEL = auto()
    DARK_ORGAN = auto()
    BRIGHT_ORGAN = auto()
    SOFT_ORGAN = auto()
    BOWEL = auto()
    POSTERIOR_MARROW = auto()
    SACRAL_MARROW = auto()
    LIGAMENT = auto()
    BRAIN = auto()
    SKULL = auto()
    NERVE = auto()
    LUNG = auto()
    SKIN = auto()
    BASIVERTEBRAL_VEIN = auto()
    CARTILAGE = auto()
    PELVIC_MARROW = auto()
    KIDNEY_CORTEX = auto()
    KIDNEY_MEDULLA = auto()
    LIVER = auto()
    SPLEEN = auto()
    HEART = auto()
    FLUID = auto()
    UTERUS = auto()
    GAS = auto()
    EDEMA = auto()
    FATTY_MARROW = auto()
    SCLEROSIS = auto()
    HAEMANGIOMA = auto()
    METASTASIS = auto()
    VACUUM = auto()
    SCAR = auto()
    METAL = auto()


class Semantic(IntEnum):
    """Values of the generator's semantic maps: the segmentation network's channels, ``networks.CHANNELS``."""

    BACKGROUND = 0
    BODY = 1
    DISC = 2
    POSTERIOR = 3
    CANAL = 4
    SACRUM = 5


NO_LEVEL = 0
"""Level of voxels that belong to no vertebra."""


@dataclass(frozen=True)
class TissueMap:
    """The anatomy on a grid; its parts are painted one over the other, in place.

    Attributes:
        tissue: :class:`Tissue`, shape (N, H, W), uint8.
        semantic: :class:`Semantic`, shape (N, H, W), uint8.
        level: VerSe number, a disc has that of the vertebra above; shape (N, H, W), uint8.
        height: Position between the endplates of a body or disc, -1 at the upper and 1 at the lower one; elsewhere
            meaningless; shape (N, H, W), float32.
        core: 1 in the centre of a nucleus pulposus, 0 at its edge and elsewhere; shape (N, H, W), float32.
        depth: Distance to the skin of the back, mm, negative outside; shape (H, W), float32.
    """

    tissue: Tensor
    semantic: Tensor
    level: Tensor
    height: Tensor
    core: Tensor
    depth: Tensor

    @classmethod
    def empty(cls, shape: tuple[int, int, int], device: torch.device) -> Self:
        """Make a map of air.

        Args:
            shape: (N, H, W): slices, rows, columns.
            device: Where to keep it.

        Returns:
            Zero in every field.
        """
        codes = [torch.zeros(shape, dtype=torch.uint8, device=device) for _ in range(3)]
        fields = [torch.zeros(size, device=device) for size in (shape, shape, shape[1:])]
        return cls(codes[0], codes[1], codes[2], fields[0], fields[1], fields[2])

    def paint(self, mask: Tensor, tissue: Tissue | Tensor, semantic: Semantic | None = None) -> None:
        """Overwrite tissue, and the semantic class where one is given.

        Args:
            mask: bool, broadcasts to (N, H, W).
            tissue: One tissue, or a uint8 tensor that broadcasts to (N, H, W).
            semantic: What the voxels become; None leaves class and level as they are.
        """
        _assign(self.tissue, mask, tissue)
        if semantic is not None:
            _assign(self.semantic, mask, semantic)

    def paint_level(self, mask: Tensor, tissue: Tissue, semantic: Semantic, level: int | Tensor) -> None:
        """Overwrite tissue, semantic class and level.

        Args:
            mask: bool, broadcasts to (N, H, W).
            tissue: One tissue.
            semantic: What the voxels become.
            level: One VerSe number, or a uint8 tensor that broadcasts to (N, H, W).
        """
        self.paint(mask, tissue, semantic)
        _assign(self.level, mask, level)

    def is_bone(self) -> Tensor:
        """Tell where bodies, posterior elements or the sacrum are.

        Returns:
            Shape (N, H, W), bool.
        """
        return (self.semantic == Semantic.BODY) | (self.semantic == Semantic.POSTERIOR) | (
            self.semantic == Semantic.SACRUM
        )  # fmt: skip

    def is_soft(self) -> Tensor:
        """Tell where neither bone nor disc is.

        Returns:
            Shape (N, H, W), bool.
        """
        return (self.semantic == Semantic.BACKGROUND) | (self.semantic == Semantic.CANAL)


def _assign(target: Tensor, mask: Tensor, value: int | Tensor) -> None:
    """Set ``target`` where ``mask`` holds, in place."""
    if isinstance(value, Tensor):
        target.copy_(torch.where(mask, value, target))
    else:
        overwrite(target, mask, int(value))
