"""The content of the labeling benchmark's report, ``labels.json``."""

from __future__ import annotations

from typing import Self

from spine_segmentation.evaluation.label_summary import Calibration, SystemSummary
from spine_segmentation.evaluation.naming import Namer, count_from_below, name_by_geometry, name_window
from spine_segmentation.evaluation.observation import BenchmarkRun, Observations
from spine_segmentation.evaluation.variant_summary import VariantSummary, summarise_variants
from spine_segmentation.evaluation.window_score import WindowScore, score_window

BASELINES: dict[str, Namer] = {"geometry alone": name_by_geometry, "counting from below": count_from_below}
"""What the product is compared with, on the same windows and instances."""


class LabelReport(BenchmarkRun):
    """The content of ``labels.json``."""

    product: SystemSummary
    """Accuracies of this software."""
    baselines: tuple[SystemSummary, ...]
    """Accuracies of simpler ways of naming, on the same windows."""
    calibration: Calibration
    """Whether this software's confidences mean what they say."""
    variants: tuple[VariantSummary, ...]
    """How often this software states the right number of vertebrae, where it can be counted."""
    windows: tuple[WindowScore, ...]
    """Every window."""

    @classmethod
    def of(cls, observations: Observations) -> Self:
        """Name and score all windows.

        Args:
            observations: The windows of a folder.

        Returns:
            The report: summaries of this software and of the baselines, and every window.
        """
        scores = _scores(observations, name_window)
        return cls(
            **{name: getattr(observations, name) for name in BenchmarkRun.model_fields},
            product=SystemSummary.of("this software", scores),
            baselines=tuple(SystemSummary.of(name, _scores(observations, namer)) for name, namer in BASELINES.items()),
            calibration=Calibration.of(scores),
            variants=summarise_variants(scores),
            windows=scores,
        )


def _scores(observations: Observations, namer: Namer) -> tuple[WindowScore, ...]:
    return tuple(score_window(window, namer(window)) for window in observations.windows)
