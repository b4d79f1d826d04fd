"""The columns that exist: order of vertebrae and discs, enumeration variants and how frequent they are.

A column runs from C2 to S1 with a disc between any two neighbours. It branches where the number of thoracic vertebrae
(11, 12 or 13) and of lumbar vertebrae (4, 5 or 6) is decided; both are taken as independent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise, product

import numpy as np
import numpy.typing as npt

from spine_segmentation.anatomy import BY_NAME, LEVELS, Kind, disc_name

THORACIC_PRIORS: dict[int, float] = {11: 0.015, 12: 0.97, 13: 0.015}
"""Probability of the number of thoracic vertebrae. Eleven: 12 of 293 adults in radiographs (Yan et al., J Orthop Surg
Res 2018), 8 of the 1,916 people of VID whose T11 and L1 are in view. Thirteen: 13 of 226 adults in CT have ribs at the
first lumbar level (Nakajima et al., Insights Imaging 2014), none of those in VID. Together 0.9 and 0.6 %, raised
towards the surveys that looked for them."""

LUMBAR_PRIORS: dict[int, float] = {4: 0.04, 5: 0.91, 6: 0.05}
"""Probability of the number of lumbar vertebrae. Four: 14 of 418 adults in whole-spine MRI (Tins and Balain, Insights
Imaging 2016), 3.6 % sacralised L5 in a population study (NAKO), as the reference system found. Six: 6.6 % there, 3.8 %
in Yan et al., 48 of 2,116 people in VID. Errors of counting are of the same order, so they are drawn towards one
another."""

_STRUCTURES = [structure.name for structure in BY_NAME.values() if structure.kind is not Kind.SACRUM]


@dataclass(frozen=True)
class Enumeration:
    """One possible numbering of the spine.

    Attributes:
        thoracic: Number of thoracic vertebrae, 11 to 13.
        lumbar: Number of lumbar vertebrae, 4 to 6.
    """

    thoracic: int
    lumbar: int

    @property
    def prior(self) -> float:
        """Its probability before the image is seen."""
        return THORACIC_PRIORS[self.thoracic] * LUMBAR_PRIORS[self.lumbar]

    @property
    def structures(self) -> list[str]:
        """Names of its vertebrae and discs, C2 to S1."""
        absent = {f"T{i}" for i in range(self.thoracic + 1, 14)} | {f"L{i}" for i in range(self.lumbar + 1, 7)}
        vertebrae = [level for level in LEVELS if level not in absent]
        pairs = pairwise(vertebrae)
        return [name for upper, lower in pairs for name in (upper, disc_name(upper, lower))] + vertebrae[-1:]


ENUMERATIONS: tuple[Enumeration, ...] = tuple(
    Enumeration(thoracic, lumbar) for thoracic, lumbar in product(THORACIC_PRIORS, LUMBAR_PRIORS)
)
"""All numberings, eleven to thirteen thoracic times four to six lumbar vertebrae."""


@dataclass(frozen=True)
class Anatomy:
    """The vertebrae and discs of one or several enumerations as one directed graph.

    Attributes:
        names: Of the n structures that may occur.
        kinds: Shape (n,), bool, True for a vertebra.
        levels: Shape (n,), index in ``anatomy.LEVELS`` of the vertebra, or of the vertebra above the disc.
        occurrence: Shape (n,), probability that a column has this structure.
        successors: Shape (n, n), probability that the next structure below the first is the second; rows sum to 1, or
            to 0 for S1.
    """

    names: tuple[str, ...]
    kinds: npt.NDArray[np.bool_]
    levels: npt.NDArray[np.intp]
    occurrence: npt.NDArray[np.float64]
    successors: npt.NDArray[np.float64]


def build_anatomy(enumerations: tuple[Enumeration, ...] = ENUMERATIONS) -> Anatomy:
    """Merge enumerations into one graph, weighted by their priors.

    Since the number of thoracic and of lumbar vertebrae is decided at different structures, a walk through the graph
    has the probability of its enumeration.

    Args:
        enumerations: All of them, or a single one.

    Returns:
        The graph; structures that do not occur have occurrence 0.
    """
    index = {name: k for k, name in enumerate(_STRUCTURES)}
    passages = np.zeros((len(index), len(index)))
    occurrence = np.zeros(len(index))
    total = sum(enumeration.prior for enumeration in enumerations)
    for enumeration in enumerations:
        path = [index[name] for name in enumeration.structures]
        occurrence[path] += enumeration.prior / total
        passages[path[:-1], path[1:]] += enumeration.prior / total
    leaving = passages.sum(axis=1, keepdims=True)
    successors = np.divide(passages, leaving, out=np.zeros_like(passages), where=leaving > 0)
    kinds = np.array([BY_NAME[name].kind is Kind.VERTEBRA for name in _STRUCTURES])
    levels = np.array([LEVELS.index(name.split("-")[0]) for name in _STRUCTURES])
    return Anatomy(tuple(_STRUCTURES), kinds, levels, occurrence, successors)


UNTOLD = "cannot tell from this field of view"
"""Statement where there is nothing to count from."""


@dataclass(frozen=True)
class Variant:
    """A statement on the number of vertebrae.

    Attributes:
        statement: ``"normal"``, ``"L6 present"``, ``"L5 sacralised"``, ``"13 thoracic vertebrae"``,
            ``"11 thoracic vertebrae"``, a thoracic and a lumbar one joined by a comma, or
            ``"cannot tell from this field of view"``.
        odds: Posterior odds for the statement against all other numbers; None if it cannot be told.
    """

    statement: str
    odds: float | None


def implied_variant(names: Sequence[str | None]) -> str:
    """State the enumeration variant of a column whose vertebrae have these names and no others, as far as it shows.

    Lumbar vertebrae can be counted only between a thoracic vertebra and the sacrum, thoracic ones only between a
    cervical and a lumbar vertebra. Without both ends in the field of view there is nothing to count from, however the
    vertebrae are named. "normal" means five lumbar vertebrae, and twelve thoracic ones where they can be counted.

    Args:
        names: Of the structures from top to bottom; None is passed over.

    Returns:
        A statement, see :class:`Variant`.
    """
    counts = _count(names)
    if counts is None:
        return UNTOLD
    statements = (_THORACIC_STATEMENTS.get(counts.thoracic or 12), _LUMBAR_STATEMENTS.get(counts.lumbar or 5))
    return ", ".join(filter(None, statements)) or "normal"


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
        return Variant(UNTOLD, None)
    agreeing = sum(probability for enumeration, probability in posteriors.items() if counts.agree(enumeration))
    probability = min(agreeing, 1 - np.finfo(float).eps)
    odds = float(probability / (1 - probability))
    return Variant(implied_variant(names), odds) if odds > 1 else Variant(UNTOLD, None)


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
    vertebrae = {vertebra for name in names if name is not None for vertebra in name.split("-")}
    regions = {vertebra[0] for vertebra in vertebrae}
    thoracic, lumbar = _count_thoracic(vertebrae), _count_lumbar(vertebrae)
    thoracic_told, lumbar_told = regions >= {"C", "L"}, regions >= {"T", "S"}
    hidden = (thoracic != 12 and not thoracic_told) or (lumbar != 5 and not lumbar_told)
    if hidden or not (lumbar_told or thoracic != 12):
        return None
    return _Counts(thoracic if thoracic_told else None, lumbar if lumbar_told else None)


_THORACIC_STATEMENTS = {11: "11 thoracic vertebrae", 13: "13 thoracic vertebrae"}
_LUMBAR_STATEMENTS = {4: "L5 sacralised", 6: "L6 present"}

VARIANT_STATEMENTS: tuple[str, ...] = (*_LUMBAR_STATEMENTS.values(), *_THORACIC_STATEMENTS.values())
"""Every deviation from the usual number that can be stated."""


def _count_thoracic(vertebrae: set[str]) -> int:
    """Count the thoracic vertebrae that the names imply, 12 where they say nothing."""
    eleven = vertebrae >= {"T11", "L1"} and not vertebrae & {"T12", "T13"}
    return 13 if "T13" in vertebrae else 11 if eleven else 12


def _count_lumbar(vertebrae: set[str]) -> int:
    """Count the lumbar vertebrae that the names imply, 5 where they say nothing."""
    four = vertebrae >= {"L4", "S1"} and not vertebrae & {"L5", "L6"}
    return 6 if "L6" in vertebrae else 4 if four else 5
