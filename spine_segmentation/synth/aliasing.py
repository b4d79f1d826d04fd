"""What lies outside the field of view folds over onto its other side along the phase direction."""

from __future__ import annotations

from torch import Tensor

from spine_segmentation.synth.field_of_view import FieldOfView


def fold_over(image: Tensor, field_of_view: FieldOfView, axis: int, strength: float) -> Tensor:
    """Add the signal from outside the field of view onto the opposite side within it.

    Args:
        image: Shape (N, H, W), float32; what lies outside the field of view is known as far as the grid goes.
        field_of_view: What the scan covers.
        axis: The phase axis, -2 for rows, -1 for columns.
        strength: Share of the outer signal that was not suppressed, 0 to 1.

    Returns:
        The same shape, changed within the field of view only.
    """
    first, last = field_of_view.rows if axis == -2 else field_of_view.columns
    extent, length = last - first, image.shape[axis]
    before, after = min(first, extent), min(length - last, extent)
    folded = image.clone()
    folded.narrow(axis, last - before, before).add_(image.narrow(axis, first - before, before), alpha=strength)
    folded.narrow(axis, first, after).add_(image.narrow(axis, last, after), alpha=strength)
    return folded
