"""How a network is run over slices, as MONAI inferers."""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain

import torch
from monai.inferers import Inferer
from torch import Tensor

Network = Callable[[Tensor], Tensor]


class SliceBatchInferer(Inferer):
    """Runs a two-dimensional network over the slices of one volume, a few at a time.

    Beyond inputs and logits, memory does not grow with the number of slices.

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
            Logits of all slices, as the network gives them, at its own resolution.
        """
        batches = torch.split(inputs, self.batch_size)
        predictions = (network(batch.contiguous(memory_format=torch.channels_last)) for batch in batches)
        first = next(predictions)
        logits = first.new_empty(len(inputs), *first.shape[1:])
        for part, predicted in zip(torch.split(logits, self.batch_size), chain([first], predictions), strict=True):
            part.copy_(predicted)
        return logits


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
