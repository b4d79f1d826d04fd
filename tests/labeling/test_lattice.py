"""Sums and best paths of a lattice against all its paths written down."""

from __future__ import annotations

from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spine_segmentation.labeling.lattice import backward, best_path, forward, log_sum, total

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


def collected(path: tuple[int, ...], marks: np.ndarray) -> np.ndarray:
    """Which marks a path collects where it changes its state."""
    changes = [k for k, (before, after) in enumerate(pairwise((0, *path))) if before != after]
    return np.any([marks[k, path[k]] for k in changes], axis=0) if changes else np.zeros(marks.shape[2], bool)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(0, 5), st.integers(0, 3))
def test_the_best_path_with_all_marks_is_that_of_brute_force(seed: int, length: int, count: int) -> None:
    steps = random_lattice(seed, length)
    marks = np.random.default_rng((seed, 1)).random((length, STATES, count)) < 0.3
    weights = {path: weight for path, weight in all_paths(steps).items() if collected(path, marks).all()}
    assert best_path(steps, marks) == max(weights, key=lambda path: weights[path], default=None)


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
    assert best_path(steps, np.zeros((2, 2, 0), bool)) == (1, 1)
    assert total(steps) == pytest.approx(-2005.0)
