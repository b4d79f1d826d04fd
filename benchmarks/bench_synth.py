"""Measure how long a synthetic training triplet takes, by stage: ``python benchmarks/bench_synth.py``.

On the CPU this is the processor's time on one core, which other processes do not lengthen; where there is a GPU, it is
measured too, by the clock.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from itertools import pairwise

import torch

from spine_segmentation.synth.examination import draw_training_examination, take_image
from spine_segmentation.synth.voxelize import voxelize

SHAPE = (256, 160)
PIXEL_SIZE_MM = 1.0
WARM_UP, SAMPLES = 10, 200
STAGES = ("draw", "voxelize", "image")


def _time_triplet(seed: int, device: torch.device, clock: Callable[[], float]) -> list[float]:
    """Milliseconds of each stage."""
    moments = [clock()]
    _, examination = draw_training_examination(seed, SHAPE, PIXEL_SIZE_MM, device)
    moments.append(clock())
    tissues, at = voxelize(examination.person, examination.planes.grid)
    moments.append(clock())
    take_image(examination, tissues, at)
    moments.append(clock())
    return [1e3 * (later - earlier) for earlier, later in pairwise(moments)]


def _gpu_clock() -> float:
    """Seconds, when all that was asked for is done."""
    torch.cuda.synchronize()
    return time.perf_counter()


@torch.no_grad()
def _measure(device: torch.device, clock: Callable[[], float]) -> None:
    """Print the mean of each stage, and mean and 90th percentile of the whole."""
    for seed in range(WARM_UP):
        _time_triplet(seed, device, clock)
    times = torch.tensor([_time_triplet(seed, device, clock) for seed in range(SAMPLES)])
    stages = ", ".join(f"{name} {mean:.1f}" for name, mean in zip(STAGES, times.mean(0).tolist(), strict=True))
    totals = times.sum(1).tolist()
    slow = statistics.quantiles(totals, n=10)[-1]
    size = f"3x{SHAPE[0]}x{SHAPE[1]} at {PIXEL_SIZE_MM:g} mm"
    print(f"{device}, {size}: mean {statistics.mean(totals):.1f} ms ({stages}), 90 % {slow:.1f} ms")


def main() -> None:
    """Measure one core, and the GPU where there is one."""
    torch.set_num_threads(1)
    _measure(torch.device("cpu"), time.process_time)
    if torch.cuda.is_available():
        _measure(torch.device("cuda"), _gpu_clock)


if __name__ == "__main__":
    main()
