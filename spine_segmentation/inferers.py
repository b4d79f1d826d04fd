"""How a network is run over slices, as MONAI inferers."""

from __future__ import annotations

from typing import Any

import torch
from monai.inferers import Inferer, SimpleInferer
from torch import Tensor


class SliceBatchInferer(Inferer):
    """Runs a two-dimensional network over the slices of one volume, a few at a time, so that memory stays bounded.

    Args:
        batch_size: Slices that are predicted together.
    """

    def __init__(self, batch_size: int = 4) -> None:
        super().__init__()
        self.batch_size = batch_size

    def __call__(self, inputs: Tensor, network: Any, *args: Any, **kwargs: Any) -> Tensor:
        """Predict.

        Args:
            inputs: Shape (slices, channels, H, W).
            network: Called with batches of slices.

        Returns:
            Shape (slices, classes, H, W).
        """
        batches = inputs.contiguous(memory_format=torch.channels_last).split(self.batch_size)
        return torch.cat([network(batch, *args, **kwargs) for batch in batches])


class Bfloat16Inferer(SimpleInferer):
    """Runs a network in bfloat16 where that is safe, on CPU and GPU alike; for training."""

    def __call__(self, inputs: Tensor, network: Any, *args: Any, **kwargs: Any) -> Tensor:
        """Predict; shapes as in ``SimpleInferer``."""
        with torch.autocast(inputs.device.type, torch.bfloat16):
            prediction: Tensor = super().__call__(
                inputs.contiguous(memory_format=torch.channels_last), network, *args, **kwargs
            )
        return prediction.float()
