"""Trains a bundle's network with nothing but PyTorch, until it is done or the time is up; then call it again.

python train_plain.py FOLDER --output OUTPUT --minutes 9 --workers 15

FOLDER is what scripts/train_elsewhere.py packed, unpacked. OUTPUT/weights.pt holds the averaged weights, for
``train.yaml --init_weights`` and scripts/export_weights.py; OUTPUT/state-* are pieces from which the training goes on
exactly. Both are written every few minutes, and what is there stays until the new state is complete.
"""

from __future__ import annotations

import argparse
import importlib
import io
import json
import time
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.optim.lr_scheduler import OneCycleLR
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader, Dataset, Subset

from spine_segmentation.io.atomic import atomic_path
from spine_segmentation.training.compact import load_scan
from spine_segmentation.training.datasets import Mixture, SyntheticTriplets
from spine_segmentation.training.scans import AnnotatedScans

PIECE_BYTES = 15_000_000
"""No piece of the state is larger."""

SAVE_SECONDS = 120
"""How often the state is written: at most so much is lost to a machine that is taken away."""


class Run:
    """Everything that changes while training.

    Args:
        settings: What train_elsewhere.py wrote.
        initial: State dict to start from, if it exists.
        device: Where to train.
    """

    def __init__(self, settings: dict[str, Any], initial: Path, device: torch.device) -> None:
        self.settings, self.device, self.samples = settings, device, 0
        network = instantiate(settings["network"])
        if initial.is_file():
            network.load_state_dict(torch.load(initial, map_location="cpu", weights_only=True))
        self.network = network.to(device, memory_format=torch.channels_last)
        self.average = AveragedModel(self.network, multi_avg_fn=get_ema_multi_avg_fn(1 - settings["momentum"]))
        self.loss = instantiate(settings["loss"]).to(device)
        rate = settings["learning_rate"]
        self.optimizer = torch.optim.AdamW(self.network.parameters(), rate, weight_decay=settings["weight_decay"])
        steps = settings["samples"] // settings["batch_size"]
        self.schedule = OneCycleLR(self.optimizer, rate, steps + 1, pct_start=settings["pct_start"])

    def step(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        """Learn from one batch.

        Args:
            batch: ``image``, shape (batch, 3, H, W), float32, and ``label``, shape (batch, 1, H, W), int64.

        Returns:
            The loss, a scalar.
        """
        image = batch["image"].to(self.device, non_blocking=True, memory_format=torch.channels_last)
        with torch.autocast(self.device.type, torch.bfloat16):
            logits = self.network(image).float()
        loss: torch.Tensor = self.loss(logits, batch["label"].to(self.device, non_blocking=True))
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        self.schedule.step()
        self.average.update_parameters(self.network)
        self.samples += len(image)
        return loss.detach()

    def save(self, output: Path) -> None:
        """Write the averaged weights, and the state in pieces.

        Args:
            output: An existing folder; files of older states are removed when the new one is complete.
        """
        parts = (self.network, self.average, self.optimizer, self.schedule)
        buffer = io.BytesIO()
        torch.save([self.samples, *(part.state_dict() for part in parts)], buffer)
        content = buffer.getvalue()
        pieces = [content[start : start + PIECE_BYTES] for start in range(0, len(content), PIECE_BYTES)]
        former = set(output.glob("state-*"))
        for number, piece in enumerate(pieces, start=1):
            path = output / f"state-{self.samples:010d}-{number:02d}-of-{len(pieces):02d}"
            path.write_bytes(piece)
            former.discard(path)
        with atomic_path(output / "weights.pt") as temporary:
            torch.save(self.average.module.state_dict(), temporary)
        for path in former:
            path.unlink()

    def load(self, output: Path) -> None:
        """Go on from the last complete state in a folder, if there is any.

        Args:
            output: Where :meth:`save` wrote.
        """
        content = b"".join(path.read_bytes() for path in last_complete(output))
        if content:
            state = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
            self.samples = state[0]
            parts = (self.network, self.average, self.optimizer, self.schedule)
            for part, saved in zip(parts, state[1:], strict=True):
                part.load_state_dict(saved)


def last_complete(output: Path) -> list[Path]:
    """Find the pieces of the latest state of which all are there.

    Args:
        output: Folder of the run.

    Returns:
        The pieces in their order; empty if there is none.
    """
    states: dict[str, list[Path]] = {}
    for path in sorted(output.glob("state-*")):
        states.setdefault(path.name.split("-")[1], []).append(path)
    complete = [pieces for pieces in states.values() if len(pieces) == int(pieces[0].name.split("-")[-1])]
    return complete[-1] if complete else []


def instantiate(definition: dict[str, Any]) -> nn.Module:
    """Call what ``_target_`` names with the other entries, as a bundle's configuration does.

    Args:
        definition: ``_target_``, a name with its module, and keyword arguments.

    Returns:
        A module of the network or the loss.
    """
    home, name = definition["_target_"].rsplit(".", 1)
    arguments = {key: value for key, value in definition.items() if key != "_target_"}
    module: nn.Module = getattr(importlib.import_module(home), name)(**arguments)
    return module


def samples(folder: Path, settings: dict[str, Any]) -> Dataset[Any]:
    """Make all samples of the run: the annotated scans and synthetic triplets, in their shares.

    Args:
        folder: The unpacked archive.
        settings: From it.

    Returns:
        As many samples as the settings say.
    """
    view = (settings["task"], settings["crop"], settings["pixel_size"])
    scans = AnnotatedScans(
        [load_scan(path) for path in sorted(folder.glob("scans/*.npz"))], *view, seed=settings["seed"]
    )
    shares = [settings["real_share"], 1 - settings["real_share"]]
    synthetic = SyntheticTriplets(*view, seed=settings["seed"])
    return Mixture([scans, synthetic], shares, settings["samples"], settings["seed"])


def train(folder: Path, output: Path, minutes: float, workers: int) -> None:
    """Train until all samples are shown or the time is up.

    Args:
        folder: The unpacked archive.
        output: For weights and state; created if need be.
        minutes: Time limit, without reading and writing.
        workers: Processes that make samples.
    """
    output.mkdir(parents=True, exist_ok=True)
    settings = json.loads((folder / "settings.json").read_text())
    torch.manual_seed(settings["seed"])
    run = Run(settings, folder / "initial.pt", torch.device("cuda" if torch.cuda.is_available() else "cpu"))
    run.load(output)
    rest = Subset(samples(folder, settings), range(run.samples, settings["samples"]))
    loader = DataLoader(
        rest, settings["batch_size"], num_workers=workers, drop_last=True, pin_memory=run.device.type == "cuda"
    )
    started, first = time.monotonic(), run.samples
    saved = started
    for number, batch in enumerate(loader):
        loss = run.step(batch)
        seconds = time.monotonic() - started
        if number % 100 == 0:
            print(f"{run.samples} samples, {(run.samples - first) / seconds:.0f} a second, loss {loss:.4f}", flush=True)
        if seconds > 60 * minutes:
            break
        if time.monotonic() - saved > SAVE_SECONDS:
            run.save(output)
            saved = time.monotonic()
    run.save(output)
    print(f"{run.samples} of {settings['samples']} samples done")


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=9.0)
    parser.add_argument("--workers", type=int, default=1)
    chosen = parser.parse_args()
    train(chosen.folder, chosen.output, chosen.minutes, chosen.workers)


if __name__ == "__main__":
    main()
