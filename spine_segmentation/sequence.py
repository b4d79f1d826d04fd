"""The exact dynamic programme that finds the anatomically possible sequence of levels.

A hidden Markov chain over the instances, top to bottom. Its state is the structure named last. An instance either gets
the name of a structure further down, where every structure that is jumped over was missed at a cost, or it is a false
instance (an island, the second half of a body split in two): then the state stays and the instance gets no name. Thus
every path through the states is another sequence of names, the order can never be violated, and what is missed or
false does not shift the rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from scipy.special import logsumexp

from spine_segmentation.anatomy import LEVELS, Kind
from spine_segmentation.enumeration import ENUMERATIONS, Anatomy, Enumeration, Variant, build_anatomy, describe_variant
from spine_segmentation.errors import UsageError

MISSED_DISC = 1e-3
MISSED_BODY = 1e-3
"""Probability that a structure inside the field of view has no instance, a working figure: five times the following,
since narrowed discs and collapsed bodies of patients are easily missed."""

FALSE_INSTANCE = 2e-4
"""Probability that an instance is none of the structures. The reference system's splitting was flawed in 0.8 % of its
scans of up to 48 structures, which is 2e-4 each."""

RESIDUAL_SEGMENT = 0.1
"""Probability that an instance below S1 is a sacral segment or a residual disc that the segmentation took for a mobile
one; a working figure."""

Matrix = npt.NDArray[np.float64]


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
        posteriors: One per instance, top to bottom.
        names: The best sequence; None for false instances.
        probability: Its posterior probability.
        runner_up: The second best sequence; empty if there is none.
        runner_up_probability: Its posterior probability.
        enumerations: Posterior probability of every enumeration of the whole spine; equal to its prior where the
            field of view shows nothing of it.
        variant: The enumeration variant that the best sequence implies, with its odds.
    """

    posteriors: tuple[NamePosterior, ...]
    names: tuple[str | None, ...]
    probability: float
    runner_up: tuple[str | None, ...]
    runner_up_probability: float
    enumerations: dict[Enumeration, float]
    variant: Variant


@dataclass(frozen=True)
class _Chain:
    """Log weights of the chain that do not depend on the image.

    State 0 means that nothing is named yet, state 1 + k that structure k was named last.
    """

    anatomy: Anatomy
    transitions: Matrix


def decode(kinds: Sequence[Kind], evidence: Matrix, below_s1: Matrix | None = None) -> Decoding:
    """Find the best and the second best sequence of names, and the posterior of every name.

    Args:
        kinds: Of the n instances, top to bottom.
        evidence: Shape (n, len(LEVELS)), float64, log-likelihood of each instance for each level, finite; for a disc
            the level of the vertebra above it.
        below_s1: Shape (n,), log-likelihood that an instance is part of the sacrum below S1; None if that is unknown.

    Returns:
        Sequences and posteriors. An instance below S1 is a false one.

    Raises:
        UsageError: If the shapes do not agree, a value is not finite, or a kind is neither vertebra nor disc.
    """
    check_evidence(kinds, evidence)
    sacral = np.full(len(kinds), -np.inf) if below_s1 is None else below_s1
    chain = _chain(ENUMERATIONS)
    steps = _steps(chain, kinds, evidence, sacral)
    log_likelihood = _log_likelihood(steps)
    (best, best_score), (second, second_score) = _two_best(steps)
    names = _names(best, chain.anatomy)
    marginals = _marginals(steps)
    enumerations = _enumeration_posteriors(kinds, evidence, sacral)
    return Decoding(
        posteriors=tuple(_posterior(name, row, chain.anatomy) for name, row in zip(names, marginals, strict=True)),
        names=names,
        probability=float(np.exp(best_score - log_likelihood)),
        runner_up=_names(second, chain.anatomy) if second_score > -np.inf else (),
        runner_up_probability=float(np.exp(second_score - log_likelihood)),
        enumerations=enumerations,
        variant=describe_variant(names, enumerations),
    )


def check_evidence(kinds: Sequence[Kind], evidence: Matrix) -> None:
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


@cache
def _chain(enumerations: tuple[Enumeration, ...]) -> _Chain:
    """Transitions between states: from one structure to any below it, and to any from the start.

    The sum over all ways of missing what lies between is the geometric series S + S M S + S M S M S + ..., with the
    successor matrix S and the diagonal matrix M of the probabilities of a miss.
    """
    anatomy = build_anatomy(enumerations)
    missed = np.where(anatomy.kinds, MISSED_BODY, MISSED_DISC)
    onwards, term = anatomy.successors, anatomy.successors
    while term.any():
        term = term * missed @ anatomy.successors
        onwards = onwards + term
    weights = np.zeros((len(missed) + 1, len(missed) + 1))
    weights[0, 1:] = anatomy.occurrence / len(missed)
    weights[1:, 1:] = onwards
    with np.errstate(divide="ignore"):
        return _Chain(anatomy, np.log(weights))


def _steps(chain: _Chain, kinds: Sequence[Kind], evidence: Matrix, below_s1: Matrix) -> Matrix:
    """Log weight of every step: shape (instances, states before, states after); the diagonal is a false instance."""
    anatomy = chain.anatomy
    is_vertebra = np.array([kind is Kind.VERTEBRA for kind in kinds], dtype=bool)
    emissions = np.where(anatomy.kinds == is_vertebra[:, None], evidence[:, anatomy.levels], -np.inf)
    steps = np.repeat(chain.transitions[None], len(kinds), axis=0)
    steps[:, :, 1:] += emissions[:, None, :]
    false = np.log(FALSE_INSTANCE) + logsumexp(evidence, axis=1) - np.log(len(LEVELS))
    diagonal = np.arange(steps.shape[1])
    steps[:, diagonal, diagonal] = false[:, None]
    s1 = 1 + anatomy.names.index("S1")
    steps[:, s1, s1] = np.logaddexp(false, np.log(RESIDUAL_SEGMENT) + below_s1)
    return steps


def _log_likelihood(steps: Matrix) -> float:
    return float(logsumexp(_forward(steps)[-1]))


def _forward(steps: Matrix) -> Matrix:
    """Log weight of all paths that lead into a state: shape (instances + 1, states)."""
    weights = np.full((len(steps) + 1, steps.shape[1]), -np.inf)
    weights[0, 0] = 0.0
    for i, step in enumerate(steps):
        weights[i + 1] = logsumexp(weights[i][:, None] + step, axis=0)
    return weights


def _backward(steps: Matrix) -> Matrix:
    """Log weight of all paths that lead out of a state: shape (instances + 1, states)."""
    weights = np.zeros((len(steps) + 1, steps.shape[1]))
    for i in reversed(range(len(steps))):
        weights[i] = logsumexp(steps[i] + weights[i + 1], axis=1)
    return weights


def _marginals(steps: Matrix) -> Matrix:
    """Log posterior of each name for each instance: shape (instances, structures)."""
    forward, backward = _forward(steps), _backward(steps)
    joint = forward[:-1, :, None] + steps + backward[1:, None, :] - backward[0, 0]
    diagonal = np.arange(steps.shape[1])
    joint[:, diagonal, diagonal] = -np.inf
    marginals: Matrix = logsumexp(joint, axis=1)[:, 1:]
    return marginals


def _two_best(steps: Matrix) -> list[tuple[list[int], float]]:
    """Find the two best paths and their log weights, by the list Viterbi algorithm with two survivors a state."""
    states = steps.shape[1]
    scores = np.full((2, states), -np.inf)
    scores[0, 0] = 0.0
    origins = []
    for step in steps:
        candidates = (scores[:, :, None] + step).reshape(2 * states, states)
        origins.append(np.argsort(-candidates, axis=0, kind="stable")[:2])
        scores = np.take_along_axis(candidates, origins[-1], axis=0)
    ends = np.argsort(-scores, axis=None, kind="stable")[:2]
    return [(_trace(origins, int(end), states), float(scores.flat[end])) for end in ends]


def _trace(origins: Sequence[npt.NDArray[np.intp]], end: int, states: int) -> list[int]:
    """States of a path, the start included, from the survivor at its end."""
    path = [end]
    for origin in reversed(origins):
        path.append(int(origin[divmod(path[-1], states)]))
    return [survivor % states for survivor in reversed(path)]


def _names(path: Sequence[int], anatomy: Anatomy) -> tuple[str | None, ...]:
    return tuple(anatomy.names[after - 1] if after != before else None for before, after in pairwise(path))


def _posterior(name: str | None, marginals: Matrix, anatomy: Anatomy) -> NamePosterior:
    """Best name and runner-up of one instance from the log posteriors of its names."""
    order = np.argsort(-marginals, kind="stable")
    best = anatomy.names.index(name) if name is not None else int(order[0])
    other = next(int(k) for k in order if k != best)
    possible = marginals[other] > -np.inf
    return NamePosterior(
        name=name,
        best_name=anatomy.names[best],
        probability=float(np.exp(marginals[best])),
        runner_up=anatomy.names[other] if possible else None,
        runner_up_probability=float(np.exp(marginals[other])),
    )


def _enumeration_posteriors(kinds: Sequence[Kind], evidence: Matrix, below_s1: Matrix) -> dict[Enumeration, float]:
    """Bayes' rule over the enumerations, each with a chain of its own."""
    logs = [
        np.log(enumeration.prior) + _log_likelihood(_steps(_chain((enumeration,)), kinds, evidence, below_s1))
        for enumeration in ENUMERATIONS
    ]
    posteriors = np.exp(logs - logsumexp(logs))
    return dict(zip(ENUMERATIONS, posteriors.tolist(), strict=True))
