"""Sums over all paths through a lattice, and its best paths.

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


def best_paths(steps: Floats, count: int) -> list[tuple[int, ...]]:
    """Find the best paths, by the list Viterbi algorithm: every state keeps as many survivors as are asked for.

    After Seshadri and Sundberg, List Viterbi decoding algorithms with applications, IEEE Trans. Commun. 1994.

    Args:
        steps: Shape (n, states, states), log weights.
        count: How many.

    Returns:
        States of each path after each step, best path first; fewer if not so many are possible.
    """
    states = steps.shape[1]
    scores = np.full((count, states), -np.inf)
    scores[0, 0] = 0.0
    origins = []
    for step in steps:
        candidates = (scores[:, :, None] + step).reshape(count * states, states)
        origins.append(_largest(candidates, count))
        scores = np.take_along_axis(candidates, origins[-1], axis=0)
    ends = np.argsort(-scores, axis=None, kind="stable")[:count]
    return [_trace(origins, int(end), states) for end in ends if scores.flat[end] > -np.inf]


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


def _largest(values: Floats, count: int) -> npt.NDArray[np.intp]:
    """Rows of the largest values of each column, descending; (count, columns)."""
    chosen = np.argpartition(-values, count - 1, axis=0)[:count]
    order = np.argsort(-np.take_along_axis(values, chosen, axis=0), axis=0, kind="stable")
    return np.take_along_axis(chosen, order, axis=0)


def _trace(origins: Sequence[npt.NDArray[np.intp]], end: int, states: int) -> tuple[int, ...]:
    """States of a path after each step, from the survivor at its end."""
    path = [end]
    for origin in reversed(origins):
        path.append(int(origin[divmod(path[-1], states)]))
    return tuple(survivor % states for survivor in reversed(path[:-1]))
