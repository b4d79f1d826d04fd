"""The growing waits, and what counts as a failure."""

from __future__ import annotations

import math
import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spine_segmentation.pacs.attempt import STORED, Outcome, judge_status
from spine_segmentation.pacs.backoff import Backoff
from tests.pacs.lab import wait_for
from tests.pacs.test_clocks import Clock

seconds = st.floats(1e-3, 1e6)
"""What a configuration may say: any positive number."""


@given(first=seconds, longest=seconds, failures=st.integers(1, 200))
def test_waits_are_between_half_and_all_of_a_bound_that_doubles_to_the_longest(
    first: float, longest: float, failures: int
) -> None:
    backoff = Backoff(first, longest, Clock())
    waits = [backoff.failed("a") for _ in range(failures)]
    bounds = [min(longest, first * 2.0 ** min(k, 100)) for k in range(failures)]
    assert all(0 < bound / 2 <= wait <= bound <= longest for wait, bound in zip(waits, bounds, strict=True))
    assert all(earlier <= later for earlier, later in pairwise(bounds))


@given(first=seconds, longest=seconds)
def test_waits_stay_bounded_however_often_it_fails(first: float, longest: float) -> None:
    backoff = Backoff(first, longest, Clock())
    wait = [backoff.failed("a") for _ in range(3000)][-1]
    assert math.isfinite(wait)
    assert wait <= longest


@given(first=seconds, longest=seconds, failures=st.integers(1, 40))
def test_it_is_due_when_the_last_wait_is_over_and_not_before(first: float, longest: float, failures: int) -> None:
    clock = Clock()
    backoff = Backoff(first, longest, clock)
    wait = [backoff.failed("a") for _ in range(failures)][-1]
    assert backoff.is_due("b")
    clock.now += 0.99 * wait
    assert not backoff.is_due("a")
    clock.now += 0.02 * wait
    assert backoff.is_due("a")


@given(failures=st.integers(1, 40))
def test_success_makes_it_due_at_once_and_the_next_wait_a_first_one(failures: int) -> None:
    backoff = Backoff(1.0, 1e6, Clock())
    for _ in range(failures):
        backoff.failed("a")
    backoff.succeeded("a")
    assert backoff.is_due("a")
    assert backoff.failed("a") <= 1.0


def test_what_is_not_tried_any_more_is_forgotten() -> None:
    backoff = Backoff(1.0, 1e6, Clock())
    for key in "ab":
        backoff.failed(key)
    backoff.keep({"a"})
    assert [backoff.is_due(key) for key in "ab"] == [False, True]


def test_a_clock_that_is_set_back_delays_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    backoff = Backoff(0.1, 0.1)
    wait = backoff.failed("a")
    right = time.time
    monkeypatch.setattr(time, "time", lambda: right() - 86400)
    before = time.monotonic()
    wait_for(lambda: backoff.is_due("a"), "it is never due", 10)
    assert time.monotonic() - before >= 0.5 * wait


@given(st.integers(0, 0xFFFF))
def test_every_status_is_judged_and_only_success_and_warnings_are_stored(status: int) -> None:
    attempt = judge_status(status)
    if status in {0x0000, 0x0111} or 0xB000 <= status <= 0xBFFF:
        assert attempt == STORED
    else:
        out_of_resources = 0xA700 <= status <= 0xA7FF
        assert attempt.outcome is (Outcome.UNREACHABLE if out_of_resources else Outcome.REFUSED)
        assert f"0x{status:04X}" in attempt.reason
