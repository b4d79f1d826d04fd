"""What every training data set gives: a normalised triplet of slices and the target of the middle one."""

from __future__ import annotations

from typing import Literal, TypedDict

from torch import Tensor

from spine_segmentation.normalization import normalize

Task = Literal["semantic", "level"]
"""Which network is trained: segmentation or labeling."""

IGNORE = 255
"""Target value of pixels whose class is unknown."""

NO_DISC = 254
"""Target value of pixels whose class is unknown, except that they are no disc: what lies below the lowest disc."""


class Sample(TypedDict):
    """One training sample.

    ``image``: normalised triplet (3, rows, columns), float32. ``label``: (1, rows, columns), int64, ``IGNORE`` where
    unknown.
    """

    image: Tensor
    label: Tensor


def thin_out(target: Tensor, scores: Tensor) -> Tensor:
    """Take of a target the pixel in the middle of every cell that is scored.

    Args:
        target: Shape (batch, 1, rows, columns).
        scores: Shape (batch, channels, rows / stride, columns / stride), for any whole stride.

    Returns:
        Shape (batch, rows / stride, columns / stride).
    """
    stride = target.shape[-1] // scores.shape[-1]
    return target[:, 0, stride // 2 :: stride, stride // 2 :: stride]


def make_sample(image: Tensor, target: Tensor, task: Task) -> Sample:
    """Normalise the image; where there is no structure, there is no level to learn.

    Args:
        image: Triplet of slices, (3, rows, columns), float32, not negative; exact zeros are outside the field of view.
        target: Channel numbers of the middle slice, (rows, columns), uint8.
        task: What the channel numbers mean.

    Returns:
        The sample.
    """
    label = target[None].long()
    if task == "level":
        label[label == 0] = IGNORE
    return {"image": normalize(image[None])[0], "label": label}
