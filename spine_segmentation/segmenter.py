"""Stage 1: from a volume to a semantic map."""

from __future__ import annotations

from pathlib import Path

from spine_segmentation.bundles import bundle_folder, load_bundle
from spine_segmentation.results import ModelIdentity
from spine_segmentation.volume import Volume


class Segmenter:
    """Finds the vertebrae and intervertebral discs with the segmentation bundle.

    Args:
        device: A torch device.
        models: Folder that holds the bundles; None for the ones that come with the package.

    Raises:
        ModelError: If the bundle's weights are absent or do not fit.
        DeviceUnavailable: If the device does not exist here.
    """

    def __init__(self, device: str = "cpu", models: Path | None = None) -> None:
        self._bundle = load_bundle(bundle_folder("segmentation", models), device)

    @property
    def identity(self) -> ModelIdentity:
        """Which network this is."""
        return self._bundle.identity

    def __call__(self, volume: Volume) -> Volume:
        """Segment.

        Args:
            volume: MR image in any orientation.

        Returns:
            uint8 on the same grid: 0 background, 1 vertebra, 2 IVD, 60 S2 and below (auxiliary).

        Raises:
            UnsupportedOrientation: If the slices are thick and not sagittal.
            InvalidVolume: If an intensity is not finite, or the image is constant.
        """
        semantic: Volume = self._bundle.run({"image": volume})["pred"]
        return semantic
