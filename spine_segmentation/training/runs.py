"""What a training run needs around MONAI's trainer: initial weights, averaging, validation, checkpoints, resuming."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import ignite.distributed as idist
import torch
from ignite.engine import Engine, Events
from ignite.handlers import Checkpoint, DiskSaver, EMAHandler
from torch import nn
from torch.optim.lr_scheduler import LRScheduler

from spine_segmentation.bundles import load_weights
from spine_segmentation.errors import UsageError
from spine_segmentation.io.atomic import atomic_path
from spine_segmentation.training.datasets import Mixture

logger = logging.getLogger(__name__)

CHECKPOINT = "checkpoint.pt"
"""File with everything a run needs to go on, in its output folder."""

BEST = "best.pt"
"""File with the averaged weights that validated best, in the output folder."""


def initialise(network: nn.Module, weights: str) -> nn.Module:
    """Load initial weights, if any.

    Args:
        network: Changed in place.
        weights: A file with a state dict; empty for random weights.

    Returns:
        The same network.

    Raises:
        ModelError: If the file is absent, is no state dict, or belongs to another network.
    """
    return load_weights(network, weights) if weights else network


def distributed_device() -> torch.device:
    """Join the process group that torchrun started, and take this process's device.

    Returns:
        The GPU of this process, or the CPU where there is none.
    """
    cuda = torch.cuda.is_available()
    if not torch.distributed.is_initialized():
        torch.distributed.init_process_group("nccl" if cuda else "gloo")
    if not cuda:
        return torch.device("cpu")
    device = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
    torch.cuda.set_device(device)
    return device


def attach(
    trainer: Engine,
    ema: EMAHandler,
    lr_scheduler: LRScheduler,
    dataset: Mixture,
    evaluator: Engine,
    validation_interval: int,
    saved: Mapping[str, Any],
    output_dir: str,
) -> None:
    """Attach averaging, learning rate, fresh samples each epoch, validation and checkpoints to a trainer.

    A checkpoint also holds the seed, the samples an epoch, and how many samples all processes together have shown.

    Args:
        trainer: MONAI's supervised trainer.
        ema: Average of the weights.
        lr_scheduler: Steps after every iteration.
        dataset: Told the epoch's number.
        evaluator: Validates the averaged weights.
        validation_interval: Epochs between validations.
        saved: What a checkpoint holds, by name.
        output_dir: Where checkpoints go.
    """
    Path(output_dir).mkdir(parents=True, exist_ok=True)
    trainer.state.seed, trainer.state.length, trainer.state.samples = dataset.seed, len(dataset), 0
    trainer.state_dict_user_keys.extend(["seed", "length", "samples"])
    ema.attach(trainer)
    trainer.add_event_handler(Events.EPOCH_STARTED, lambda engine: setattr(dataset, "epoch", engine.state.epoch - 1))
    trainer.add_event_handler(Events.ITERATION_COMPLETED, lambda _: lr_scheduler.step())
    trainer.add_event_handler(Events.ITERATION_COMPLETED, _count_samples)
    trainer.add_event_handler(
        Events.EPOCH_COMPLETED(every=validation_interval), lambda engine: evaluator.run(engine.state.epoch)
    )
    saver = DiskSaver(output_dir, create_dir=True, require_empty=False)
    everything = Checkpoint(dict(saved), saver, filename_pattern=CHECKPOINT, n_saved=None)
    trainer.add_event_handler(Events.EPOCH_COMPLETED, everything)
    best = _BestWeights(trainer, ema.ema_model, Path(output_dir) / BEST)
    evaluator.add_event_handler(Events.COMPLETED, best)


def resume(output_dir: str, saved: Mapping[str, Any]) -> None:
    """Continue from the last checkpoint of an earlier run, if there is one.

    Args:
        output_dir: Where that run kept it.
        saved: What to restore, by name; the trainer is ``"trainer"``.

    Raises:
        UsageError: If that run came to its end, or had another seed or length of an epoch: it would see some samples
            twice.
    """
    path = Path(output_dir) / CHECKPOINT
    if not path.is_file():
        return
    state = saved["trainer"].state
    chosen = (state.seed, state.length)
    Checkpoint.load_objects(dict(saved), torch.load(path, map_location="cpu", weights_only=True))
    if (state.seed, state.length) != chosen:
        raise UsageError(
            f"{path} of a run with seed {state.seed} and {state.length} samples an epoch",
            expected="an interrupted run with seed {} and {} samples an epoch".format(*chosen),
            remedy="pass those of that run, or choose another output_dir",
        )
    if state.epoch >= state.max_epochs:
        raise UsageError(
            f"{path} of a run that has done all its {state.max_epochs} epochs",
            expected="an interrupted run, or a folder without one",
            remedy=f"choose another output_dir; to train on, pass {BEST} as init_weights",
        )
    logger.info("resumed from %s after %d samples", path.name, state.samples)


def _count_samples(trainer: Engine) -> None:
    """MONAI leaves the batch as a list of samples."""
    trainer.state.samples += len(trainer.state.batch) * idist.get_world_size()


class _BestWeights:
    """Keeps the weights with the highest key metric; the trainer's checkpoints remember which that is."""

    def __init__(self, trainer: Engine, network: nn.Module, path: Path) -> None:
        self.trainer, self.network, self.path = trainer, network, path
        trainer.state.best_validation = float("-inf")
        trainer.state_dict_user_keys.append("best_validation")

    def __call__(self, evaluator: Engine) -> None:
        metric = float(evaluator.state.metrics[evaluator.state.key_metric_name])
        logger.info("epoch %d: %s %.4f", evaluator.state.epoch, evaluator.state.key_metric_name, metric)
        if metric > self.trainer.state.best_validation:
            self.trainer.state.best_validation = metric
            self._save()

    def _save(self) -> None:
        if idist.get_rank() == 0:
            with atomic_path(self.path) as temporary:
                torch.save(self.network.state_dict(), temporary)
