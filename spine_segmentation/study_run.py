"""All series of a study through the pipeline: those that share patient space are named together, each fails alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from spine_segmentation.errors import InputError
from spine_segmentation.labeling.anchors import Anchor
from spine_segmentation.labeling.named_apart import set_apart
from spine_segmentation.pipeline import SpinePipeline
from spine_segmentation.results import Outcome, SpineResult
from spine_segmentation.study import Look, applicable_anchors
from spine_segmentation.volume import Volume


def process_study(
    pipeline: SpinePipeline, groups: Sequence[Mapping[str, Volume]], anchors: Sequence[Anchor] = ()
) -> dict[str, Outcome]:
    """Process the series of one study.

    Args:
        pipeline: The networks.
        groups: Series that share a frame of reference, by a title for remarks without patient data; no title twice.
        anchors: What is known about the levels of the first series that can be used; without effect where no series
            shows a spine.

    Returns:
        The outcome of each by its title, in the same order. Remarks say which were named together and which apart.

    Raises:
        UsageError: If an anchor means no structure, or anchors contradict one another.
        ModelError: If a network cannot be loaded.
    """
    failures: dict[str, Outcome] = {}
    looked = [seen for group in groups if (seen := _look_at(pipeline, group, failures))]
    known = applicable_anchors([look for seen in looked for _, look in seen.values()], anchors)
    named: list[dict[str, SpineResult]] = []
    for seen in looked:
        results = pipeline.name([*seen.values()], anchors=() if named else known)
        named.append(dict(zip(seen, results, strict=True)))
    found = {title: _compared(result, own, named) for own in named for title, result in own.items()}
    outcomes = failures | found
    return {title: outcomes[title] for group in groups for title in group}


def _look_at(
    pipeline: SpinePipeline, group: Mapping[str, Volume], failures: dict[str, Outcome]
) -> dict[str, tuple[SpineResult, Look]]:
    """Look at each series; why one cannot be used goes to the failures."""
    seen = {}
    for title, volume in group.items():
        try:
            seen[title] = pipeline.look(title, volume)
        except InputError as error:
            failures[title] = error
    return seen


def _compared(
    result: SpineResult, own: Mapping[str, SpineResult], named: Sequence[Mapping[str, SpineResult]]
) -> SpineResult:
    """Add what the series of other frames of reference say."""
    others = {title: other for group in named if group is not own for title, other in group.items()}
    apart = {title: other.labeling for title, other in others.items() if other.labeling is not None}
    if result.labeling is None:
        return result
    return replace(result, labeling=set_apart(result.labeling, apart, same_space=False))
