"""Sums and best paths of a lattice against all its paths written down."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spine_segmentation.labeling.lattice import backward, best_paths, forward, log_sum, total

STATES = 4


def random_lattice(seed: int, length: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    steps = rng.normal(0.0, 3.0, (length, STATES, STATES))
    return np.where(rng.random(steps.shape) < 0.3, -np.inf, steps)


def all_paths(steps: np.ndarray) -> dict[tuple[int, ...], float]:
    """Log weight of every possible path."""
    weights = {}
    for path in product(range(STATES), repeat=len(steps)):
        weight = sum(step[before, after] for step, before, after in zip(steps, (0, *path), path, strict=False))
        if weight > -np.inf:
            weights[path] = float(weight)
    return weights


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(0, 5), st.integers(1, 9))
def test_the_best_paths_are_those_of_brute_force(seed: int, length: int, count: int) -> None:
    steps = random_lattice(seed, length)
    weights = all_paths(steps)
    assert best_paths(steps, count) == sorted(weights, key=lambda path: -weights[path])[:count]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(0, 5))
def test_sums_run_over_all_paths(seed: int, length: int) -> None:
    steps = random_lattice(seed, length)
    weights = list(all_paths(steps).values())
    expected = np.logaddexp.reduce(weights) if weights else -np.inf
    assert total(steps) == pytest.approx(expected)
    assert backward(steps)[0, 0] == pytest.approx(expected)
    for into, out_of in zip(forward(steps), backward(steps), strict=True):
        assert log_sum(into + out_of, axis=0) == pytest.approx(expected)


def test_several_lattices_at_once() -> None:
    lattices = [random_lattice(seed, 5) for seed in range(3)]
    assert total(np.stack(lattices, axis=1)) == pytest.approx([float(total(steps)) for steps in lattices])


def test_what_is_far_less_likely_is_not_lost() -> None:
    """A path a thousand nats behind wins where the leading one ends."""
    steps = np.full((2, 2, 2), -np.inf)
    steps[0, 0] = [0.0, -2000.0]
    steps[1, 1, 1] = -5.0
    assert best_paths(steps, 2) == [(1, 1)]
    assert total(steps) == pytest.approx(-2005.0)
