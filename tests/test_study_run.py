"""The series of a study through the pipeline: each fails for itself."""

from __future__ import annotations

import pytest

from spine_segmentation.errors import InvalidVolume, UsageError
from spine_segmentation.labeling.anchors import Anchor
from spine_segmentation.pipeline import SpinePipeline
from spine_segmentation.results import SpineResult
from spine_segmentation.study_run import process_study
from spine_segmentation.synth.generator import SyntheticScan
from spine_segmentation.volume import Volume


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


def test_anchors_are_to_blame_only_where_some_series_shows_a_spine(
    lumbar_scan: SyntheticScan, no_spine: Volume, pipeline: SpinePipeline
) -> None:
    anchors = (Anchor("L5", "lowest"),)
    assert [*process_study(pipeline, [{"one": no_spine}, {"two": no_spine}], anchors)] == ["one", "two"]
    assert len(pipeline.study({"one": no_spine, "two": no_spine}, anchors=anchors)) == 2
    with pytest.raises(UsageError, match="anchor"):
        process_study(pipeline, [{"one": no_spine}, {"spine": lumbar_scan.image}], anchors)


def test_nothing_gives_nothing(pipeline: SpinePipeline) -> None:
    assert process_study(pipeline, []) == {}
