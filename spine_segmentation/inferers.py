"""How a network is run over slices, as MONAI inferers."""

from __future__ import annotations

from collections.abc import Callable

import torch
from monai.inferers import Inferer
from torch import Tensor

Network = Callable[[Tensor], Tensor]


class SliceBatchInferer(Inferer):
    """Runs a two-dimensional network over the slices of one volume, a few at a time, so that memory stays bounded.

    Args:
        batch_size: Slices that are predicted together.
    """

    def __init__(self, batch_size: int = 4) -> None:
        super().__init__()
        self.batch_size = batch_size

    def __call__(self, inputs: Tensor, network: Network) -> Tensor:
        """Predict.

        Args:
            inputs: Shape (slices, channels, H, W).
            network: Called with batches of slices.

        Returns:
            Shape (slices, classes, H, W).
        """
        batches = torch.split(inputs.contiguous(memory_format=torch.channels_last), self.batch_size)
        return torch.cat([network(batch) for batch in batches])


class Bfloat16Inferer(Inferer):
    """Runs a network in bfloat16 where that is safe, on CPU and GPU alike; for training."""

    def __call__(self, inputs: Tensor, network: Network) -> Tensor:
        """Predict.

        Args:
            inputs: Shape (batch, channels, H, W).
            network: Called once.

        Returns:
            Shape (batch, classes, H, W), float32.
        """
        with torch.autocast(inputs.device.type, torch.bfloat16):
            return network(inputs.contiguous(memory_format=torch.channels_last)).float()
