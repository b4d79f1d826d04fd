"""Trains the segmentation network in several variants with the same number of samples, and tabulates what matters.

python scripts/ablate.py run --spider SPIDER --output OUT      # three hours; goes on with the next arm
python scripts/ablate.py arm ARM --spider SPIDER --output OUT  # one arm
python scripts/ablate.py table --output OUT                    # the table, as Markdown

Every arm is the bundle's train.yaml with overrides, trained on one thread and scored once, on annotated scans and on
packed triplets that are never trained on. Packs are made when they are first needed. Results are lines of
OUT/results.jsonl.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

import ablation_blocks as blocks
import ablation_variants as variants
import numpy as np
import torch
from monai.bundle import ConfigWorkflow
from torch import Tensor, nn

from spine_segmentation.anatomy import IVD, VERTEBRA
from spine_segmentation.bundles import bundle_folder
from spine_segmentation.grid import stack_neighbours, to_network_grid
from spine_segmentation.inferers import SliceBatchInferer
from spine_segmentation.io.nifti import read_nifti
from spine_segmentation.networks import CHANNELS
from spine_segmentation.normalization import normalize
from spine_segmentation.training import samples
from spine_segmentation.training.pack_format import PackFormat
from spine_segmentation.training.packs import HeldOutTriplets
from spine_segmentation.training.partial_labels import semantic_target
from spine_segmentation.training.runs import BEST, CHECKPOINT
from spine_segmentation.training.samples import NO_DISC
from spine_segmentation.transforms import ToSemanticMapd

SAMPLES, EPOCHS = 9_000, 6
TRIPLETS = 4_500
PACK_SHAPE, PACK_PIXEL_SIZE = (256, 160), 1.0
PACKED = "train#dataset#datasets#1"
COMPACT = {"_target_": "spine_segmentation.networks.CompactUNet", "in_channels": 3, "out_channels": len(CHANNELS)}


@dataclass(frozen=True)
class Arm:
    """One variant.

    Attributes:
        name: Row of the table.
        overrides: Of train.yaml.
        normalization: Takes and returns (batch, channels, H, W).
        without: Block of the generator that is taken out.
    """

    name: str
    overrides: dict[str, Any] = field(default_factory=dict)
    normalization: Callable[[Tensor], Tensor] = normalize
    without: str | None = None


def _sized(*widths: int) -> dict[str, Any]:
    return {"network_def": {**COMPACT, "widths": list(widths)}}


ARMS = [
    Arm("baseline"),
    Arm("baseline, seed 1", {"seed": 1}),
    Arm("synthetic only", {"real_share": 0.0}),
    Arm("synthetic only, seed 1", {"real_share": 0.0, "seed": 1}),
    *(Arm(f"synthetic only, no {block}", {"real_share": 0.0}, without=block) for block in blocks.BLOCKS),
    Arm("SPIDER only", {"real_share": 1.0}),
    Arm("widths 32-56-80-112", _sized(32, 56, 80, 112)),
    Arm("widths 64-112-160-224", _sized(64, 112, 160, 224)),
    Arm("2D", {"network_def": {"_target_": "ablation_variants.MiddleSlice", "network": COMPACT}}),
    Arm("z-score by slice", normalization=variants.z_score),
    Arm("cross-entropy only", {"loss#dice_weight": 0.0}),
    Arm("SPIDER only, 0.8 mm", {"real_share": 1.0, "pixel_size": 0.8, "crop": [320, 192]}),  # packs are never drawn
    Arm("percentiles by triplet", normalization=variants.percentiles),
]


def run_all(arguments: argparse.Namespace) -> None:
    """Train the arms that have no result yet, one after the other, each in a process of its own.

    Args:
        arguments: With ``spider``, the folder of annotated scans, and ``output``, the folder of the results.
    """
    for arm in ARMS:
        if arm.name not in {result["arm"] for result in read_results(arguments.output)}:
            command = [sys.executable, __file__, "arm", arm.name, "--spider", arguments.spider]
            subprocess.run([*command, "--output", arguments.output], check=True)


def run_arm(arguments: argparse.Namespace) -> None:
    """Train one arm, score it, and append the result.

    Args:
        arguments: As for :func:`run_all`, and ``arm``, the name of one of ``ARMS``.
    """
    torch.set_num_threads(1)
    (arm,) = (arm for arm in ARMS if arm.name == arguments.arm)
    for block in {None, arm.without}:
        blocks.make_pack(_pack(arguments, block), PackFormat(*PACK_SHAPE, PACK_PIXEL_SIZE), TRIPLETS, block)
    with mock.patch.object(samples, "normalize", arm.normalization):
        result = _train_and_score(arm, arguments)
    with (arguments.output / "results.jsonl").open("a") as file:
        file.write(json.dumps(result) + "\n")


def _train_and_score(arm: Arm, arguments: argparse.Namespace) -> dict[str, Any]:
    folder: Path = arguments.output / arm.name.replace(" ", "_")
    shutil.rmtree(folder, ignore_errors=True)  # of an arm that was interrupted: its time would be counted wrongly
    started = time.process_time()
    workflow = ConfigWorkflow(workflow_type="train", **_options(arm, arguments, folder))
    workflow.initialize()
    parser = workflow.parser
    pixel_size, network = parser.get_parsed_content("pixel_size"), parser.get_parsed_content("network")
    workflow.run()
    trained = time.process_time() - started
    network.load_state_dict(torch.load(folder / BEST, weights_only=True))
    scorer = _Scorer(network.eval(), arm.normalization, pixel_size)
    spider = np.array([scorer.scan(*pair) for pair in parser.get_parsed_content("val_scans")])
    looks = parser.get_parsed_content("train#trainer").state.best_validation
    (folder / CHECKPOINT).unlink()
    return {
        "arm": arm.name,
        "parameters": sum(value.numel() for value in network.parameters()),
        "training_seconds": trained,
        "milliseconds_per_slice": scorer.seconds / scorer.slices * 1e3,
        "spider": spider.mean(0).tolist(),
        "spider_looks": looks,
        "synthetic": scorer.triplets(_pack(arguments)) if pixel_size == PACK_PIXEL_SIZE else None,
    }


def _pack(arguments: argparse.Namespace, without: str | None = None) -> Path:
    folder: Path = arguments.output / "packs" / (without or "whole").replace(" ", "_")
    return folder


def _options(arm: Arm, arguments: argparse.Namespace, folder: Path) -> dict[str, Any]:
    budget = {"samples_per_epoch": SAMPLES // EPOCHS, "max_epochs": EPOCHS, "val_interval": EPOCHS, "num_workers": 0}
    packed = {
        "_target_": "spine_segmentation.training.packs.PackedTriplets",
        "folder": str(_pack(arguments, arm.without)),
        "shape": PACK_SHAPE,
        "pixel_size": PACK_PIXEL_SIZE,
    }
    return {
        "config_file": str(bundle_folder("segmentation") / "configs" / "train.yaml"),
        "dataset_dir": str(arguments.spider),
        "output_dir": str(folder),
        "device": "$torch.device('cpu')",
        "pixel_size": PACK_PIXEL_SIZE,
        "crop": PACK_SHAPE,
        "ema#momentum": 0.01,
        "validate#dataloader#dataset": "@validate#dataset#datasets#0",  # other looks of the scans kept out
        "logging_file": False,
        **budget,
        **{f"{PACKED}#{name}": value for name, value in packed.items()},
        **arm.overrides,
    }


class _Scorer:
    """Dice of bodies and discs, in single precision as in the product."""

    def __init__(self, network: nn.Module, normalization: Callable[[Tensor], Tensor], pixel_size: float) -> None:
        self.network, self.normalization, self.pixel_size = network, normalization, pixel_size
        self.seconds, self.slices = 0.0, 0

    @torch.inference_mode()
    def scan(self, image_file: Path, mask_file: Path) -> tuple[float, float]:
        """Of a whole scan, on its own grid."""
        image, grid = to_network_grid(read_nifti(image_file), self.pixel_size)
        triplets = self.normalization(stack_neighbours(image, grid.neighbour))
        started = time.process_time()
        logits = SliceBatchInferer()(triplets, self.network)
        self.seconds, self.slices = self.seconds + time.process_time() - started, self.slices + len(logits)
        found = ToSemanticMapd("pred")({"pred": logits, "image_grid": grid})["pred"].array
        mask = read_nifti(mask_file)
        target = semantic_target(mask.with_array(mask.array.astype(np.uint8)))
        known = target < NO_DISC
        return _dice(found[known] == VERTEBRA, target[known] == 1), _dice(found[known] == IVD, target[known] == 2)

    @torch.inference_mode()
    def triplets(self, pack: Path) -> tuple[float, float]:
        """Of all triplets of the pack that are never trained on, pooled."""
        dataset = HeldOutTriplets(pack, "semantic", PACK_SHAPE, PACK_PIXEL_SIZE)
        loader = torch.utils.data.DataLoader(dataset, batch_size=10)
        pairs = [(self.network(batch["image"]).argmax(1), batch["label"][:, 0]) for batch in loader]
        found, target = torch.cat([pair[0] for pair in pairs]).numpy(), torch.cat([pair[1] for pair in pairs]).numpy()
        return _dice(found == 1, target == 1), _dice(found == 2, target == 2)


def _dice(found: np.ndarray, wanted: np.ndarray) -> float:
    return float(2 * (found & wanted).sum() / max(found.sum() + wanted.sum(), 1))


def read_results(output: Path) -> list[dict[str, Any]]:
    """All results so far, in the order in which they came.

    Args:
        output: The folder that they are in.

    Returns:
        One entry per arm; empty if there are none yet.
    """
    path = output / "results.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.is_file() else []


def print_table(arguments: argparse.Namespace) -> None:
    """Print the results as a Markdown table.

    Args:
        arguments: With ``output``, the folder of the results.
    """
    print(
        "| arm | parameters, M | training, CPU s | ms a slice | SPIDER bodies | SPIDER discs | SPIDER other looks "
        "| synthetic bodies | synthetic discs |\n|---|---|---|---|---|---|---|---|---|"
    )
    for result in read_results(arguments.output):
        scores = [*result["spider"], result["spider_looks"], *(result["synthetic"] or [None, None])]
        cells = " | ".join("-" if score is None else f"{score:.3f}" for score in scores)
        cost = f"{result['parameters'] / 1e6:.1f} | {result['training_seconds']:.0f}"
        print(f"| {result['arm']} | {cost} | {result['milliseconds_per_slice']:.1f} | {cells} |")


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = parser.add_subparsers(required=True)
    for name, function in {"run": run_all, "arm": run_arm, "table": print_table}.items():
        verb = verbs.add_parser(name)
        verb.set_defaults(function=function)
        verb.add_argument("--output", type=Path, required=True)
        if name != "table":
            verb.add_argument("--spider", type=Path, required=True)
        if name == "arm":
            verb.add_argument("arm")
    arguments = parser.parse_args()
    arguments.function(arguments)


if __name__ == "__main__":
    main()
