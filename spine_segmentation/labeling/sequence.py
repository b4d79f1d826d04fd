"""The exact dynamic programme that finds the anatomically possible sequence of levels.

A hidden Markov chain over the instances, top to bottom. Its state is the structure named last. An instance either gets
the name of a structure further down, where every structure that is jumped over was missed at a cost, or it is a false
instance (an island, the second half of a body split in two): then the state stays and the instance gets no name. Thus
every path through the states is another sequence of names, the order can never be violated, and what is missed or
false does not shift the rest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np

from spine_segmentation.anatomy import LEVELS, Kind
from spine_segmentation.arrays import Floats
from spine_segmentation.errors import UsageError
from spine_segmentation.labeling.candidates import find_candidates
from spine_segmentation.labeling.decoding import Decoding
from spine_segmentation.labeling.enumeration import ANATOMY, ENUMERATIONS, Enumeration
from spine_segmentation.labeling.lattice import backward, forward, log_sum, total
from spine_segmentation.labeling.presence import Presence
from spine_segmentation.labeling.transitions import STATES, Transitions
from spine_segmentation.labeling.variant import describe_variant

FALSE_INSTANCE = 2e-4
"""Probability that an instance is none of the structures, before sizes and distances are seen. The reference system's
splitting was flawed in 0.8 % of its scans of up to 48 structures, which is 2e-4 each."""

RESIDUAL_SEGMENT = 0.1
"""Probability that an instance below S1 is a sacral segment or a residual disc that the segmentation took for a mobile
one; a working figure."""

_C2, _S1 = (1 + ANATOMY.names.index(name) for name in ("C2", "S1"))


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
    transitions = Transitions.of_anatomy()
    lattice = partial(
        _steps,
        kinds=kinds,
        evidence=evidence,
        below_s1=sacral,
        known=known or {},
        presence=presence or Presence.unknown(len(kinds)),
    )
    steps = lattice(transitions.merged)
    _require_possible(steps, known or {})
    candidates = find_candidates(steps, kinds)
    names = candidates[0].names if candidates else (None,) * len(kinds)
    enumerations = _enumeration_posteriors(lattice(transitions.single))
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


def _require_possible(steps: Floats, known: Mapping[int, str]) -> None:
    if not np.isfinite(total(steps)):
        raise UsageError(
            f"the names {', '.join(known[k] for k in sorted(known))} from top to bottom contradict one another",
            expected="names in their anatomical order",
            remedy="check which vertebra each anchor means",
        )


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
    emissions = np.where(ANATOMY.kinds == is_vertebra[:, None], evidence[:, ANATOMY.levels], -np.inf)
    mean_evidence = log_sum(evidence, axis=1) - np.log(len(LEVELS))
    false = np.repeat((np.log(FALSE_INSTANCE) + presence.false + mean_evidence)[:, None], STATES, 1)
    false[:, _S1] = np.logaddexp(false[:, _S1], np.log(RESIDUAL_SEGMENT) + below_s1)
    for instance, name in known.items():
        emissions[instance, np.arange(STATES - 1) != ANATOMY.names.index(name)] = -np.inf
        false[instance] = -np.inf
    weights = np.tensordot(np.exp(presence.missed), transitions, axes=1)
    steps: Floats = np.log(weights, out=np.full_like(weights, -np.inf), where=weights > 0)
    steps[..., 1:] += emissions.reshape(len(kinds), *[1] * (transitions.ndim - 2), STATES - 1)
    diagonal = np.arange(STATES)
    steps[..., diagonal, diagonal] = false.reshape(len(kinds), *[1] * (transitions.ndim - 3), STATES)
    steps[:1, ..., 0, 1:] += np.where(diagonal[1:] == _C2, 0.0, presence.unseen_above)
    steps[-1:, ..., 1:] += np.where(diagonal[1:] == _S1, 0.0, presence.unseen_below)
    return steps


def _marginals(steps: Floats) -> Floats:
    """Log posterior of each name for each instance: shape (instances, structures)."""
    into, out_of = forward(steps), backward(steps)
    joint = into[:-1, :, None] + steps + out_of[1:, None, :] - out_of[0, 0]
    diagonal = np.arange(STATES)
    joint[:, diagonal, diagonal] = -np.inf
    return log_sum(joint, axis=1)[:, 1:]


def _enumeration_posteriors(steps: Floats) -> dict[Enumeration, float]:
    """Bayes' rule over the enumerations, each with a chain of its own."""
    logs = total(steps) + np.log([enumeration.prior for enumeration in ENUMERATIONS])
    posteriors = np.exp(logs - log_sum(logs, axis=0))
    return dict(zip(ENUMERATIONS, posteriors.tolist(), strict=True))
