"""Sums over all paths through a lattice, and its best path under a condition.

A lattice has the log weight of every step from one state to the next: shape (steps, ..., states before, states after),
leading axes being several lattices at once. Every path starts in state 0 and may end in any.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from spine_segmentation.arrays import Floats


def forward(steps: Floats) -> Floats:
    """Sum over all paths that lead into a state.

    Args:
        steps: Shape (n, ..., states, states), log weights, -inf where a step is impossible.

    Returns:
        Log weights, shape (n + 1, ..., states).
    """
    weights = np.full((len(steps) + 1, *steps.shape[1:-1]), -np.inf)
    weights[0, ..., 0] = 0.0
    for i, step in enumerate(steps):
        weights[i + 1] = log_sum(weights[i][..., :, None] + step, axis=-2)
    return weights


def backward(steps: Floats) -> Floats:
    """Sum over all paths that lead out of a state.

    Args:
        steps: As for :func:`forward`.

    Returns:
        Log weights, shape (n + 1, ..., states).
    """
    weights = np.zeros((len(steps) + 1, *steps.shape[1:-1]))
    for i in reversed(range(len(steps))):
        weights[i] = log_sum(steps[i] + weights[i + 1][..., None, :], axis=-1)
    return weights


def total(steps: Floats) -> Floats:
    """Sum over all paths.

    Args:
        steps: As for :func:`forward`.

    Returns:
        Log weight, shape (...); -inf where no path is possible.
    """
    return log_sum(forward(steps)[-1], axis=-1)


def best_path(steps: Floats, marks: npt.NDArray[np.bool_]) -> tuple[int, ...] | None:
    """Find the best path that collects every mark at least once, by the Viterbi algorithm.

    For every state it keeps the best path for each set of marks collected so far.

    Args:
        steps: Shape (n, states, states), log weights.
        marks: Shape (n, states, m), what a path collects that steps into a state from another one.

    Returns:
        States after each step; None if no such path is possible.
    """
    sets = 2 ** marks.shape[2]
    scores = np.full((sets, steps.shape[1]), -np.inf)
    scores[0, 0] = 0.0
    origins = []
    for step, mark in zip(steps, marks @ (2 ** np.arange(marks.shape[2])), strict=True):
        scores, origin = _advance(scores, step, mark)
        origins.append(origin)
    end = int(scores[-1].argmax())
    return _trace(origins, scores.size - scores.shape[1] + end, scores.shape[1]) if scores[-1, end] > -np.inf else None


def log_sum(logs: Floats, axis: int) -> Floats:
    """Log of the sum of exponentials, -inf where all are; several times as fast as SciPy's for small arrays.

    Args:
        logs: Any shape, below +inf.
        axis: To sum over.

    Returns:
        Shape of the logs without the axis.
    """
    largest = logs.max(axis=axis, keepdims=True)
    shift = np.where(np.isfinite(largest), largest, 0.0)
    with np.errstate(divide="ignore"):
        summed: Floats = np.log(np.exp(logs - shift).sum(axis=axis)) + shift.squeeze(axis)
    return summed


def _advance(scores: Floats, step: Floats, mark: npt.NDArray[np.intp]) -> tuple[Floats, npt.NDArray[np.intp]]:
    """Best scores after a step and the flat places they come from, both (sets, states)."""
    places = np.arange(scores.size).reshape(scores.shape)
    diagonal = np.arange(len(step))
    arrivals = scores[:, :, None] + step
    arrivals[:, diagonal, diagonal] = -np.inf
    before = places[:, :1] + arrivals.argmax(axis=1)
    sets = np.arange(len(scores))
    leads = (sets[:, None, None] | mark) == sets[:, None]
    moves = np.where(leads, arrivals.max(axis=1)[:, None], -np.inf)
    moved, came = moves.max(axis=0), before[moves.argmax(axis=0), diagonal]
    stayed = scores + step[diagonal, diagonal]
    return np.maximum(stayed, moved), np.where(stayed >= moved, places, came)


def _trace(origins: Sequence[npt.NDArray[np.intp]], end: int, states: int) -> tuple[int, ...]:
    """States of a path after each step, from the flat place of its end."""
    path = [end]
    for origin in reversed(origins):
        path.append(int(origin.flat[path[-1]]))
    return tuple(place % states for place in reversed(path[:-1]))
