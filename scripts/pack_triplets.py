"""Makes a pack of synthetic triplets, which train.yaml can use instead of making them on the fly.

python scripts/pack_triplets.py PACK --count 60000 --first-seed 0 --workers 2

Triplet k has the seed first-seed + k. Shards that are there already are kept: a stopped run goes on, and a larger count
adds to a pack.
"""

from __future__ import annotations

import argparse
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import torch

from spine_segmentation.synth.generator import generate_triplet
from spine_segmentation.training.pack_format import PackFormat, shard_path, write_shard


def make_pack(folder: Path, pack_format: PackFormat, first_seed: int, count: int, workers: int) -> None:
    """Make all shards that are missing.

    Args:
        folder: Of the pack.
        pack_format: Of all triplets.
        first_seed: Of the first shard's first triplet.
        count: Triplets, rounded up to whole shards.
        workers: Processes.

    Raises:
        UsageError: If the folder holds a pack of another format.
    """
    pack_format.claim(folder)
    seeds = range(first_seed, first_seed + count, pack_format.triplets_per_shard)
    missing = [seed for seed in seeds if not shard_path(folder, seed).is_file()]
    with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), _limit_threads) as executor:
        for done, seed in enumerate(executor.map(partial(_make_shard, folder, pack_format), missing), start=1):
            print(f"shard {done} of {len(missing)}: seed {seed}", flush=True)


def _limit_threads() -> None:
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)


def _make_shard(folder: Path, pack_format: PackFormat, seed: int) -> int:
    shape, pixel_size = (pack_format.rows, pack_format.columns), pack_format.pixel_size
    seeds = range(seed, seed + pack_format.triplets_per_shard)
    write_shard(shard_path(folder, seed), [generate_triplet(k, shape, pixel_size) for k in seeds], pack_format)
    return seed


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--rows", type=int, default=288)
    parser.add_argument("--columns", type=int, default=192)
    parser.add_argument("--pixel-size", type=float, default=0.8, help="mm")
    parser.add_argument("--workers", type=int, default=1)
    chosen = parser.parse_args()
    pack_format = PackFormat(chosen.rows, chosen.columns, chosen.pixel_size)
    make_pack(chosen.folder, pack_format, chosen.first_seed, chosen.count, chosen.workers)


if __name__ == "__main__":
    main()
