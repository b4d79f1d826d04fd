"""The three stages in a row, for people who want one call."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

import numpy as np

from spine_segmentation.anatomy import IVD, VERTEBRA
from spine_segmentation.bundles import select_device
from spine_segmentation.errors import NoSpineFound
from spine_segmentation.instances import split_instances
from spine_segmentation.labeler import Labeler
from spine_segmentation.results import SpineResult
from spine_segmentation.segmenter import Segmenter
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

    def __call__(self, volume: Volume, *, only_semantic: bool = False) -> SpineResult:
        """Process one volume.

        Args:
            volume: Sagittal MR image of any part of the spine, in any orientation.
            only_semantic: Stop after the semantic map; the labeling network is then not needed.

        Returns:
            What was found, on the volume's own grid; without structures where there is no spine.

        Raises:
            UnsupportedOrientation: If the slices are thick and not sagittal.
            InvalidVolume: If an intensity is not finite, or the image is constant.
            ModelError: If the labeling bundle's weights are absent or do not fit.
        """
        timings: dict[str, float] = {}
        with timed("segment", timings):
            semantic = self.segmenter(volume)
        if only_semantic:
            return SpineResult(volume, semantic, None, (self.segmenter.identity,), timings)
        with timed("split", timings):
            instances = split_instances(semantic)
        with timed("label", timings):
            labeling = self.labeler(volume, instances)
        return SpineResult(volume, semantic, labeling, (self.segmenter.identity, self.labeler.identity), timings)


def shows_spine(result: SpineResult) -> bool:
    """Tell whether any vertebra or disc was found.

    Args:
        result: The result of a run.
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
