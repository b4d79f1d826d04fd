"""How each disc is tilted in the sagittal plane: the sign by which radiologists tell L5-S1 from the discs above it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from spine_segmentation.anatomy import Kind
from spine_segmentation.arrays import Floats
from spine_segmentation.results import Instances

LEAST_ELONGATION = 1.5
"""A disc that is not at least so much longer than high, by standard deviations, has no direction: a fragment."""

_NO_HEIGHT_MM2 = 1e-6
"""Variance of what lies in a single line of voxels, instead of zero."""


def with_tilts(instances: Instances) -> Instances:
    """Measure the tilt of every whole disc.

    The tilt is that of the short principal axis of the disc's voxels in the sagittal plane.

    Args:
        instances: Separated structures.

    Returns:
        The same with ``Instance.tilt`` of every disc that is whole in view and long enough.
    """
    tilts, elongations = _principal_axes(instances)
    items = tuple(
        replace(item, tilt=float(tilts[item.label]))
        if item.kind is Kind.IVD and item.fully_visible and elongations[item.label] >= LEAST_ELONGATION
        else item
        for item in instances.items
    )
    return replace(instances, items=items)


def _principal_axes(instances: Instances) -> tuple[Floats, Floats]:
    """Direction of the short axis of each label (radian), and how much longer the long one is; (labels,)."""
    labels = instances.labels
    count = max((item.label for item in instances.items), default=0) + 1
    is_disc = np.isin(np.arange(count), [item.label for item in instances.items if item.kind is Kind.IVD])
    voxels = np.flatnonzero(labels.array)
    owner = labels.array.ravel()[voxels]
    voxels, owner = (values[is_disc[owner]] for values in (voxels, owner.astype(np.intp)))
    size = np.maximum(np.bincount(owner, minlength=count), 1)
    _, back, up = labels.to_patient(np.column_stack(np.unravel_index(voxels, labels.shape))).T

    def mean(values: Floats) -> Floats:
        return np.bincount(owner, weights=values, minlength=count) / size

    back, up = back - mean(back)[owner], up - mean(up)[owner]
    covariance = np.array([[mean(back * back), mean(back * up)], [mean(back * up), mean(up * up)]]).transpose(2, 0, 1)
    variances, axes = np.linalg.eigh(covariance)
    short = axes[:, :, 0] * -np.sign(axes[:, 1:, 0])  # downwards
    elongation = np.sqrt(variances[:, 1] / np.maximum(variances[:, 0], _NO_HEIGHT_MM2))
    return np.arctan2(short[:, 0], -short[:, 1]), elongation
