"""The bundles' own transforms, as MONAI dictionary transforms.

Between them a dictionary holds ``image`` (Volume, then tensor), ``image_grid`` (the way back to the Volume's grid),
``pred`` (logits, then a Volume) and ``case`` (the name of the input).
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from monai.transforms import MapTransform

from spine_segmentation.anatomy import BACKGROUND, IVD, SACRUM_BELOW_S1, VERTEBRA
from spine_segmentation.errors import UsageError
from spine_segmentation.grid import CHUNK, NetworkGrid, stack_neighbours, to_network_grid
from spine_segmentation.io.nifti import read_nifti, write_nifti
from spine_segmentation.networks import CHANNELS
from spine_segmentation.normalization import normalize
from spine_segmentation.volume import Volume

Data = Mapping[Hashable, Any]

_SEMANTIC_VALUES = torch.zeros(len(CHANNELS), dtype=torch.uint8).fill_(BACKGROUND)
_SEMANTIC_VALUES[CHANNELS.index("vertebra")] = VERTEBRA
_SEMANTIC_VALUES[CHANNELS.index("ivd")] = IVD
_SEMANTIC_VALUES[CHANNELS.index("sacrum below S1")] = SACRUM_BELOW_S1


def list_cases(dataset_dir: str | Path) -> list[dict[str, Any]]:
    """List the NIfTI images of a folder as bundle inputs; ``*_seg`` and ``*_label`` files are left out.

    Args:
        dataset_dir: A folder with ``.nii`` or ``.nii.gz`` files.

    Returns:
        One dictionary an image, by file name: ``image``, the path, and ``case``, the name without suffix.

    Raises:
        OSError: If there is no such folder.
        UsageError: If two files have the same name but for their suffix.
    """
    files = sorted(path for path in Path(dataset_dir).iterdir() if path.name.endswith((".nii", ".nii.gz")))
    names = [(path, path.name.removesuffix(".gz").removesuffix(".nii")) for path in files]
    cases = {name: path for path, name in names if not name.endswith(("_seg", "_label"))}
    twice = [path.name for path, name in names if cases.get(name, path) != path]
    if twice:
        raise UsageError(
            f"{', '.join(twice)} beside a file of the same name but for the suffix",
            expected="one file a case",
            remedy="rename or remove one of them: the results of both would have the same name",
        )
    return [{"image": path, "case": name} for name, path in cases.items()]


class ReadNiftid(MapTransform):
    """Reads NIfTI files as volumes."""

    def __call__(self, data: Data) -> dict[Hashable, Any]:
        """Read the files.

        Args:
            data: Holds the path of a NIfTI file under each key.

        Returns:
            The dictionary with a :class:`Volume` in place of each path, float32, in the axis order of the file.

        Raises:
            InputError: If a file cannot be read, is not three-dimensional and finite, or says nothing of its
                orientation.
        """
        return {**data, **{key: read_nifti(Path(data[key])) for key in self.key_iterator(data)}}


class ToNetworkGridd(MapTransform):
    """Brings volumes to the networks' grid and remembers the way back under ``<key>_grid``.

    Args:
        keys: Volumes.
        pixel_size: In-plane, mm.
    """

    def __init__(self, keys: str | Iterable[Hashable], pixel_size: float) -> None:
        super().__init__(keys)
        self.pixel_size = pixel_size

    def __call__(self, data: Data) -> dict[Hashable, Any]:
        """Bring the volumes to the networks' grid.

        Args:
            data: Holds a :class:`Volume` in any orientation under each key.

        Returns:
            The dictionary with float32 intensities (slices, rows, columns) in place of each volume, and its
            :class:`NetworkGrid` as ``<key>_grid``.

        Raises:
            UnsupportedOrientation: If the slices are thick and not sagittal.
            InvalidVolume: If an intensity is not finite, or the image is constant.
        """
        result = dict(data)
        for key in self.key_iterator(result):
            result[key], result[f"{key}_grid"] = to_network_grid(result[key], self.pixel_size)
        return result


class StackNeighboursd(MapTransform):
    """Stacks every slice with its two neighbours.

    Args:
        keys: Intensities; the way back to their grid is under ``<key>_grid``.
    """

    def __call__(self, data: Data) -> dict[Hashable, Any]:
        """Stack the slices.

        Args:
            data: Holds intensities (slices, rows, columns) under each key.

        Returns:
            The dictionary with (slices, 3, rows, columns) in their place; channel 1 is the slice itself.
        """
        stacked = {key: stack_neighbours(data[key], data[f"{key}_grid"].neighbour) for key in self.key_iterator(data)}
        return {**data, **stacked}


class NormalizeTripletsd(MapTransform):
    """Normalises the intensities of every triplet of slices by itself."""

    def __call__(self, data: Data) -> dict[Hashable, Any]:
        """Normalise the intensities.

        Args:
            data: Holds triplets (slices, 3, rows, columns) under each key.

        Returns:
            The dictionary with normalised triplets of the same shape.
        """
        return {**data, **{key: _normalize(data[key]) for key in self.key_iterator(data)}}


class ToSemanticMapd(MapTransform):
    """Turns the segmentation network's logits into a semantic map on the grid of ``image``."""

    def __call__(self, data: Data) -> dict[Hashable, Any]:
        """Take the most probable class of every voxel.

        Args:
            data: Holds logits (slices, classes, padded rows, padded columns) under each key, and the
                :class:`NetworkGrid` as ``image_grid``.

        Returns:
            The dictionary with a uint8 :class:`Volume` on the input's grid in place of the logits: 0 background, 1
            vertebra, 2 IVD, 60 S2 and below.
        """
        return {**data, **{key: _semantic_map(data[key], data["image_grid"]) for key in self.key_iterator(data)}}


class WriteNiftid(MapTransform):
    """Writes volumes as ``<output_dir>/<case>/<filename>``.

    Args:
        keys: Volumes.
        output_dir: Created if need be.
        filename: Ends in ``.nii.gz``.
    """

    def __init__(self, keys: str | Iterable[Hashable], output_dir: str | Path, filename: str) -> None:
        super().__init__(keys)
        self.output_dir, self.filename = Path(output_dir), filename

    def __call__(self, data: Data) -> dict[Hashable, Any]:
        """Write the volumes.

        Args:
            data: Holds a :class:`Volume` under each key, and the name of the input as ``case``.

        Returns:
            A copy of the dictionary, unchanged.

        Raises:
            OutputError: If a file cannot be written.
            OSError: If its folder cannot be made.
        """
        folder = self.output_dir / data["case"]
        folder.mkdir(parents=True, exist_ok=True)
        for key in self.key_iterator(data):
            write_nifti(data[key], folder / self.filename)
        return dict(data)


def _normalize(triplets: torch.Tensor) -> torch.Tensor:
    return torch.cat([normalize(chunk) for chunk in torch.split(triplets, CHUNK)])


def _semantic_map(logits: torch.Tensor, grid: NetworkGrid) -> Volume:
    chunks = [_classes(chunk, grid) for chunk in torch.split(grid.crop(logits), CHUNK)]
    return grid.restore(torch.cat(chunks).numpy())


def _classes(logits: torch.Tensor, grid: NetworkGrid) -> torch.Tensor:
    """Most probable class at the input's pixel size; (slices, *canonical_size), uint8."""
    probabilities = F.interpolate(logits.float().softmax(1), grid.canonical_size, mode="bilinear", align_corners=False)
    return _SEMANTIC_VALUES[probabilities.argmax(1).cpu()]
