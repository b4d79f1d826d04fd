from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spine_segmentation.evaluation.share import Share

COUNTS = st.lists(st.tuples(st.sampled_from("abcde"), st.integers(0, 4), st.integers(4, 9)), min_size=1, max_size=20)


@settings(max_examples=20, deadline=None)
@given(COUNTS)
def test_the_interval_contains_the_share(counts: list[tuple[str, int, int]]) -> None:
    share = Share.of(counts)
    assert share.value is not None and share.value == share.count / share.n
    if share.interval is not None:
        low, high = share.interval
        assert low - 1e-9 <= share.value <= high + 1e-9


def test_whole_patients_are_drawn_again() -> None:
    """Windows of one patient are no independent evidence: two patients tell no more with a hundred windows each."""
    share = Share.of([("a", 1, 1)] * 100 + [("b", 0, 1)] * 100)
    assert (share.count, share.n, share.value, share.interval) == (100, 200, 0.5, (0.0, 1.0))


def test_the_interval_has_the_width_of_a_binomial_one_where_each_patient_has_one_window() -> None:
    share = Share.of([(str(k), int(k < 80), 1) for k in range(100)])
    assert share.interval is not None
    half = 1.96 * np.sqrt(0.8 * 0.2 / 100)
    assert share.interval == pytest.approx((0.8 - half, 0.8 + half), abs=0.025)


def test_one_patient_has_no_interval() -> None:
    assert Share.of([("a", 1, 2), ("a", 2, 2), ("b", 0, 0)]).model_dump() == {
        "count": 3, "n": 4, "value": 0.75, "interval": None,
    }  # fmt: skip


def test_nothing_has_no_share() -> None:
    share = Share.of([])
    assert (share.count, share.n, share.value, share.interval) == (0, 0, None, None)
