"""Packs keep what the generator made, hold some of it out, and show the rest in many looks."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from spine_segmentation.errors import UnreadableFile, UsageError
from spine_segmentation.io.atomic import atomic_path
from spine_segmentation.normalization import normalize
from spine_segmentation.synth.generator import Triplet, generate_triplet
from spine_segmentation.training.pack_format import (
    SHARD_BYTES,
    PackFormat,
    dequantise,
    quantise,
    shard_path,
    write_shard,
)
from spine_segmentation.training.packs import HeldOutTriplets, PackedTriplets
from spine_segmentation.training.samples import IGNORE, Task

FORMAT = PackFormat(64, 96, 2.0)
SHAPE = (64, 96)


@pytest.fixture(scope="module")
def triplets() -> list[Triplet]:
    return [generate_triplet(seed, SHAPE, 2.0) for seed in range(4)]


@pytest.fixture
def pack(triplets: list[Triplet], tmp_path: Path) -> Path:
    """Two shards of twenty; the last of each is kept out."""
    FORMAT.claim(tmp_path)
    write_shard(shard_path(tmp_path, 0), triplets[:2] * 9 + triplets[:1] + triplets[2:3], FORMAT)
    write_shard(shard_path(tmp_path, 20), triplets[:2] * 9 + triplets[:1] + triplets[3:4], FORMAT)
    return tmp_path


def test_eight_bits_are_enough(triplets: list[Triplet]) -> None:
    for triplet in triplets:
        code = quantise(triplet.image)
        assert code.dtype == torch.uint8 and torch.equal(code == 0, triplet.image == 0)
        before, after = normalize(triplet.image[None]), normalize(dequantise(code)[None])
        assert float((before - after).abs().mean()) < 0.03  # of a standard deviation of about one


def test_the_end_of_every_shard_is_held_out(pack: Path, triplets: list[Triplet]) -> None:
    held_out = HeldOutTriplets(pack, "semantic", SHAPE, 2.0)
    assert len(held_out) == 2
    for sample, triplet in zip((held_out[0], held_out[1]), triplets[2:], strict=True):
        assert torch.equal(sample["label"][0], triplet.semantic.long())
    dataset = PackedTriplets(pack, "semantic", SHAPE, 2.0)
    shown = [which_triplet(dataset[k]["label"][0], triplets) for k in range(60)]
    assert set(shown) == {0, 1}


def test_a_shard_that_is_being_written_is_passed_over(pack: Path) -> None:
    before = len(HeldOutTriplets(pack, "semantic", SHAPE, 2.0))
    with atomic_path(shard_path(pack, 40)) as temporary:
        temporary.write_bytes(b"half of it")
        assert len(HeldOutTriplets(pack, "semantic", SHAPE, 2.0)) == before
        shutil.copy(shard_path(pack, 0), temporary)
    assert len(HeldOutTriplets(pack, "semantic", SHAPE, 2.0)) == before + 1


def which_triplet(label: torch.Tensor, triplets: list[Triplet]) -> int:
    """The triplet that a sample shows, perhaps without one of its ends."""
    agreement = [float((label[label > 0] == triplet.semantic[label > 0]).float().mean()) for triplet in triplets]
    assert max(agreement) == 1.0
    return agreement.index(1.0)


@pytest.mark.parametrize("task", ["semantic", "level"])
def test_samples(pack: Path, task: Task) -> None:
    dataset = PackedTriplets(pack, task, SHAPE, 2.0, seed=3)
    sample = dataset[5]
    assert sample["image"].shape == (3, *SHAPE) and sample["image"].dtype == torch.float32
    assert sample["label"].shape == (1, *SHAPE) and sample["label"].dtype == torch.int64
    assert torch.equal(sample["image"], dataset[5]["image"])
    assert not torch.equal(sample["image"], PackedTriplets(pack, task, SHAPE, 2.0, seed=4)[5]["image"])
    assert (int(sample["label"].max()) == IGNORE) == (task == "level")


def test_each_use_of_a_triplet_looks_different(pack: Path) -> None:
    dataset = PackedTriplets(pack, "semantic", SHAPE, 2.0)
    looks = {dataset[k]["image"].numpy().tobytes() for k in range(40)}
    assert len(looks) > 15


def test_a_shard_stays_below_its_limit() -> None:
    whole = PackFormat(256, 160, 1.0)
    assert 0.9 * SHARD_BYTES < whole.triplets_per_shard * whole.dtype.itemsize <= SHARD_BYTES


def test_a_pack_has_one_format(pack: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="64"):
        PackedTriplets(pack, "semantic", SHAPE, 1.5)
    with pytest.raises(UsageError):
        PackFormat(64, 64, 2.0).claim(pack)
    with pytest.raises(UnreadableFile):
        HeldOutTriplets(tmp_path / "elsewhere", "semantic", SHAPE, 2.0)


def test_a_pack_without_shards_is_an_error(tmp_path: Path) -> None:
    FORMAT.claim(tmp_path)
    with pytest.raises(UnreadableFile, match="no triplets"):
        PackedTriplets(tmp_path, "semantic", SHAPE, 2.0)


@pytest.mark.slow
def test_the_script_adds_what_is_missing(tmp_path: Path) -> None:
    script = Path(__file__).parents[2] / "scripts" / "pack_triplets.py"
    command = [sys.executable, str(script), str(tmp_path), "--rows", "1600", "--columns", "1600", "--pixel-size", "2"]
    per_shard = PackFormat(1600, 1600, 2.0).triplets_per_shard
    subprocess.run([*command, "--count", "1", "--first-seed", "7"], check=True, capture_output=True)
    first = shard_path(tmp_path, 7).stat()
    subprocess.run([*command, "--count", str(per_shard + 1), "--first-seed", "7"], check=True, capture_output=True)
    assert shard_path(tmp_path, 7).stat() == first
    shard = np.load(shard_path(tmp_path, 7 + per_shard))
    assert len(shard) == per_shard
    wanted = generate_triplet(7 + per_shard, (1600, 1600), 2.0)
    assert np.array_equal(shard[0]["semantic"], wanted.semantic.numpy())
