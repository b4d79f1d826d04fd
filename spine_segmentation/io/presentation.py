"""How a structure is coded and coloured in outputs, whether its level is determined or not."""

from __future__ import annotations

from spine_segmentation.anatomy import BY_ID, GENERIC_IVD, GENERIC_VERTEBRA, Code, Kind
from spine_segmentation.results import NamedStructure

_UNDETERMINED_COLORS = {Kind.VERTEBRA: (205, 205, 205), Kind.IVD: (120, 120, 120)}
"""Greys, sRGB: a structure without a determined level never wears the colour of a level."""


def structure_code(structure: NamedStructure) -> Code:
    """Choose the concept that a structure is coded with.

    Args:
        structure: A named or undetermined structure.

    Returns:
        The code of its level; the generic code of its kind where the level is undetermined or has no code.
    """
    if structure.name is not None:
        return BY_ID[structure.id].code
    return GENERIC_VERTEBRA if structure.kind is Kind.VERTEBRA else GENERIC_IVD


def structure_color(structure: NamedStructure) -> tuple[int, int, int]:
    """Choose the colour that a structure is shown in.

    Args:
        structure: A named or undetermined structure.

    Returns:
        sRGB, 0 to 255; a grey where the level is undetermined.
    """
    return BY_ID[structure.id].color if structure.name is not None else _UNDETERMINED_COLORS[structure.kind]
