"""The interface of the published reference package of the same name, so that its users can change without a rewrite."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from spine_segmentation.anatomy import BY_ID, BY_NAME, SACRUM_BELOW_S1, VERTEBRA
from spine_segmentation.errors import InvalidVolume
from spine_segmentation.pipeline import SpinePipeline
from spine_segmentation.results import SpineResult
from spine_segmentation.volume import Array, Volume

logger = logging.getLogger(__name__)

REFERENCE_AXES = "LAS"
"""The reference's axis convention: sagittal slices, then posterior to anterior, then inferior to superior."""

REFERENCE_SPACING = (3.3, 0.8, 0.8)
"""Voxel size of the images that the reference was made for, mm; taken where the caller gives none."""

Device = Literal["CPU", "GPU"] | int


@dataclass
class SegmentationResult:
    """What the reference returns.

    Attributes:
        semantic_segmentation: uint8, shape of the input: 0 background, 1 vertebra, 2 intervertebral disc. As in the
            reference, the whole sacrum counts as the vertebra S1.
        instance_segmentation: uint8, shape of the input: structure ids, 1 (C2) to 49 (S1), 50 to 55 for what the
            reference's numbering cannot say, 100 + k and 200 + k for the k-th vertebra and disc of undetermined level.
            None if it was not asked for.
        id_to_label: Name of every id.
    """

    semantic_segmentation: npt.NDArray[np.uint8]
    instance_segmentation: npt.NDArray[np.uint8] | None
    id_to_label: dict[int, str]


class SegmentationInference:
    """Segments and names the vertebrae and discs of a spine MRI array.

    Args:
        segmentation_device: ``"CPU"``, ``"GPU"`` or the number of a GPU.
        instance_segmentation_device: Likewise, for the second network.
        output_same_shape_as_input: Accepted for compatibility; results always have the shape of the input, so that
            nothing is cut off.

    Raises:
        DeviceUnavailable: If there is no such GPU.
        ModelError: If the networks' weights are absent or do not fit.
    """

    def __init__(
        self,
        segmentation_device: Device = "CPU",
        instance_segmentation_device: Device = "CPU",
        *,
        output_same_shape_as_input: bool = False,
    ) -> None:
        self.output_same_shape_as_input = output_same_shape_as_input
        self._pipeline = SpinePipeline(
            _torch_device(segmentation_device), labeling_device=_torch_device(instance_segmentation_device)
        )

    def segment(
        self,
        mri_3d_numpy_image: Array,
        *,
        only_2class_segmentation: bool = False,
        cache_dir: Literal["auto"] | Path | str | None = "auto",
        spacing: tuple[float, float, float] | None = None,
        axis_codes: str = REFERENCE_AXES,
    ) -> SegmentationResult:
        """Segment one image.

        Args:
            mri_3d_numpy_image: Shape (slices, width, height) by the reference's convention: sagittal slices, posterior
                to anterior, inferior to superior. Any intensity scale.
            only_2class_segmentation: Skip the second network and return no instances.
            cache_dir: Accepted for compatibility; nothing is ever cached on disk.
            spacing: Voxel size along the three axes, mm; None for that of the reference's own images.
            axis_codes: Direction in which each array index grows, three letters of L, R, A, P, S, I.

        Returns:
            Arrays of the input's shape and axis order.

        Raises:
            InvalidVolume: If the array is not a usable three-dimensional image.
            UsageError: If spacing or axis codes make no sense.
            UnsupportedOrientation: If the slices are thick and not sagittal.
        """
        image = np.asarray(mri_3d_numpy_image)
        if image.ndim == 2:
            raise InvalidVolume(
                f"a two-dimensional image of shape {image.shape}",
                expected="a three-dimensional array (slices, width, height)",
                remedy="pass all slices of the scan; for a single slice pass image[np.newaxis]",
            )
        if spacing is None:
            logger.info("no spacing given: taking %s mm", REFERENCE_SPACING)
        volume = Volume.from_axes(image, axis_codes, spacing or REFERENCE_SPACING)
        return _to_reference(self._pipeline(volume, only_semantic=only_2class_segmentation))


def _to_reference(result: SpineResult) -> SegmentationResult:
    """Merge what lies below S1 into S1, as the reference counts it, and name every id."""
    sacrum = result.semantic.array == SACRUM_BELOW_S1
    semantic = np.where(sacrum, VERTEBRA, result.semantic.array).astype(np.uint8)
    names = {0: "unexpected_0", **{k: BY_ID[k].name for k in range(1, BY_NAME["S1"].id + 1)}}
    if result.labeling is None:
        return SegmentationResult(semantic, None, names)
    instances = result.labeling.labels.array.copy()
    if any(structure.name == "S1" for structure in result.labeling.structures):
        instances[sacrum] = BY_NAME["S1"].id
    names.update({structure.id: structure.title for structure in result.labeling.structures})
    return SegmentationResult(semantic, instances, names)


def _torch_device(device: Device) -> str:
    if isinstance(device, int):
        return f"cuda:{device}"
    return {"CPU": "cpu", "GPU": "cuda"}.get(device.upper(), device)
