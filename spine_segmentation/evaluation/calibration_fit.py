"""Fitting how much each evidence counts and when levels count as determined, cross-fitted by patient."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import numpy.typing as npt

from spine_segmentation.anatomy import LEVELS
from spine_segmentation.evaluation.naming import InstanceName, Naming, Weights, name_window
from spine_segmentation.evaluation.observation import ObservedWindow
from spine_segmentation.evaluation.reliability import coverage_curve, least_threshold
from spine_segmentation.evaluation.window_score import WindowScore, score_window
from spine_segmentation.progress import Progress

ACCURACY_WHERE_DETERMINED = 0.98
"""Wanted share of determined windows in which every name is right."""

IMAGE_WEIGHTS = (0.07, 0.12, 0.2, 0.35, 0.6, 1.0)
GEOMETRY_WEIGHTS = (0.15, 0.3, 0.5, 0.8)
"""What is tried, each with each."""

CRITERIA: dict[str, Callable[[WindowScore], float]] = {
    "sequence": lambda score: score.confidence,
    "least sure whole vertebra": lambda score: score.least_vertebra,
}
"""What may decide whether levels count as determined, each with a threshold of its own. The product takes the first."""

FOLDS = 5

_OTHER_NAMES = len(LEVELS) - 2
"""Names beside the best one and the runner-up that share the remaining probability."""

_LEAST_PROBABILITY = 1e-6
"""What is left of a probability that is rounded to zero."""


@dataclass(frozen=True)
class Fit:
    """What was chosen on some patients.

    Attributes:
        weights: Of the evidence.
        thresholds: For each of ``CRITERIA``, the least probability for which levels count as determined.
    """

    weights: Weights
    thresholds: dict[str, float]


@dataclass(frozen=True)
class CrossFit:
    """What was chosen on all patients, and how well such a choice does on patients that had no part in it.

    Attributes:
        fit: On all patients.
        folds: On all patients but those of one fold.
        before: Scores with the product's weights and its threshold.
        after: For each of ``CRITERIA``, scores with the weights and the threshold chosen without the patient's fold; of
            the same order.
    """

    fit: Fit
    folds: tuple[Fit, ...]
    before: tuple[WindowScore, ...]
    after: dict[str, tuple[WindowScore, ...]]


@dataclass(frozen=True)
class _Trial:
    """All windows named with one pair of weights.

    Attributes:
        weights: The pair.
        losses: One per window.
        scores: One per window.
    """

    weights: Weights
    losses: npt.NDArray[np.float64]
    scores: tuple[WindowScore, ...]


def cross_fit(windows: Sequence[ObservedWindow], progress: Progress | None = None) -> CrossFit:
    """Choose the weights with the least log loss of the true names, and the threshold that is accurate enough.

    Args:
        windows: Of at least two patients.
        progress: Called after each pair of weights.

    Returns:
        The choice on all patients, and the scores of every patient with what was chosen on those of the other folds.
    """
    pairs = [Weights(image, geometry) for image, geometry in product(IMAGE_WEIGHTS, GEOMETRY_WEIGHTS)]
    trials = []
    for weights in pairs:
        trials.append(_try(windows, weights))
        if progress is not None:
            progress(len(trials), len(pairs))
    folds = _folds(windows)
    fits = {fold: _fit(trials, np.flatnonzero(folds != fold)) for fold in sorted(set(folds.tolist()))}
    scores = {trial.weights: trial.scores for trial in trials}
    chosen = [fits[fold] for fold in folds.tolist()]
    return CrossFit(
        fit=_fit(trials, np.arange(len(windows))),
        folds=tuple(fits.values()),
        before=tuple(score_window(window, name_window(window)) for window in windows),
        after={
            name: tuple(_judge(scores[fit.weights][k], fit, name) for k, fit in enumerate(chosen)) for name in CRITERIA
        },
    )


def log_loss(window: ObservedWindow, naming: Naming) -> float:
    """Mean negative log-probability of the true names of the structures that were found.

    Args:
        window: The observation.
        naming: Names with their posteriors; what the best name and the runner-up leave is shared by the others.

    Returns:
        The loss; 0 where no structure was found.
    """
    found = [
        (structure.name, naming.names[structure.instance])
        for structure in window.structures
        if structure.instance is not None
    ]
    losses = [-np.log(_probability(true, name)) for true, name in found if name is not None]
    return float(np.mean(losses)) if losses else 0.0


def _probability(true: str, name: InstanceName) -> float:
    if true == name.name:
        probability = name.confidence
    elif true == name.runner_up:
        probability = name.runner_up_confidence
    else:
        probability = (1 - name.confidence - name.runner_up_confidence) / _OTHER_NAMES
    return max(probability, _LEAST_PROBABILITY)


def _try(windows: Sequence[ObservedWindow], weights: Weights) -> _Trial:
    namings = [name_window(window, weights) for window in windows]
    return _Trial(
        weights=weights,
        losses=np.array([log_loss(window, naming) for window, naming in zip(windows, namings, strict=True)]),
        scores=tuple(score_window(window, naming) for window, naming in zip(windows, namings, strict=True)),
    )


def _fit(trials: Sequence[_Trial], chosen: npt.NDArray[np.intp]) -> Fit:
    """Choose on some windows."""
    best = min(trials, key=lambda trial: float(trial.losses[chosen].mean()))
    scores = [best.scores[k] for k in chosen]
    correct = [score.correct for score in scores]
    curves = {name: coverage_curve(list(map(measure, scores)), correct) for name, measure in CRITERIA.items()}
    thresholds = {name: least_threshold(curve, ACCURACY_WHERE_DETERMINED) for name, curve in curves.items()}
    return Fit(best.weights, thresholds)


def _judge(score: WindowScore, fit: Fit, criterion: str) -> WindowScore:
    return score.model_copy(update={"determined": CRITERIA[criterion](score) >= fit.thresholds[criterion]})


def _folds(windows: Sequence[ObservedWindow]) -> npt.NDArray[np.intp]:
    """Number of the fold of each window; all windows of a patient are in one."""
    patients = sorted({window.window.patient for window in windows})
    order = np.random.default_rng(0).permutation(len(patients))
    fold = {patients[k]: position % FOLDS for position, k in enumerate(order)}
    return np.array([fold[window.window.patient] for window in windows], np.intp)
