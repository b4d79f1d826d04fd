"""The exact dynamic programme that finds the anatomically possible sequence of levels.

A hidden Markov chain over the instances, top to bottom. Its state is the structure named last. An instance either gets
the name of a structure further down, where every structure that is jumped over was missed at a cost, or it is a false
instance (an island, the second half of a body split in two): then the state stays and the instance gets no name. Thus
every path through the states is another sequence of names, the order can never be violated, and what is missed or
false does not shift the rest.

Of a body that the segmentation split in two, one half or the other may be the false one: the sequences differ, and yet
they say the same. Likewise the vertebrae decide where the field of view ends in a disc: below L5 lies L5-S1, or L5-L6
in one person of twenty. A candidate therefore is a sequence together with all that give the vertebrae no other names,
and its posterior is the probability that these names are right and those of no better candidate are. Where there are
discs alone, their names decide.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from itertools import combinations, pairwise

import numpy as np

from spine_segmentation.anatomy import LEVELS, Kind
from spine_segmentation.errors import UsageError
from spine_segmentation.labeling.enumeration import ENUMERATIONS, Anatomy, Enumeration, build_anatomy
from spine_segmentation.labeling.lattice import Floats, backward, best_paths, forward, log_sum, total
from spine_segmentation.labeling.presence import MISSED_COUNTS, Presence
from spine_segmentation.labeling.variant import Variant, describe_variant
from spine_segmentation.results import Candidate

MISSED_DISC = 1e-3
MISSED_BODY = 1e-3
"""Probability that a structure inside the field of view has no instance, before distances are seen; a working figure:
five times the following, since narrowed discs and collapsed bodies of patients are easily missed."""

MISSED_NEXT = 0.3
"""Probability that the structure below a missed one is missed, too: a block vertebra takes a disc and what makes two
bodies of it, metal and collapse take all around them. A working figure."""

FALSE_INSTANCE = 2e-4
"""Probability that an instance is none of the structures, before sizes and distances are seen. The reference system's
splitting was flawed in 0.8 % of its scans of up to 48 structures, which is 2e-4 each."""

RESIDUAL_SEGMENT = 0.1
"""Probability that an instance below S1 is a sacral segment or a residual disc that the segmentation took for a mobile
one; a working figure."""

CANDIDATES = 3
"""How many candidates are looked for: more alternatives are no help to whoever has to choose."""

SURVIVORS = 8
"""How many of the best sequences are looked at to find them: some differ in false instances alone."""

Names = tuple[str | None, ...]

_ANATOMY = build_anatomy()
_STATES = 1 + len(_ANATOMY.names)
_C2, _S1 = (1 + _ANATOMY.names.index(name) for name in ("C2", "S1"))


@dataclass(frozen=True)
class NamePosterior:
    """What is known about the name of one instance.

    Attributes:
        name: In the best sequence; None if the instance is false there.
        best_name: ``name``, or the most likely one for a false instance.
        probability: Posterior probability of ``best_name``.
        runner_up: The most likely other name, None if no other is possible.
        runner_up_probability: Its posterior probability.
    """

    name: str | None
    best_name: str
    probability: float
    runner_up: str | None
    runner_up_probability: float


@dataclass(frozen=True)
class Decoding:
    """The outcome of the dynamic programme.

    Attributes:
        candidates: The most likely candidates, at most ``CANDIDATES``, best first; empty if nothing can be named.
        marginals: Shape (instances, structures), log posterior of each name for each instance.
        enumerations: Posterior probability of every enumeration of the whole spine; equal to its prior where the
            field of view shows nothing of it.
        variant: The enumeration variant that the best candidate implies, with its odds.
    """

    candidates: tuple[Candidate, ...]
    marginals: Floats
    enumerations: dict[Enumeration, float]
    variant: Variant

    @property
    def names(self) -> tuple[str | None, ...]:
        """The best candidate; None for false instances."""
        return self.candidates[0].names if self.candidates else (None,) * len(self.marginals)

    @property
    def posteriors(self) -> tuple[NamePosterior, ...]:
        """What is known about the name of each instance, top to bottom."""
        return tuple(_posterior(name, row) for name, row in zip(self.names, self.marginals, strict=True))

    @property
    def probability(self) -> float:
        """Posterior probability of the best candidate, 0 if there is none."""
        return self.candidates[0].probability if self.candidates else 0.0


@dataclass(frozen=True)
class _Chains:
    """Weights that do not depend on the scan, of all enumerations together and of each.

    Shape (MISSED_COUNTS, ..., states, states), by the number of vertebrae that are jumped over. State 0 means that
    nothing is named yet, state 1 + k that structure k was named last.
    """

    merged: Floats
    single: Floats


def decode(
    kinds: Sequence[Kind],
    evidence: Floats,
    below_s1: Floats | None = None,
    known: Mapping[int, str] | None = None,
    presence: Presence | None = None,
) -> Decoding:
    """Find the most likely candidates and the posterior of every name.

    Args:
        kinds: Of the n instances, top to bottom.
        evidence: Shape (n, len(LEVELS)), float64, log-likelihood of each instance for each level, finite; for a disc
            the level of the vertebra above it.
        below_s1: Shape (n,), log-likelihood that an instance is part of the sacrum below S1; None if that is unknown.
        known: Names that are certain, by the number of the instance from 0; such an instance is not false.
        presence: What sizes and distances say of false instances and missed vertebrae; None if that is unknown.

    Returns:
        Candidates and posteriors. An instance below S1 is a false one.

    Raises:
        UsageError: If the shapes do not agree, a value is not finite, a kind is neither vertebra nor disc, or no
            anatomically possible sequence has the known names.
    """
    check_evidence(kinds, evidence)
    sacral = np.full(len(kinds), -np.inf) if below_s1 is None else below_s1
    chains = _chains()
    lattice = partial(
        _steps,
        kinds=kinds,
        evidence=evidence,
        below_s1=sacral,
        known=known or {},
        presence=presence or Presence.unknown(len(kinds)),
    )
    steps = lattice(chains.merged)
    _require_possible(steps, known or {})
    candidates = _candidates(steps, kinds)
    names = candidates[0].names if candidates else (None,) * len(kinds)
    enumerations = _enumeration_posteriors(lattice(chains.single))
    return Decoding(
        candidates=candidates,
        marginals=_marginals(steps),
        enumerations=enumerations,
        variant=describe_variant(names, enumerations),
    )


def check_evidence(kinds: Sequence[Kind], evidence: Floats) -> None:
    """Check that there is evidence for every instance.

    Args:
        kinds: Of the n instances.
        evidence: Shape (n, len(LEVELS)), finite.

    Raises:
        UsageError: If the shapes do not agree, a value is not finite, or a kind is neither vertebra nor disc.
    """
    if evidence.shape != (len(kinds), len(LEVELS)) or not np.isfinite(evidence).all():
        raise UsageError(
            f"evidence of shape {evidence.shape} for {len(kinds)} instances, or not finite",
            expected=f"finite log-likelihoods of shape ({len(kinds)}, {len(LEVELS)})",
            remedy="pass one row per instance and one column per level of anatomy.LEVELS",
        )
    if Kind.SACRUM in kinds:
        raise UsageError("an instance of kind sacrum", expected="vertebrae and discs", remedy="leave the sacrum out")


def decisive(names: Names, kinds: Sequence[Kind]) -> Names:
    """The names that tell candidates apart: those of the vertebrae, or of all where there are only discs.

    Args:
        names: Of the n instances, top to bottom; None for false ones.
        kinds: Of the same.

    Returns:
        The same names, None for those that do not decide.
    """
    discs_alone = Kind.VERTEBRA not in kinds
    return tuple(
        name if discs_alone or kind is Kind.VERTEBRA else None for name, kind in zip(names, kinds, strict=True)
    )


def contradict(one: Names, other: Names) -> bool:
    """Tell whether the same instance has two names.

    Args:
        one: Names of the n instances, None where they say nothing.
        other: Others of the same.

    Returns:
        True if any instance is named in both, but differently.
    """
    return any(a != b for a, b in zip(one, other, strict=True) if a is not None and b is not None)


def _require_possible(steps: Floats, known: Mapping[int, str]) -> None:
    if not np.isfinite(total(steps)):
        raise UsageError(
            f"the names {', '.join(known[k] for k in sorted(known))} from top to bottom contradict one another",
            expected="names in their anatomical order",
            remedy="check which vertebra each anchor means",
        )


@cache
def _chains() -> _Chains:
    """The chain over all enumerations, and those of each."""
    single = np.stack([_transitions(build_anatomy((enumeration,))) for enumeration in ENUMERATIONS], axis=1)
    return _Chains(merged=_transitions(_ANATOMY), single=single)


def _transitions(anatomy: Anatomy) -> Floats:
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
    weights = np.zeros((MISSED_COUNTS, len(bodies) + 1, len(bodies) + 1))
    weights[0, 0, 1:] = anatomy.occurrence / len(bodies)
    weights[:, 1:, 1:] = onwards
    return weights


def _steps(
    transitions: Floats,
    kinds: Sequence[Kind],
    evidence: Floats,
    below_s1: Floats,
    known: Mapping[int, str],
    presence: Presence,
) -> Floats:
    """Log weight of every step: (instances, ..., states before, states after); the diagonal is a false instance."""
    is_vertebra = np.array([kind is Kind.VERTEBRA for kind in kinds], dtype=bool)
    emissions = np.where(_ANATOMY.kinds == is_vertebra[:, None], evidence[:, _ANATOMY.levels], -np.inf)
    mean_evidence = log_sum(evidence, axis=1) - np.log(len(LEVELS))
    false = np.repeat((np.log(FALSE_INSTANCE) + presence.false + mean_evidence)[:, None], _STATES, 1)
    false[:, _S1] = np.logaddexp(false[:, _S1], np.log(RESIDUAL_SEGMENT) + below_s1)
    for instance, name in known.items():
        emissions[instance, np.arange(_STATES - 1) != _ANATOMY.names.index(name)] = -np.inf
        false[instance] = -np.inf
    weights = np.tensordot(np.exp(presence.missed), transitions, axes=1)
    steps: Floats = np.log(weights, out=np.full_like(weights, -np.inf), where=weights > 0)
    steps[..., 1:] += emissions.reshape(len(kinds), *[1] * (transitions.ndim - 2), _STATES - 1)
    diagonal = np.arange(_STATES)
    steps[..., diagonal, diagonal] = false.reshape(len(kinds), *[1] * (transitions.ndim - 3), _STATES)
    steps[:1, ..., 0, 1:] += np.where(diagonal[1:] == _C2, 0.0, presence.unseen_above)
    steps[-1:, ..., 1:] += np.where(diagonal[1:] == _S1, 0.0, presence.unseen_below)
    return steps


def _candidates(steps: Floats, kinds: Sequence[Kind]) -> tuple[Candidate, ...]:
    """The best candidates with their posteriors: paths that contradict one another, and all paths that agree."""
    chosen: list[Names] = []
    deciding: list[Names] = []
    for path in best_paths(steps, SURVIVORS):
        names = _names(path)
        telling = decisive(names, kinds)
        if any(telling) and all(contradict(telling, other) for other in deciding):
            chosen.append(names)
            deciding.append(telling)
    if not chosen:
        return ()
    joint = _joint_probabilities(steps, [_agreement(names) for names in deciding[:CANDIDATES]])
    order = sorted(range(min(len(chosen), CANDIDATES)), key=lambda k: -joint[k,])
    candidates = [Candidate(chosen[k], _exclusive(joint, k, order[:rank])) for rank, k in enumerate(order)]
    return tuple(sorted(candidates, key=lambda candidate: -candidate.probability))


def _joint_probabilities(steps: Floats, agreements: Sequence[Floats]) -> dict[tuple[int, ...], float]:
    """Posterior probability that the sequence agrees with all of a set of candidates, by their ascending numbers.

    Sequences in which the instances that two candidates name differently are false agree with both.
    """
    sets = [members for size in range(len(agreements)) for members in combinations(range(len(agreements)), size + 1)]
    together = np.stack([np.sum([agreements[k] for k in members], axis=0) for members in sets], axis=1)
    restricted = steps[:, None] + together[:, :, None, :]
    diagonal = np.arange(_STATES)
    restricted[..., diagonal, diagonal] = steps[:, None, diagonal, diagonal]
    return dict(zip(sets, np.exp(total(restricted) - total(steps)).tolist(), strict=True))


def _exclusive(joint: Mapping[tuple[int, ...], float], number: int, others: Sequence[int]) -> float:
    """Probability of agreeing with one candidate and with none of the others, by inclusion and exclusion."""
    subsets = [subset for size in range(len(others) + 1) for subset in combinations(others, size)]
    terms = [(-1.0) ** len(subset) * joint[tuple(sorted((number, *subset)))] for subset in subsets]
    return min(max(math.fsum(terms), 0.0), 1.0)


def _agreement(names: Names) -> Floats:
    """Shape (instances, states), 0 where a state gives an instance no other name than this, else -inf."""
    rows = np.zeros((len(names), _STATES))
    for row, name in zip(rows, names, strict=True):
        if name is not None:
            row[np.arange(_STATES) != 1 + _ANATOMY.names.index(name)] = -np.inf
    return rows


def _marginals(steps: Floats) -> Floats:
    """Log posterior of each name for each instance: shape (instances, structures)."""
    into, out_of = forward(steps), backward(steps)
    joint = into[:-1, :, None] + steps + out_of[1:, None, :] - out_of[0, 0]
    diagonal = np.arange(_STATES)
    joint[:, diagonal, diagonal] = -np.inf
    return log_sum(joint, axis=1)[:, 1:]


def _names(path: Sequence[int]) -> Names:
    return tuple(_ANATOMY.names[after - 1] if after != before else None for before, after in pairwise((0, *path)))


def _posterior(name: str | None, marginals: Floats) -> NamePosterior:
    """Best name and runner-up of one instance from the log posteriors of its names."""
    order = np.argsort(-marginals, kind="stable")
    best = _ANATOMY.names.index(name) if name is not None else int(order[0])
    other = next(int(k) for k in order if k != best)
    probabilities = np.minimum(np.exp(marginals), 1.0)  # beyond 1 by rounding
    return NamePosterior(
        name=name,
        best_name=_ANATOMY.names[best],
        probability=float(probabilities[best]),
        runner_up=_ANATOMY.names[other] if marginals[other] > -np.inf else None,
        runner_up_probability=float(probabilities[other]),
    )


def _enumeration_posteriors(steps: Floats) -> dict[Enumeration, float]:
    """Bayes' rule over the enumerations, each with a chain of its own."""
    logs = total(steps) + np.log([enumeration.prior for enumeration in ENUMERATIONS])
    posteriors = np.exp(logs - log_sum(logs, axis=0))
    return dict(zip(ENUMERATIONS, posteriors.tolist(), strict=True))
