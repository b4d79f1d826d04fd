"""Writes trained weights as a bundle's model.pt: half precision, normalisation buffers in single precision.

python scripts/export_weights.py runs/best.pt bundle/segmentation/models/model.pt
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from spine_segmentation.io.atomic import atomic_path


def export(source: Path, target: Path) -> None:
    """Convert a state dict.

    Args:
        source: State dict in single precision.
        target: Where to write it.
    """
    state = torch.load(source, map_location="cpu", weights_only=True)
    half = {
        name: value.half() if value.is_floating_point() and "running_" not in name else value
        for name, value in state.items()
    }
    with atomic_path(target) as temporary, temporary.open("wb") as file:  # given a path, it would write down its name
        torch.save(half, file)


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path, help="state dict in single precision")
    parser.add_argument("target", type=Path, help="model.pt to write")
    arguments = parser.parse_args()
    export(arguments.source, arguments.target)


if __name__ == "__main__":
    main()
