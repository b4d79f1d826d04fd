"""Measures heights and depths of bodies and discs in masks of lumbar spines, in the median plane of each structure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

import nibabel as nib
import numpy as np
import numpy.typing as npt

from spine_segmentation.anatomy import VERSE_DISC_BASE, VERSE_NUMBERS
from spine_segmentation.arrays import Floats

BODIES = {number: name for name, number in VERSE_NUMBERS.items()}
DISCS = {VERSE_DISC_BASE + number: name for number, name in BODIES.items()}
"""What the values of masks mean; a disc has the name of the vertebra above it."""

HALF_SLAB_MM = 4.0
"""Half thickness of the slab around a structure's median plane that is measured."""

RIM = 0.7
"""Where the rim's height is measured, relative to half the depth."""

FEWEST_PATIENTS = 10
"""Levels seen in fewer patients are left out."""


def measure_sizes(masks: Iterable[Path]) -> dict[str, object]:
    """Measure the sizes of bodies and discs.

    Args:
        masks: NIfTI files with VerSe numbers as values, see ``anatomy``, axes R, A, S.

    Returns:
        Per level number of patients, mean and standard deviation of rim height, mid height, anterior wedge and depth.
    """
    found: dict[int, list[Floats]] = defaultdict(list)
    for path in masks:
        for label, size in _measure_mask(path).items():
            found[label].append(size)
    labels = [label for label in sorted(found) if len(found[label]) >= FEWEST_PATIENTS]
    return {
        "bodies_mm": {BODIES[label]: _describe(found[label]) for label in labels if label in BODIES},
        "discs_mm": {DISCS[label]: _describe(found[label]) for label in labels if label in DISCS},
    }


def _describe(sizes: list[Floats]) -> dict[str, object]:
    """Median and robust standard deviation of rim height, mid height, wedge and depth over patients."""
    table = np.array(sizes)
    centre = np.nanmedian(table, axis=0)
    spread = 1.4826 * np.nanmedian(np.abs(table - centre), axis=0)
    names = ("rim_height", "mid_height", "anterior_wedge", "depth")
    values = zip(names, centre, spread, strict=True)
    return {"patients": len(table), **{name: [round(float(m), 1), round(float(s), 1)] for name, m, s in values}}


def _measure_mask(path: Path) -> dict[int, Floats]:
    """Sizes of all structures that do not touch the border of the image."""
    image = nib.load(path)
    mask, spacing = np.asarray(image.dataobj).astype(np.int16), np.array(image.header.get_zooms(), dtype=np.float64)
    labels = [int(label) for label in np.unique(mask) if label in BODIES or label in DISCS]
    points = {label: np.argwhere(mask == label) for label in labels}
    whole = {k: p * spacing for k, p in points.items() if _within(p, mask.shape)}
    bodies = [np.median(p * spacing, axis=0)[1:] for k, p in points.items() if k in BODIES]
    return {label: _measure(p, _axis(p, np.array(bodies)), float(spacing[1:].max())) for label, p in whole.items()}


def _within(points: npt.NDArray[np.int64], shape: tuple[int, ...]) -> bool:
    inside = (points[:, 1:].min(axis=0) > 0) & (points[:, 1:].max(axis=0) < np.array(shape[1:]) - 1)
    return bool(inside.all()) and len(points) > 200


def _axis(points: Floats, bodies: Floats) -> Floats:
    """Direction of the column (anterior, superior) at a structure: between the bodies' centres above and below it."""
    centre = np.median(points, axis=0)[1:]
    height = bodies[:, 1] - centre[1]
    above, below = bodies[height > 3], bodies[height < -3]
    upper = above[above[:, 1].argmin()] if len(above) else centre
    lower = below[below[:, 1].argmax()] if len(below) else centre
    direction = upper - lower
    return direction / np.linalg.norm(direction)


def _measure(points: Floats, axis: Floats, pixel: float) -> Floats:
    """Rim height, mid height, wedge (posterior minus anterior height) and depth, mm."""
    points = points[np.abs(points[:, 0] - np.median(points[:, 0])) < HALF_SLAB_MM]
    along, ahead = points[:, 1:] @ axis, points[:, 1:] @ np.array([axis[1], -axis[0]])
    along, ahead = along - np.median(along), ahead - (ahead.min() + ahead.max()) / 2
    half = float(np.quantile(np.abs(ahead[np.abs(along) < 4]), 0.99))
    anterior, middle, posterior = (_extent(along[np.abs(ahead - place * half) < 1.5]) for place in (RIM, 0, -RIM))
    rim = (anterior + posterior) / 2
    return np.array([rim + pixel, middle + pixel, posterior - anterior, 2 * half + pixel])


def _extent(values: Floats) -> float:
    return float(np.quantile(values, 0.99) - np.quantile(values, 0.01)) if len(values) > 10 else np.nan
