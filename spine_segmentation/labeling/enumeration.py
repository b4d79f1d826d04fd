"""The columns that exist: order of vertebrae and discs, and how frequent their numbers of vertebrae are.

A column runs from C2 to S1 with a disc between any two neighbours. It branches where the number of thoracic vertebrae
(11, 12 or 13) and of lumbar vertebrae (4, 5 or 6) is decided; both are taken as independent.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise, product

import numpy as np
import numpy.typing as npt

from spine_segmentation.anatomy import LEVELS, STRUCTURES, Kind, disc_name

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

_STRUCTURES = [structure for structure in STRUCTURES if structure.kind is not Kind.SACRUM]


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
    def vertebrae(self) -> list[str]:
        """Names of its vertebrae, C2 to S1."""
        absent = {f"T{i}" for i in range(self.thoracic + 1, 14)} | {f"L{i}" for i in range(self.lumbar + 1, 7)}
        return [level for level in LEVELS if level not in absent]

    @property
    def structures(self) -> list[str]:
        """Names of its vertebrae and discs, C2 to S1."""
        pairs = pairwise(self.vertebrae)
        return [name for upper, lower in pairs for name in (upper, disc_name(upper, lower))] + self.vertebrae[-1:]


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
    index = {structure.name: k for k, structure in enumerate(_STRUCTURES)}
    passages = np.zeros((len(index), len(index)))
    occurrence = np.zeros(len(index))
    total = sum(enumeration.prior for enumeration in enumerations)
    for enumeration in enumerations:
        path = [index[name] for name in enumeration.structures]
        occurrence[path] += enumeration.prior / total
        passages[path[:-1], path[1:]] += enumeration.prior / total
    leaving = passages.sum(axis=1, keepdims=True)
    successors = np.divide(passages, leaving, out=np.zeros_like(passages), where=leaving > 0)
    kinds = np.array([structure.kind is Kind.VERTEBRA for structure in _STRUCTURES])
    levels = np.array([structure.level for structure in _STRUCTURES])
    return Anatomy(tuple(index), kinds, levels, occurrence, successors)


ANATOMY = build_anatomy()
"""All enumerations in one graph."""
