"""Random views and random looks of an annotated scan."""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from spine_segmentation.training.samples import NO_DISC

Random = np.random.Generator

_END_MM = 130.0
"""At most so much of the labelled column is cut off its end: from the third sacral segment up to L4."""

_LOWER_END_SHARE = 0.7
"""Lower ends are cut more often: there L5 and S1 must be told apart."""

_BOTH_ENDS_SHARE = 0.5
_LEAST_KEPT_MM = 80.0
"""Share of cut scans that end on the other side as well, after at least two bodies."""


def random_view(
    image: Tensor,
    target: Tensor,
    spacing: tuple[float, float],
    shape: tuple[int, int],
    pixel_size: float,
    random: Random,
) -> tuple[Tensor, Tensor]:
    """Cut a randomly placed, rotated, scaled and bent window.

    Args:
        image: Shape (channels, rows, columns), float32.
        target: Shape (channels, rows, columns), uint8 class numbers.
        spacing: Row and column spacing of both, mm.
        shape: (rows, columns) of the window.
        pixel_size: Pixel size of the window, mm; a random scale from 0.8 to 1.25 comes on top.
        random: Source of randomness.

    Returns:
        Image and target of the window; zeros outside the image.
    """
    rows, columns = image.shape[-2:]
    centre = _random_centre(target, random)
    angle = math.radians(random.normal(0, 7))
    scale = pixel_size * float(np.exp(random.uniform(math.log(0.8), math.log(1.25))))
    stretch = float(np.exp(random.normal(0, 0.06)))
    grid = torch.stack(
        torch.meshgrid(torch.arange(shape[0]) - shape[0] / 2, torch.arange(shape[1]) - shape[1] / 2, indexing="ij"), -1
    )
    bend = _smooth_field(2, shape, cell=64, random=random).permute(1, 2, 0) * random.uniform(0, 2.5)
    down, across = ((grid + bend) * scale).unbind(-1)
    row = centre[0] + (math.cos(angle) * down - math.sin(angle) * across) * stretch / spacing[0]
    column = centre[1] + (math.sin(angle) * down + math.cos(angle) * across) / stretch / spacing[1]
    where = torch.stack([(2 * column + 1) / columns - 1, (2 * row + 1) / rows - 1], dim=-1)[None]
    view = F.grid_sample(image[None], where, align_corners=False)[0]
    labels = F.grid_sample(target[None].float(), where, mode="nearest", align_corners=False)[0]
    return view, labels.to(torch.uint8)


def crop_field_of_view(image: Tensor, target: Tensor, random: Random) -> tuple[Tensor, Tensor]:
    """Blank a random margin, as a small field of view would: the image becomes zero, the target background.

    Args:
        image: Shape (channels, rows, columns).
        target: Shape (rows, columns).
        random: Source of randomness.

    Returns:
        Image and target of the same shapes.
    """
    inside = torch.zeros(image.shape[-2:], dtype=torch.bool)
    (top, bottom), (left, right) = (_random_range(length, random) for length in image.shape[-2:])
    inside[top:bottom, left:right] = True
    return image * inside, target * inside


def cut_column(image: Tensor, target: Tensor, pixel_size: float, random: Random) -> tuple[Tensor, Tensor]:
    """Blank one end of the column or both, as a scan does that ends there: the last body in view is often cut, S1 most.

    Args:
        image: Shape (channels, rows, columns).
        target: Shape (rows, columns), 0 where nothing is labelled.
        pixel_size: mm.
        random: Source of randomness.

    Returns:
        Image and target of the same shapes, both zero where they end; unchanged if nothing is labelled.
    """
    labelled = torch.nonzero((target > 0).any(1))[:, 0]
    if len(labelled) == 0:
        return image, target
    inside = torch.zeros(image.shape[-2:], dtype=torch.bool)
    inside[_rows_in_view(int(labelled[0]), int(labelled[-1]), pixel_size, random)] = True
    return image * inside, target * inside


def _rows_in_view(first: int, last: int, pixel_size: float, random: Random) -> slice:
    """Rows of a scan that ends within a column from the first to the last row."""
    length = last - first
    cut = round(random.uniform(0, min(_END_MM / pixel_size, 0.6 * length)))
    one_end = random.random() >= _BOTH_ENDS_SHARE
    kept = last + 1 if one_end else round(max(_LEAST_KEPT_MM / pixel_size, random.random() * length))
    end = last + 1 - cut
    if random.random() < _LOWER_END_SHARE:
        return slice(max(end - kept, 0), end)
    return slice(first + cut, None if one_end else first + cut + kept)


def recolour(image: Tensor, regions: Tensor, random: Random) -> Tensor:
    """Change the brightness of each labelled tissue by itself, so that no contrast can be learned by heart.

    Args:
        image: Shape (channels, rows, columns), about 0 to 1.
        regions: Class numbers of the same shape, uint8.
        random: Source of randomness.

    Returns:
        The same shape, not negative.
    """
    result = image.clone()
    for region in torch.unique(regions).tolist():
        gain, offset = float(np.exp(random.normal(0, 0.6))), float(random.uniform(0, 0.5) * (random.random() < 0.5))
        weight = F.avg_pool2d((regions == region).float(), 3, 1, 1)
        strength = float(image[regions == region].mean()) if bool((regions == region).any()) else 0.0
        result += weight * ((gain - 1) * image + offset * (1 - strength))
    return result.clamp(min=0) * (image > 0)  # outside the field of view nothing is painted


def random_look(image: Tensor, random: Random) -> Tensor:
    """Change gamma, inversion, sensitivity, blur and Rician noise at random.

    Args:
        image: Shape (channels, rows, columns), about 0 to 1.
        random: Source of randomness.

    Returns:
        The same shape, not negative; exact zeros stay zero.
    """
    shape = (image.shape[-2], image.shape[-1])
    visible = image > 0
    if random.random() < 0.15:
        image = (float(torch.quantile(image.flatten()[::17], 0.99)) - image).clamp(min=0) * visible
    image = image ** float(np.exp(random.normal(0, 0.3)))
    if random.random() < 0.7:
        image = image * torch.exp(_smooth_field(1, shape, cell=90, random=random) * random.uniform(0, 0.6))
    if random.random() < 0.4:
        image = _blur(image, sigma=random.uniform(0.4, 1.3))
    noise = random.uniform(0, 0.06) * float(image.mean() * 3)
    noisy = torch.sqrt(
        (image + noise * _normal(image.shape, random)) ** 2 + (noise * _normal(image.shape, random)) ** 2
    )
    return noisy * visible


def _random_centre(target: Tensor, random: Random) -> tuple[float, float]:
    """A row of the labelled part, and its mean column moved at random (row, column)."""
    _, rows, columns = torch.nonzero((target > 0) & (target < NO_DISC), as_tuple=True)
    if len(rows) == 0:
        return target.shape[1] * random.uniform(0.2, 0.8), target.shape[2] * random.uniform(0.3, 0.7)
    row = random.uniform(float(rows.min()), float(rows.max()))
    return row, float(columns.float().mean()) + random.normal(0, 0.08) * target.shape[2]


def _random_range(length: int, random: Random) -> tuple[int, int]:
    keep = round(length * random.uniform(0.4, 1.0)) if random.random() < 0.5 else length
    start = int(random.integers(0, length - keep + 1))
    return start, start + keep


def _smooth_field(channels: int, shape: tuple[int, int], cell: int, random: Random) -> Tensor:
    """Smooth random field of unit variance at its nodes, (channels, *shape)."""
    nodes = (shape[0] // cell + 2, shape[1] // cell + 2)
    field = _normal((1, channels, *nodes), random)
    return F.interpolate(field, shape, mode="bicubic", align_corners=True)[0]


def _normal(shape: tuple[int, ...] | torch.Size, random: Random) -> Tensor:
    return torch.from_numpy(random.standard_normal(tuple(shape), dtype=np.float32))


def _blur(image: Tensor, sigma: float) -> Tensor:
    offsets = torch.arange(-3, 4, dtype=image.dtype)
    kernel = torch.exp(-0.5 * (offsets / sigma) ** 2)
    kernel = kernel / kernel.sum()
    rows = F.conv2d(image[:, None], kernel[None, None, :, None], padding=(3, 0))
    return F.conv2d(rows, kernel[None, None, None, :], padding=(0, 3))[:, 0]
