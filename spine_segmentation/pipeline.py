"""The three stages in a row, for people who want one call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import numpy as np

from spine_segmentation.anatomy import IVD, VERTEBRA
from spine_segmentation.bundles import select_device
from spine_segmentation.errors import NoSpineFound
from spine_segmentation.instances import split_instances
from spine_segmentation.labeler import Labeler
from spine_segmentation.labeling.anchors import Anchor
from spine_segmentation.results import Instances, Labeling, SpineResult
from spine_segmentation.segmenter import Segmenter
from spine_segmentation.study import Look, applicable_anchors, label_study
from spine_segmentation.timing import timed
from spine_segmentation.volume import Volume


class SpinePipeline:
    """Segments, separates and names; each network is loaded once, when it is first needed, and reused.

    Args:
        device: A torch device.
        models: Folder that holds the bundles; None for the ones that come with the package.
        labeling_device: Device of the labeling network; None for the same.

    Raises:
        ModelError: If the segmentation bundle's weights are absent or do not fit.
        DeviceUnavailable: If a device does not exist here.
    """

    def __init__(self, device: str = "cpu", models: Path | None = None, *, labeling_device: str | None = None) -> None:
        self._models, self._labeling_device = models, labeling_device or device
        select_device(self._labeling_device)
        self.segmenter = Segmenter(device, models)

    @cached_property
    def labeler(self) -> Labeler:
        """The labeler, loaded at first use."""
        return Labeler(self._labeling_device, self._models)

    def __call__(self, volume: Volume, *, only_semantic: bool = False, anchors: Sequence[Anchor] = ()) -> SpineResult:
        """Process one volume.

        Args:
            volume: Sagittal MR image of any part of the spine, in any orientation.
            only_semantic: Stop after the semantic map; the labeling network is then not needed.
            anchors: What is known about the levels; without effect where there is no spine.

        Returns:
            What was found, on the volume's own grid; without structures where there is no spine.

        Raises:
            UnsupportedOrientation: If the slices are thick and not sagittal.
            InvalidVolume: If an intensity is not finite, or the image is constant.
            UsageError: If an anchor means no structure, or anchors contradict one another.
            ModelError: If the labeling bundle's weights are absent or do not fit.
        """
        if only_semantic:
            return self._segmented(volume)
        result, instances = self._separated(volume)
        with timed("label", result.timings):
            labeling = self.labeler(volume, instances, anchors=anchors if instances.items else ())
        return self._labelled(result, labeling)

    def study(self, volumes: Mapping[str, Volume], *, anchors: Sequence[Anchor] = ()) -> tuple[SpineResult, ...]:
        """Process several volumes of one patient that share patient space, with one numbering for all.

        Args:
            volumes: By a title for remarks, without patient data; coordinates of all are in one frame of reference.
            anchors: What is known about the levels of the first volume; without effect where none shows a spine.

        Returns:
            What was found in each, see :func:`~spine_segmentation.study.label_study`.

        Raises:
            UnsupportedOrientation: If the slices of a volume are thick and not sagittal.
            InvalidVolume: If an intensity is not finite, or an image is constant.
            UsageError: If an anchor means no structure, or anchors contradict one another.
            ModelError: If the labeling bundle's weights are absent or do not fit.
        """
        seen = [self.look(title, volume) for title, volume in volumes.items()]
        return self.name(seen, anchors=applicable_anchors([look for _, look in seen], anchors))

    def look(self, title: str, volume: Volume) -> tuple[SpineResult, Look]:
        """Segment one volume and separate its structures, for :meth:`name`.

        Args:
            title: What remarks call it, without patient data.
            volume: Sagittal MR image of any part of the spine, in any orientation.

        Returns:
            The result as far as it goes, and what the volume shows.

        Raises:
            UnsupportedOrientation: If the slices are thick and not sagittal.
            InvalidVolume: If an intensity is not finite, the image is constant, or there are more structures of one
                kind than there are ids.
            ModelError: If the labeling bundle's weights are absent or do not fit.
        """
        result, instances = self._separated(volume)
        with timed("label", result.timings):
            return result, Look(title, instances, self.labeler.look(volume, instances))

    def name(
        self, seen: Sequence[tuple[SpineResult, Look]], *, anchors: Sequence[Anchor] = ()
    ) -> tuple[SpineResult, ...]:
        """Name the structures of several volumes that share patient space, with one numbering for all.

        Args:
            seen: From :meth:`look`, at least one.
            anchors: What is known about the levels of the first volume.

        Returns:
            What was found in each, see :func:`~spine_segmentation.study.label_study`.

        Raises:
            UsageError: If an anchor means no structure, or anchors contradict one another.
        """
        labelings = label_study([look for _, look in seen], anchors)
        return tuple(self._labelled(result, labeling) for (result, _), labeling in zip(seen, labelings, strict=True))

    def _segmented(self, volume: Volume) -> SpineResult:
        timings: dict[str, float] = {}
        with timed("segment", timings):
            semantic = self.segmenter(volume)
        return SpineResult(volume, semantic, None, (self.segmenter.identity,), timings)

    def _separated(self, volume: Volume) -> tuple[SpineResult, Instances]:
        result = self._segmented(volume)
        with timed("split", result.timings):
            instances = split_instances(result.semantic, volume)
        return result, instances

    def _labelled(self, result: SpineResult, labeling: Labeling) -> SpineResult:
        return replace(result, labeling=labeling, models=(*result.models, self.labeler.identity))


def shows_spine(result: SpineResult) -> bool:
    """Tell whether any vertebra or disc was found.

    Args:
        result: The result of a run.

    Returns:
        True if there is a named structure, or where nothing was named a voxel of a vertebra or disc.
    """
    if result.labeling is not None:
        return bool(result.labeling.structures)
    return bool(np.isin(result.semantic.array, (VERTEBRA, IVD)).any())


def require_spine(result: SpineResult) -> None:
    """Make sure that something was found.

    Args:
        result: The result of a run.

    Raises:
        NoSpineFound: If there is neither a vertebra nor a disc in it.
    """
    if not shows_spine(result):
        raise NoSpineFound(
            "neither a vertebra nor a disc in this image",
            expected="a sagittal MR image that shows part of the spine",
            remedy="check that the right series was chosen (spine-segmentation series FOLDER)",
        )
