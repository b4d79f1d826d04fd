"""From the structure named last to the next one: prior weights of the steps, whatever is missed in between."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Self

import numpy as np

from spine_segmentation.arrays import Floats
from spine_segmentation.labeling.enumeration import ANATOMY, ENUMERATIONS, Anatomy, build_anatomy
from spine_segmentation.labeling.presence import MISSED_COUNTS

MISSED_DISC = 1e-3
MISSED_BODY = 1e-3
"""Probability that a structure inside the field of view has no instance, before distances are seen; a working figure:
five times ``sequence.FALSE_INSTANCE``, since narrowed discs and collapsed bodies of patients are easily missed."""

MISSED_NEXT = 0.3
"""Probability that the structure below a missed one is missed, too: a block vertebra takes a disc and what makes two
bodies of it, metal and collapse take all around them. A working figure."""

STATES = 1 + len(ANATOMY.names)
"""State 0 means that nothing is named yet, state 1 + k that structure k of ``ANATOMY`` was named last."""


@dataclass(frozen=True)
class Transitions:
    """Weights that do not depend on the scan, of all enumerations together and of each.

    They are kept apart by the number of vertebrae that are jumped over.

    Attributes:
        merged: Of all enumerations together, shape (MISSED_COUNTS, states, states).
        single: Of each of ``ENUMERATIONS``, shape (MISSED_COUNTS, enumerations, states, states).
    """

    merged: Floats
    single: Floats

    @classmethod
    @cache
    def of_anatomy(cls) -> Self:
        """Compute the weights.

        Returns:
            Weights, computed once and shared by all callers.
        """
        single = np.stack([_weigh(build_anatomy((enumeration,))) for enumeration in ENUMERATIONS], axis=1)
        return cls(merged=_weigh(ANATOMY), single=single)


def _weigh(anatomy: Anatomy) -> Floats:
    """Weights of the steps from one structure to any below it, and to any from the start.

    The sum over all ways of missing what lies between is the series S + S M S + S M S N S + S M S N S N S + ..., with
    the successor matrix S, the diagonal matrix M of the probabilities of a miss, and N of those of a further one; its
    terms are kept apart by the number of vertebrae that they miss.
    """
    bodies = anatomy.kinds.astype(np.float64)
    onwards = np.zeros((MISSED_COUNTS, *anatomy.successors.shape))
    term, missed_body, missed_disc = onwards.copy(), MISSED_BODY, MISSED_DISC
    term[0] = anatomy.successors
    while term.any():
        onwards += term
        longer = term * (missed_disc * (1 - bodies)) @ anatomy.successors
        missing = term * (missed_body * bodies) @ anatomy.successors
        longer[1:] += missing[:-1]
        longer[-1] += missing[-1]
        term, missed_body, missed_disc = longer, MISSED_NEXT, MISSED_NEXT
    weights = np.zeros((MISSED_COUNTS, STATES, STATES))
    weights[0, 0, 1:] = anatomy.occurrence / len(bodies)
    weights[:, 1:, 1:] = onwards
    return weights
