"""The seam along which masks cut vertebral bodies from their posterior elements."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from spine_segmentation.arrays import Mask

SEAM_MARGIN_MM = 3.0
"""Bodies are cut from the posterior elements by convention, differently in every data set: nearer to the seam the
class of a voxel is neither learned nor scored."""


def near_seam(bodies: Mask, posterior: Mask, spacing: tuple[float, float, float]) -> Mask:
    """Find the voxels of bodies and posterior elements that lie near the other ones.

    Args:
        bodies: Vertebral bodies.
        posterior: Posterior elements, same shape.
        spacing: Distance between voxel centres along each axis, mm.

    Returns:
        Same shape.
    """
    if not (bodies.any() and posterior.any()):
        return np.zeros(bodies.shape, bool)
    near_posterior = ndimage.distance_transform_edt(~posterior, sampling=spacing) <= SEAM_MARGIN_MM
    near_bodies = ndimage.distance_transform_edt(~bodies, sampling=spacing) <= SEAM_MARGIN_MM
    return np.asarray((bodies & near_posterior) | (posterior & near_bodies))
