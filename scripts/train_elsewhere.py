"""Packs a bundle's training into one small archive, for a machine that has a GPU and PyTorch and cannot download.

python scripts/train_elsewhere.py out/training.tar.xz --spider SPIDER --set samples=600000 batch_size=48

Copy the archive there, and run:

    tar xf training.tar.xz && cd training && python train_plain.py . --output out --minutes 9 --workers 15

The archive holds the package's code, the scans to train on (not those kept out), the initial weights in half precision
and the settings of train.yaml. See docs/training.md.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tarfile
import tempfile
from pathlib import Path
from typing import Any

from export_weights import export
from monai.bundle import ConfigParser

from spine_segmentation.bundles import bundle_folder
from spine_segmentation.evaluation.pairs import scan_name
from spine_segmentation.training.annotations import read_scans, split_scans
from spine_segmentation.training.compact import save_scan, shrink

ROOT = Path(__file__).parents[1]
TASKS = {"segmentation": "semantic", "labeling": "level"}
COPIED = ("learning_rate", "batch_size", "crop", "pixel_size", "real_share", "seed")
"""Settings that keep their names."""


def read_settings(bundle: str, changes: dict[str, Any]) -> tuple[dict[str, Any], ConfigParser]:
    """Read from train.yaml what train_plain.py needs.

    Args:
        bundle: ``"segmentation"`` or ``"labeling"``.
        changes: Overrides of train.yaml; ``samples`` is how many to show in all.

    Returns:
        The settings, and the configuration that they were read from.

    Raises:
        ModelError: If the bundle is not there.
    """
    parser = ConfigParser()
    parser.read_config(str(bundle_folder(bundle) / "configs" / "train.yaml"))
    samples = changes.pop("samples", parser["samples_per_epoch"] * parser["max_epochs"])
    parser.update(changes)
    settings = {name: parser[name] for name in COPIED}
    settings |= {"samples": samples, "task": TASKS[bundle], "momentum": parser["ema#momentum"]}
    settings |= {"weight_decay": parser["optimizer#weight_decay"], "pct_start": parser["lr_scheduler#pct_start"]}
    settings |= {"network": parser["network_def"], "loss": {**parser["loss"]}}
    if bundle == "labeling":
        settings["loss"]["levels"] = parser.get_parsed_content("loss#levels")
    return settings, parser


def pack(archive: Path, bundle: str, spider: Path, initial: Path | None, changes: dict[str, Any]) -> None:
    """Write the archive.

    Args:
        archive: Ends in ``.tar.xz``.
        bundle: ``"segmentation"`` or ``"labeling"``.
        spider: Folder of the annotated scans.
        initial: State dict to start from; None for random weights.
        changes: Overrides of train.yaml.

    Raises:
        UsageError: If a scan that is to be kept out is not there.
        InputError: If a scan cannot be read.
        ModelError: If the bundle is not there.
    """
    settings, parser = read_settings(bundle, {"dataset_dir": str(spider), **changes})
    pairs = split_scans(parser.get_parsed_content("pairs"), parser["held_out_scans"], training=True)
    archive.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "training"
        (folder / "scans").mkdir(parents=True)
        for pair in pairs:
            save_scan(folder / "scans" / f"{scan_name(pair[0])}.npz", shrink(*read_scans([pair], settings["task"])))
        (folder / "settings.json").write_text(json.dumps(settings, indent=1))
        if initial:
            export(initial, folder / "initial.pt")
        unwanted = shutil.ignore_patterns("__pycache__", "bundle")
        shutil.copytree(ROOT / "spine_segmentation", folder / "spine_segmentation", ignore=unwanted)
        shutil.copy(ROOT / "scripts" / "train_plain.py", folder)
        with tarfile.open(archive, "w:xz") as file:
            file.add(folder, "training")
    print(f"{archive}: {archive.stat().st_size / 1e6:.1f} MB, {len(pairs)} scans")


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("archive", type=Path)
    parser.add_argument("--bundle", choices=TASKS, default="segmentation")
    parser.add_argument("--spider", type=Path, required=True)
    parser.add_argument("--initial", type=Path, help="state dict to start from")
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE", help="override train.yaml; also samples")
    chosen = parser.parse_args()
    changes = {name: json.loads(value) for name, value in (change.split("=", 1) for change in chosen.set)}
    pack(chosen.archive, chosen.bundle, chosen.spider, chosen.initial, changes)


if __name__ == "__main__":
    main()
