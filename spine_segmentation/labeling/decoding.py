"""What the dynamic programme found out about the names of a row of instances."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from spine_segmentation.anatomy import Kind
from spine_segmentation.arrays import Floats
from spine_segmentation.labeling.candidates import CANDIDATES, Names, merge_candidates
from spine_segmentation.labeling.enumeration import ANATOMY, Enumeration
from spine_segmentation.labeling.variant import Variant
from spine_segmentation.results import Candidate

DETERMINED_POSTERIOR = 0.9
"""Least posterior probability of a candidate for which the levels count as determined; two or three that reach it
together are ambiguous. If the network's evidence is calibrated, one in ten of the labellings that only just pass has a
wrong name."""


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
    def names(self) -> Names:
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

    @property
    def determined(self) -> bool:
        """Whether the best candidate is likely enough."""
        return self.probability >= DETERMINED_POSTERIOR

    def restrict(self, members: Sequence[int], kinds: Sequence[Kind]) -> Self:
        """Leave instances out.

        Args:
            members: Numbers of those that stay, from 0, top to bottom.
            kinds: Of these.

        Returns:
            What is known of them; nothing of the number of vertebrae unless the levels of all are determined.
        """
        candidates = [replace(one, names=tuple(one.names[k] for k in members)) for one in self.candidates]
        return replace(
            self,
            candidates=merge_candidates(candidates, kinds),
            marginals=self.marginals[list(members)],
            variant=self.variant if self.determined else Variant(),
        )

    def mix(self, other: Self, kinds: Sequence[Kind]) -> Self:
        """Give this and another decoding of the same instances the same weight.

        Args:
            other: With other evidence.
            kinds: Of the instances, top to bottom.

        Returns:
            The candidates and posteriors of both; the enumerations and the variant of this one.
        """
        halved = [replace(one, probability=one.probability / 2) for one in (*self.candidates, *other.candidates)]
        return replace(
            self,
            candidates=merge_candidates(halved, kinds)[:CANDIDATES],
            marginals=np.logaddexp(self.marginals, other.marginals) - np.log(2),
        )


def _posterior(name: str | None, marginals: Floats) -> NamePosterior:
    """Best name and runner-up of one instance from the log posteriors of its names."""
    order = np.argsort(-marginals, kind="stable")
    best = ANATOMY.names.index(name) if name is not None else int(order[0])
    other = next(int(k) for k in order if k != best)
    probabilities = np.minimum(np.exp(marginals), 1.0)  # beyond 1 by rounding
    return NamePosterior(
        name=name,
        best_name=ANATOMY.names[best],
        probability=float(probabilities[best]),
        runner_up=ANATOMY.names[other] if marginals[other] > -np.inf else None,
        runner_up_probability=float(probabilities[other]),
    )
