"""The series of a study through the pipeline: each fails for itself."""

from __future__ import annotations

from spine_segmentation.errors import InvalidVolume
from spine_segmentation.pipeline import SpinePipeline
from spine_segmentation.results import SpineResult
from spine_segmentation.study_run import process_study
from spine_segmentation.synth.generator import SyntheticScan


def test_a_series_that_cannot_be_used_leaves_the_others_alone(
    lumbar_scan: SyntheticScan, pipeline: SpinePipeline
) -> None:
    image = lumbar_scan.image
    flat = image.with_array(image.array * 0)
    outcomes = process_study(pipeline, [{"flat": flat, "spine": image}, {"also flat": flat}])
    assert list(outcomes) == ["flat", "spine", "also flat"]
    assert isinstance(outcomes["flat"], InvalidVolume)
    assert isinstance(outcomes["also flat"], InvalidVolume)
    spine = outcomes["spine"]
    assert isinstance(spine, SpineResult)
    assert spine.labeling is not None
    assert spine.labeling.remarks == ()


def test_nothing_gives_nothing(pipeline: SpinePipeline) -> None:
    assert process_study(pipeline, []) == {}
