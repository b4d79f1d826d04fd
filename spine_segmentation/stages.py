"""The stages as MONAI dictionary transforms, for the labeling bundle's own run."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from pathlib import Path
from typing import Any

from monai.transforms import MapTransform

from spine_segmentation.instances import split_instances
from spine_segmentation.labeler import name_instances
from spine_segmentation.segmenter import Segmenter


class Segmentd(MapTransform):
    """Adds the semantic map of a volume, made by the segmentation bundle, as ``semantic``.

    Args:
        keys: One Volume.
        models: Folder that holds the segmentation bundle.
        device: A torch device.
    """

    def __init__(self, keys: str | Iterable[Hashable], models: str | Path, device: str = "cpu") -> None:
        super().__init__(keys)
        self.segmenter = Segmenter(device, Path(models))

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Segment the volume.

        Args:
            data: Holds a :class:`Volume`, the MR image in any orientation.

        Returns:
            The dictionary with the semantic map added as ``semantic``, a uint8 volume on the same grid.

        Raises:
            UnsupportedOrientation: If the slices are thick and not sagittal.
            InvalidVolume: If an intensity is not finite, or the image is constant.
        """
        (key,) = self.key_iterator(data)
        return {**data, "semantic": self.segmenter(data[key])}


class SplitInstancesd(MapTransform):
    """Adds the separated structures of one semantic map as ``instances``."""

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Separate the structures of the semantic map.

        Args:
            data: Holds the semantic map, a uint8 :class:`Volume`, and the image on the same grid as ``image``.

        Returns:
            The dictionary with :class:`Instances` added as ``instances``.

        Raises:
            InvalidVolume: If the semantic map is not uint8 or has other values.
            UnsupportedOrientation: If the slices are thick and not sagittal.
        """
        (key,) = self.key_iterator(data)
        return {**data, "instances": split_instances(data[key], data["image"])}


class NameInstancesd(MapTransform):
    """Names the separated structures from the pooled evidence of their levels."""

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Name the structures.

        Args:
            data: Holds :class:`LevelEvidence` under each key, and the :class:`Instances` that it is about as
                ``instances``.

        Returns:
            The dictionary with the label map in place of the evidence: a uint8 volume of structure ids.

        Raises:
            UsageError: If the evidence does not fit the instances.
            InvalidVolume: If there are more than ``MAX_PER_KIND`` instances of one kind.
        """
        instances = data["instances"]
        return {
            **data,
            **{
                key: name_instances(instances, data[key].levels, data[key].below_s1).labels
                for key in self.key_iterator(data)
            },
        }
