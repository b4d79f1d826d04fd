"""What is said of the number of vertebrae, as far as the field of view tells it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

import numpy as np

from spine_segmentation.anatomy import BY_NAME
from spine_segmentation.labeling.enumeration import Enumeration


class Statement(StrEnum):
    """What can be said of the number of vertebrae."""

    NORMAL = "normal"
    L6 = "L6 present"
    L5_SACRALISED = "L5 sacralised"
    THORACIC_13 = "13 thoracic vertebrae"
    THORACIC_11 = "11 thoracic vertebrae"
    THORACIC_13_L6 = "13 thoracic vertebrae, L6 present"
    THORACIC_13_L5_SACRALISED = "13 thoracic vertebrae, L5 sacralised"
    THORACIC_11_L6 = "11 thoracic vertebrae, L6 present"
    THORACIC_11_L5_SACRALISED = "11 thoracic vertebrae, L5 sacralised"
    UNTOLD = "cannot tell from this field of view"

    @property
    def parts(self) -> tuple[Self, ...]:
        """What is said of the thoracic and of the lumbar vertebrae, where both numbers are unusual; else itself."""
        return tuple(type(self)(part) for part in self.split(_AND))


_AND = ", "

THORACIC_STATEMENTS = {11: Statement.THORACIC_11, 13: Statement.THORACIC_13}
"""What is said of an unusual number of thoracic vertebrae."""

LUMBAR_STATEMENTS = {4: Statement.L5_SACRALISED, 6: Statement.L6}
"""What is said of an unusual number of lumbar vertebrae."""


@dataclass(frozen=True)
class Variant:
    """A statement on the number of vertebrae, and how sure it is.

    Attributes:
        statement: What is said.
        odds: Posterior odds for the statement against all other numbers; None if it cannot be told.
    """

    statement: Statement = Statement.UNTOLD
    odds: float | None = None


def implied_variant(names: Sequence[str | None]) -> Statement:
    """State the enumeration variant of a column whose vertebrae have these names and no others, as far as it shows.

    Lumbar vertebrae can be counted only between a thoracic vertebra and the sacrum, thoracic ones only between a
    cervical and a lumbar vertebra. Without both ends in the field of view there is nothing to count from, however the
    vertebrae are named. "normal" means five lumbar vertebrae, and twelve thoracic ones where they can be counted.

    Args:
        names: Of the structures from top to bottom; None is passed over.

    Returns:
        The statement.
    """
    counts = _count(names)
    if counts is None:
        return Statement.UNTOLD
    parts = (THORACIC_STATEMENTS.get(counts.thoracic or 12), LUMBAR_STATEMENTS.get(counts.lumbar or 5))
    return Statement(_AND.join(filter(None, parts)) or Statement.NORMAL)


def describe_variant(names: Sequence[str | None], posteriors: Mapping[Enumeration, float]) -> Variant:
    """State the enumeration variant that a sequence of names implies, if it is more likely than all other numbers.

    A vertebra that has no name may be absent or missed: the posteriors know which.

    Args:
        names: Of the structures from top to bottom; None is passed over.
        posteriors: Posterior probability of every enumeration.

    Returns:
        The statement of :func:`implied_variant` with its odds.
    """
    counts = _count(names)
    if counts is None:
        return Variant()
    agreeing = sum(probability for enumeration, probability in posteriors.items() if counts.agree(enumeration))
    probability = min(agreeing, 1 - np.finfo(float).eps)
    odds = float(probability / (1 - probability))
    return Variant(implied_variant(names), odds) if odds > 1 else Variant()


@dataclass(frozen=True)
class _Counts:
    """Numbers of vertebrae, None where they cannot be counted."""

    thoracic: int | None
    lumbar: int | None

    def agree(self, enumeration: Enumeration) -> bool:
        """Tell whether an enumeration has these numbers."""
        return self.thoracic in (None, enumeration.thoracic) and self.lumbar in (None, enumeration.lumbar)


def _count(names: Sequence[str | None]) -> _Counts | None:
    """Count what can be counted; None if that is nothing, or if the names imply a number that cannot be counted."""
    vertebrae = {vertebra for name in names if name is not None for vertebra in BY_NAME[name].vertebrae}
    regions = {vertebra[0] for vertebra in vertebrae}
    thoracic, lumbar = _count_thoracic(vertebrae), _count_lumbar(vertebrae)
    thoracic_told, lumbar_told = regions >= {"C", "L"}, regions >= {"T", "S"}
    hidden = (thoracic != 12 and not thoracic_told) or (lumbar != 5 and not lumbar_told)
    if hidden or not (lumbar_told or thoracic != 12):
        return None
    return _Counts(thoracic if thoracic_told else None, lumbar if lumbar_told else None)


def _count_thoracic(vertebrae: set[str]) -> int:
    """Count the thoracic vertebrae that the names imply, 12 where they say nothing."""
    eleven = vertebrae >= {"T11", "L1"} and not vertebrae & {"T12", "T13"}
    return 13 if "T13" in vertebrae else 11 if eleven else 12


def _count_lumbar(vertebrae: set[str]) -> int:
    """Count the lumbar vertebrae that the names imply, 5 where they say nothing."""
    four = vertebrae >= {"L4", "S1"} and not vertebrae & {"L5", "L6"}
    return 6 if "L6" in vertebrae else 4 if four else 5
