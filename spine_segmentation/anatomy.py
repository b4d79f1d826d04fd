"""The one table of structures: id, name, kind, order, SNOMED CT code, colour.

Everything that names a structure (network channels, label maps, DICOM SEG, documentation) takes it from here.
Codes are those of DICOM CID 7603 (Vertebra) and CID 7604 (Intervertebral Disc); the code of S1 stands outside both.
Structures without a code of their own (L6, T13, the variant discs) carry the generic code and their name.
"""

from __future__ import annotations

import colorsys
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

BACKGROUND, VERTEBRA, IVD = 0, 1, 2
"""Values of a semantic map."""

SACRUM_BELOW_S1 = 60
"""Value of "S2 and below" in semantic maps and label maps, an auxiliary structure that outputs drop."""

UNDETERMINED_VERTEBRA_BASE, UNDETERMINED_IVD_BASE = 100, 200
"""The k-th vertebra (disc) from the top without a determined level has the id 100 + k (200 + k)."""


class Kind(StrEnum):
    """What a structure is."""

    VERTEBRA = "vertebra"
    IVD = "ivd"
    SACRUM = "sacrum"


@dataclass(frozen=True)
class Code:
    """A coded concept: value, coding scheme designator, meaning."""

    value: str
    meaning: str
    scheme: str = "SCT"


@dataclass(frozen=True)
class Structure:
    """One named anatomical structure.

    Attributes:
        id: Value in label maps.
        name: Name as shown to people and written as DICOM SegmentLabel, e.g. ``"L4-L5"``.
        kind: Vertebra, intervertebral disc or sacrum below S1.
        code: SNOMED CT concept; the generic one of its kind where no own code exists.
        color: Recommended display colour, sRGB, 0 to 255.
    """

    id: int
    name: str
    kind: Kind
    code: Code
    color: tuple[int, int, int]

    @property
    def vertebrae(self) -> tuple[str, ...]:
        """Names of the vertebra itself, or of those above and below a disc; none of the sacrum below S1."""
        return () if self.kind is Kind.SACRUM else tuple(self.name.split("-"))

    @property
    def level(self) -> int:
        """Index in ``LEVELS`` of the vertebra, or of the one above a disc; that of no level for the sacrum below S1."""
        return LEVELS.index(self.vertebrae[0]) if self.vertebrae else len(LEVELS)


GENERIC_VERTEBRA = Code("51282000", "Vertebra")
GENERIC_IVD = Code("360499006", "Intervertebral disc")
CATEGORY = Code("91723000", "Anatomical Structure")

_VERTEBRA_CODES = {
    "C2": "39976000", "C3": "113205007", "C4": "5329002", "C5": "36978003", "C6": "36054005", "C7": "87391001",
    "T1": "64864005", "T2": "53733008", "T3": "1626008", "T4": "73071006", "T5": "56401006", "T6": "45296009",
    "T7": "62487009", "T8": "11068009", "T9": "82687006", "T10": "7610001", "T11": "12989004", "T12": "23215003",
    "L1": "66794005", "L2": "14293000", "L3": "36470004", "L4": "11994002", "L5": "49668003", "S1": "65985001",
}  # fmt: skip
_IVD_CODES = {
    "C2-C3": "1078209008", "C3-C4": "58820006", "C4-C5": "49400002", "C5-C6": "73959003", "C6-C7": "75095006",
    "C7-T1": "37414007", "T1-T2": "40908007", "T2-T3": "6004007", "T3-T4": "2620004", "T4-T5": "82965004",
    "T5-T6": "72692000", "T6-T7": "74401007", "T7-T8": "28693002", "T8-T9": "9188009", "T9-T10": "113209001",
    "T10-T11": "34959001", "T11-T12": "1537001", "T12-L1": "76206002", "L1-L2": "80064006", "L2-L3": "67459009",
    "L3-L4": "62551000", "L4-L5": "84020006", "L5-S1": "715056000",
}  # fmt: skip

_COLUMN = [f"C{i}" for i in range(2, 8)] + [f"T{i}" for i in range(1, 13)] + [f"L{i}" for i in range(1, 7)] + ["S1"]
"""Vertebrae of the reference numbering, top to bottom: ids 1, 3, 5 ... 49."""

_VARIANT_IDS = {"L5-S1": 50, "L4-S1": 51, "T12-T13": 52, "T13": 53, "T13-L1": 54, "T11-L1": 55}


def _color(index: int, kind: Kind) -> tuple[int, int, int]:
    """A colour that differs clearly from those of the neighbours in the column."""
    hue = (index * 0.381966) % 1.0
    saturation, value = (0.65, 0.95) if kind is Kind.VERTEBRA else (0.9, 0.7)
    red, green, blue = (round(255 * channel) for channel in colorsys.hsv_to_rgb(hue, saturation, value))
    return red, green, blue


def _structure(identifier: int, name: str) -> Structure:
    kind = Kind.IVD if "-" in name else Kind.VERTEBRA
    own, generic = (_IVD_CODES, GENERIC_IVD) if kind is Kind.IVD else (_VERTEBRA_CODES, GENERIC_VERTEBRA)
    noun = "vertebra" if kind is Kind.VERTEBRA else "disc"
    code = Code(own[name], f"{name.replace('-', '/')} {noun}") if name in own else generic
    return Structure(identifier, name, kind, code, _color(identifier, kind))


def _table() -> tuple[Structure, ...]:
    vertebrae = [_structure(2 * k + 1, name) for k, name in enumerate(_COLUMN)]
    between = pairwise(_COLUMN)
    discs = [_structure(2 * k + 2, f"{upper}-{lower}") for k, (upper, lower) in enumerate(between)]
    variants = [_structure(identifier, name) for name, identifier in _VARIANT_IDS.items()]
    sacrum = Structure(SACRUM_BELOW_S1, "S2 and below", Kind.SACRUM, Code("54735007", "Sacrum"), (150, 130, 110))
    return (*sorted([*vertebrae, *discs, *variants], key=lambda structure: structure.id), sacrum)


STRUCTURES: tuple[Structure, ...] = _table()
"""Every named structure, by ascending id."""

BY_ID: dict[int, Structure] = {structure.id: structure for structure in STRUCTURES}
BY_NAME: dict[str, Structure] = {structure.name: structure for structure in STRUCTURES}

LEVELS: tuple[str, ...] = (
    *_COLUMN[:18], "T13", *_COLUMN[18:],
)  # fmt: skip
"""Names of all vertebral levels, top to bottom, T13 and L6 included."""

VERSE_NUMBERS: dict[str, int] = {
    **{f"C{i}": i for i in range(1, 8)},
    **{f"T{i}": 7 + i for i in range(1, 13)},
    **{f"L{i}": 19 + i for i in range(1, 7)},
    "S1": 26,
    "S2 and below": 27,
    "T13": 28,
}
"""Vertebra numbers of the VerSe benchmark (Sekuboyina et al. 2021), used by data sets and as network channels."""

VERSE_DISC_BASE = 100
"""Masks with VerSe numbers give the disc below vertebra v the value 100 + v."""

VERSE_POSTERIOR_ELEMENTS, VERSE_SPINAL_CANAL = 60, 61
"""Further values of such masks."""


def sort_by_kind(names: Iterable[str]) -> list[str]:
    """Sort names of structures.

    Args:
        names: In any order.

    Returns:
        Vertebrae before discs, each top to bottom.
    """
    structures = [BY_NAME[name] for name in names]
    structures.sort(key=lambda structure: (structure.kind is Kind.IVD, structure.level, structure.id))
    return [structure.name for structure in structures]


def disc_name(upper: str, lower: str) -> str:
    """Name the disc between two adjacent vertebrae.

    Args:
        upper: Name of the vertebra above, e.g. ``"L5"``.
        lower: Name of the vertebra below, e.g. ``"S1"``.

    Returns:
        The name of the disc, e.g. ``"L5-S1"``.
    """
    return f"{upper}-{lower}"
