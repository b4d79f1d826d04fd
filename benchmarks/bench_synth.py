"""Measure how long a synthetic training triplet takes on one core: ``python benchmarks/bench_synth.py``."""

from __future__ import annotations

import statistics
import time

import torch

from spine_segmentation.synth import generate_triplet

SHAPE = (256, 160)
PIXEL_SIZE_MM = 1.0
WARM_UP, SAMPLES = 5, 100


def _milliseconds(seed: int) -> float:
    start = time.perf_counter()
    generate_triplet(seed, SHAPE, PIXEL_SIZE_MM)
    return 1e3 * (time.perf_counter() - start)


def main() -> None:
    """Print median and 90th percentile of the time per triplet."""
    torch.set_num_threads(1)
    for seed in range(WARM_UP):
        generate_triplet(seed, SHAPE, PIXEL_SIZE_MM)
    times = [_milliseconds(seed) for seed in range(SAMPLES)]
    slow = statistics.quantiles(times, n=10)[-1]
    print(
        f"{SHAPE[0]}x{SHAPE[1]} at {PIXEL_SIZE_MM:g} mm: median {statistics.median(times):.1f} ms, 90 % {slow:.1f} ms"
    )


if __name__ == "__main__":
    main()
