"""The content of the labeling benchmark's report, ``labels.json``."""

from __future__ import annotations

from typing import Self

from pydantic import BaseModel, ConfigDict

from spine_segmentation.evaluation.label_summary import Calibration, SystemSummary
from spine_segmentation.evaluation.naming import Namer, count_from_below, name_by_geometry, name_window
from spine_segmentation.evaluation.observation import Observations
from spine_segmentation.evaluation.window_score import WindowScore, score_window
from spine_segmentation.results import ModelIdentity

BASELINES: dict[str, Namer] = {"geometry alone": name_by_geometry, "counting from below": count_from_below}
"""What the product is compared with, on the same windows and instances."""


class LabelReport(BaseModel):
    """The content of ``labels.json``."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)

    version: str
    """Version of this software."""
    synthetic: bool
    """Whether the scans come from this package's own generator: the figures are in distribution then."""
    true_instances: bool
    """Whether the truth's instances were named, not those of the segmentation."""
    models: tuple[ModelIdentity, ...]
    """The networks that were used."""
    most: int
    """Most windows of a scan."""
    seed: int
    """Seed of the draw of windows and of their cuts."""
    product: SystemSummary
    """Accuracies of this software."""
    baselines: tuple[SystemSummary, ...]
    """Accuracies of simpler ways of naming, on the same windows."""
    calibration: Calibration
    """Whether this software's confidences mean what they say."""
    windows: tuple[WindowScore, ...]
    """Every window."""
    unusable: dict[str, str]
    """Scans that show no window, with the reason."""

    @classmethod
    def of(cls, observations: Observations) -> Self:
        """Name and score all windows.

        Args:
            observations: The windows of a folder.
        """
        scores = _scores(observations, name_window)
        return cls(
            version=observations.version,
            synthetic=observations.synthetic,
            true_instances=observations.true_instances,
            models=observations.models,
            most=observations.most,
            seed=observations.seed,
            product=SystemSummary.of("this software", scores),
            baselines=tuple(SystemSummary.of(name, _scores(observations, namer)) for name, namer in BASELINES.items()),
            calibration=Calibration.of(scores),
            windows=scores,
            unusable=observations.unusable,
        )


def _scores(observations: Observations, namer: Namer) -> tuple[WindowScore, ...]:
    return tuple(score_window(window, namer(window)) for window in observations.windows)
