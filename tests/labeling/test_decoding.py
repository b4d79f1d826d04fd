"""What is known of some of the instances, and of two decodings together."""

from __future__ import annotations

import numpy as np
import pytest

from spine_segmentation.anatomy import LEVELS
from spine_segmentation.labeling.decoding import DETERMINED_POSTERIOR, Decoding
from spine_segmentation.labeling.sequence import decode
from spine_segmentation.labeling.variant import Statement
from tests.phantoms import kinds, structures

NAMES = structures("T11", "S1")


def decoded(strength: float, shift: int = 0) -> Decoding:
    """The column with evidence of this strength for its names, or for those so many levels further up."""
    evidence = np.full((len(NAMES), len(LEVELS)), -strength)
    for row, name in zip(evidence, NAMES, strict=True):
        row[LEVELS.index(name.split("-")[0]) - shift] = 0.0
    return decode(kinds(NAMES), evidence)


def test_what_is_left_out_decides_no_longer() -> None:
    whole = decoded(8.0)
    part = whole.restrict([2, 3, 4], kinds(NAMES[2:5]))
    assert whole.determined and part.determined
    assert part.names == NAMES[2:5]
    assert [posterior.name for posterior in part.posteriors] == [*NAMES[2:5]]
    assert part.variant.statement == whole.variant.statement == Statement.NORMAL


def test_candidates_that_differ_in_what_is_left_out_become_one() -> None:
    unsure = decoded(0.1)
    assert len(unsure.candidates) > 1
    discs = [k for k, name in enumerate(NAMES) if "-" in name][:1]
    part = unsure.restrict(discs, kinds([NAMES[k] for k in discs]))
    assert len({candidate.names for candidate in part.candidates}) == len(part.candidates)
    assert sum(one.probability for one in part.candidates) == pytest.approx(
        sum(one.probability for one in unsure.candidates)
    )


def test_nothing_is_said_of_the_number_of_vertebrae_unless_the_levels_of_all_are_determined() -> None:
    unsure = decoded(0.1)
    assert unsure.probability < DETERMINED_POSTERIOR and not unsure.determined
    assert unsure.restrict(range(len(NAMES)), kinds(NAMES)).variant.statement == Statement.UNTOLD


def test_two_decodings_that_contradict_one_another_count_the_same() -> None:
    usual, higher = decoded(4.0), decoded(4.0, shift=1)
    both = usual.mix(higher, kinds(NAMES))
    assert not both.determined and {usual.names, higher.names} <= {one.names for one in both.candidates}
    np.testing.assert_allclose(np.exp(both.marginals), (np.exp(usual.marginals) + np.exp(higher.marginals)) / 2)
