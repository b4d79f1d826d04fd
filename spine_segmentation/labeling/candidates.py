"""The few sequences of names that are worth telling, with their posteriors.

Of a body that the segmentation split in two, one half or the other may be the false one: the sequences differ, and yet
they say the same. Likewise the vertebrae decide where the field of view ends in a disc: below L5 lies L5-S1, or L5-L6
in one person of twenty. A candidate therefore is a sequence together with all that give the vertebrae no other names,
and its posterior is the probability that these names are right and those of no better candidate are. Where there are
discs alone, their names decide.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import combinations, pairwise

import numpy as np
import numpy.typing as npt

from spine_segmentation.anatomy import Kind
from spine_segmentation.arrays import Floats
from spine_segmentation.labeling.enumeration import ANATOMY
from spine_segmentation.labeling.lattice import best_path, total
from spine_segmentation.labeling.transitions import STATES
from spine_segmentation.results import Candidate

CANDIDATES = 3
"""How many candidates are looked for: more alternatives are no help to whoever has to choose."""

Names = tuple[str | None, ...]
"""Of instances, top to bottom; None for those without a name."""


def find_candidates(steps: Floats, kinds: Sequence[Kind]) -> tuple[Candidate, ...]:
    """Find the best candidates with their posteriors: paths that contradict one another, and all paths that agree.

    The first is the best path, each further one the best of those that contradict all before.

    Args:
        steps: Shape (n, STATES, STATES), log weights, see ``lattice``.
        kinds: Of the n instances, top to bottom.

    Returns:
        At most ``CANDIDATES``, best first.
    """
    chosen: list[Names] = []
    while len(chosen) < CANDIDATES and (path := best_path(steps, _marks(chosen, kinds))) is not None:
        chosen.append(_names(path))
    if not chosen:
        return ()
    joint = _joint_probabilities(steps, [_agreement(decisive(names, kinds)) for names in chosen])
    order = sorted(range(len(chosen)), key=lambda k: -joint[k,])
    candidates = [Candidate(chosen[k], _exclusive(joint, k, order[:rank])) for rank, k in enumerate(order)]
    return tuple(sorted(candidates, key=_improbability))


def merge_candidates(candidates: Sequence[Candidate], kinds: Sequence[Kind]) -> tuple[Candidate, ...]:
    """Make one of the candidates that give no vertebra two names; where there are discs alone, no disc.

    Args:
        candidates: In any order.
        kinds: Of the instances that they name, top to bottom.

    Returns:
        Best first, each with the other names of the most likely one that it is made of.
    """
    merged: dict[Names, Candidate] = {}
    for candidate in sorted(candidates, key=_improbability):
        deciding = decisive(candidate.names, kinds)
        known = next((other for other in merged if not contradict(deciding, other)), deciding)
        same = merged.get(known, replace(candidate, probability=0.0))
        if any(deciding):
            merged[known] = replace(same, probability=min(1.0, same.probability + candidate.probability))
    return tuple(sorted(merged.values(), key=_improbability))


def decisive(names: Names, kinds: Sequence[Kind]) -> Names:
    """The names that tell candidates apart: those of the vertebrae, or of all where there are only discs.

    Args:
        names: Of the n instances, top to bottom; None for false ones.
        kinds: Of the same.

    Returns:
        The same names, None for those that do not decide.
    """
    return tuple(name if decides else None for name, decides in zip(names, _deciding(kinds), strict=True))


def contradict(one: Names, other: Names) -> bool:
    """Tell whether the same instance has two names.

    Args:
        one: Names of the n instances, None where they say nothing.
        other: Others of the same.

    Returns:
        True if any instance is named in both, but differently.
    """
    return any(a != b for a, b in zip(one, other, strict=True) if a is not None and b is not None)


def _deciding(kinds: Sequence[Kind]) -> list[bool]:
    return [kind is Kind.VERTEBRA or Kind.VERTEBRA not in kinds for kind in kinds]


def _improbability(candidate: Candidate) -> float:
    return -candidate.probability


def _names(path: Sequence[int]) -> Names:
    return tuple(ANATOMY.names[after - 1] if after != before else None for before, after in pairwise((0, *path)))


def _marks(chosen: Sequence[Names], kinds: Sequence[Kind]) -> npt.NDArray[np.bool_]:
    """Steps that contradict each of the chosen candidates; if there is none, steps that name what decides.

    Shape (instances, STATES, candidates).
    """
    if chosen:
        return np.stack([_agreement(decisive(names, kinds)) < 0 for names in chosen], axis=2)
    return np.broadcast_to(np.array(_deciding(kinds), bool)[:, None, None], (len(kinds), STATES, 1))


def _joint_probabilities(steps: Floats, agreements: Sequence[Floats]) -> dict[tuple[int, ...], float]:
    """Posterior probability that the sequence agrees with all of a set of candidates, by their ascending numbers.

    Sequences in which the instances that two candidates name differently are false agree with both.
    """
    sets = [members for size in range(len(agreements)) for members in combinations(range(len(agreements)), size + 1)]
    together = np.stack([np.sum([agreements[k] for k in members], axis=0) for members in sets], axis=1)
    restricted = steps[:, None] + together[:, :, None, :]
    diagonal = np.arange(STATES)
    restricted[..., diagonal, diagonal] = steps[:, None, diagonal, diagonal]
    return dict(zip(sets, np.exp(total(restricted) - total(steps)).tolist(), strict=True))


def _exclusive(joint: Mapping[tuple[int, ...], float], number: int, others: Sequence[int]) -> float:
    """Probability of agreeing with one candidate and with none of the others, by inclusion and exclusion."""
    subsets = [subset for size in range(len(others) + 1) for subset in combinations(others, size)]
    terms = [(-1.0) ** len(subset) * joint[tuple(sorted((number, *subset)))] for subset in subsets]
    return min(max(math.fsum(terms), 0.0), 1.0)


def _agreement(names: Names) -> Floats:
    """Shape (instances, states), 0 where a state gives an instance no other name than this, else -inf."""
    rows = np.zeros((len(names), STATES))
    for row, name in zip(rows, names, strict=True):
        if name is not None:
            row[np.arange(STATES) != 1 + ANATOMY.names.index(name)] = -np.inf
    return rows
