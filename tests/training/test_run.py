"""Both bundles train, stop, go on, and spread over processes, as their configurations say."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from ignite.engine import Engine, Events
from monai.bundle import ConfigParser, ConfigWorkflow, create_workflow, run
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from spine_segmentation.anatomy import VERSE_DISC_BASE
from spine_segmentation.bundles import bundle_folder, load_weights
from spine_segmentation.errors import ModelError, UsageError
from spine_segmentation.io.nifti import write_nifti
from spine_segmentation.networks import CHANNELS, build_unet
from spine_segmentation.synth.generator import SyntheticScan
from spine_segmentation.synth.tissues import Semantic
from spine_segmentation.training.runs import BEST, CHECKPOINT, initialise

BUNDLES = ["segmentation", "labeling"]
ITERATIONS = 2
"""Iterations an epoch."""


@pytest.fixture(scope="module")
def data(lumbar_scan: SyntheticScan, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two annotated scans; one is trained on, one kept out."""
    folder = tmp_path_factory.mktemp("data")
    discs = lumbar_scan.semantic.array == Semantic.DISC
    known = discs | (lumbar_scan.semantic.array == Semantic.BODY)
    mask = ((lumbar_scan.level.array + VERSE_DISC_BASE * discs) * known).astype(np.uint8)
    for name in ("a", "b"):
        write_nifti(lumbar_scan.image, folder / f"{name}_img.nii.gz")
        write_nifti(lumbar_scan.image.with_array(mask), folder / f"{name}_seg.nii.gz")
    return folder


@pytest.fixture(scope="module")
def uninterrupted(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The output folder of two epochs in one go."""
    folder = tmp_path_factory.mktemp("uninterrupted")
    run(**options("segmentation", data, folder, init_weights=shipped("segmentation")))
    return folder


def config(bundle: str, *names: str) -> list[str]:
    return [str(bundle_folder(bundle) / "configs" / name) for name in names]


def shipped(bundle: str) -> str:
    return str(bundle_folder(bundle) / "models" / "model.pt")


def options(bundle: str, data: Path, output: Path, **overrides: Any) -> dict[str, Any]:
    """What makes a training small, as arguments of ``monai.bundle``."""
    small = {
        "dataset_dir": str(data),
        "held_out_scans": ["b"],
        "output_dir": str(output),
        "crop": [64, 64],
        "batch_size": 2,
        "samples_per_epoch": 2 * ITERATIONS,
        "max_epochs": 2,
        "num_workers": 0,
        "val_length": 4,
        "device": "$torch.device('cpu')",
        "logging_file": False,
    }
    return {"config_file": config(bundle, "train.yaml"), **small, **overrides}


def checkpoint(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = torch.load(folder / CHECKPOINT, weights_only=True)
    return content


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__


@pytest.mark.parametrize("bundle", BUNDLES)
def test_training_workflow_has_all_required_properties(bundle: str, data: Path, tmp_path: Path) -> None:
    workflow = create_workflow(workflow_type="train", **options(bundle, data, tmp_path))
    assert workflow.check_properties() == []
    assert workflow.max_epochs == workflow.trainer.state.max_epochs == 2


@pytest.mark.parametrize("bundle", BUNDLES)
def test_training_writes_a_checkpoint_and_weights_that_fit(bundle: str, data: Path, tmp_path: Path) -> None:
    run(**options(bundle, data, tmp_path, max_epochs=1, init_weights=shipped(bundle)))
    state = checkpoint(tmp_path)
    assert set(state) == {"ema", "network", "optimizer", "lr_scheduler", "trainer"}
    assert state["trainer"]["iteration"] == state["lr_scheduler"]["last_epoch"] == ITERATIONS
    start = torch.load(shipped(bundle), weights_only=True)
    assert not torch.equal(state["network"]["stem.0.weight"], start["stem.0.weight"].float())
    assert all(bool(torch.isfinite(value).all()) for value in state["network"].values())
    parser = ConfigParser(ConfigParser.load_config_files(config(bundle, "inference.yaml")))
    load_weights(parser.get_parsed_content("network_def"), tmp_path / BEST)


@pytest.mark.parametrize("backbone", ["resnet18", pytest.param("resnet152", marks=pytest.mark.slow)])
def test_another_backbone_trains(backbone: str, data: Path, tmp_path: Path) -> None:
    run(**options("segmentation", data, tmp_path, max_epochs=1, **{"network_def#backbone": backbone}))
    load_weights(build_unet(3, len(CHANNELS), backbone), tmp_path / BEST)
    with pytest.raises(ModelError, match="do not fit"):
        load_weights(build_unet(3, len(CHANNELS)), tmp_path / BEST)
    (tmp_path / CHECKPOINT).unlink()  # up to a gigabyte


def test_initial_weights_that_are_not_there_are_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no weights at"):
        initialise(build_unet(3, len(CHANNELS)), str(tmp_path / "absent.pt"))


def test_an_interrupted_run_goes_on_as_if_nothing_had_happened(data: Path, uninterrupted: Path, tmp_path: Path) -> None:
    """What was done of the second epoch is lost and done again."""
    arguments = options("segmentation", data, tmp_path, init_weights=shipped("segmentation"))
    _run_until(ITERATIONS + 1, arguments)
    assert checkpoint(tmp_path)["trainer"]["iteration"] == ITERATIONS
    run(**arguments)
    whole, parts = checkpoint(uninterrupted), checkpoint(tmp_path)
    assert whole["trainer"] == parts["trainer"]
    assert same(whole["network"], parts["network"]) and same(whole["ema"], parts["ema"])
    assert whole["lr_scheduler"] == parts["lr_scheduler"]
    moments = whole["optimizer"]["state"], parts["optimizer"]["state"]
    assert all(same(moments[0][number], moments[1][number]) for number in moments[0])
    assert parts["trainer"]["samples"] == 2 * 2 * ITERATIONS


def test_worker_processes_change_nothing(data: Path, uninterrupted: Path, tmp_path: Path) -> None:
    """They too show other samples in the second epoch."""
    run(**options("segmentation", data, tmp_path, num_workers=1, init_weights=shipped("segmentation")))
    assert same(checkpoint(uninterrupted)["network"], checkpoint(tmp_path)["network"])


def test_a_finished_run_is_not_trained_again(data: Path, uninterrupted: Path) -> None:
    before = (uninterrupted / CHECKPOINT).read_bytes()
    with pytest.raises(RuntimeError) as raised:
        run(**options("segmentation", data, uninterrupted, max_epochs=3))
    (error,) = (cause for cause in causes(raised.value) if isinstance(cause, UsageError))
    assert "all its 2 epochs" in error.found
    assert (uninterrupted / CHECKPOINT).read_bytes() == before


@pytest.mark.parametrize("other", [{"seed": 1}, {"samples_per_epoch": 6}])
def test_a_run_does_not_go_on_with_another_seed_or_length(
    data: Path, uninterrupted: Path, other: dict[str, int]
) -> None:
    with pytest.raises(RuntimeError) as raised:
        run(**options("segmentation", data, uninterrupted, **other))
    (error,) = (cause for cause in causes(raised.value) if isinstance(cause, UsageError))
    assert "seed 0 and" in error.found


def test_the_seed_determines_the_initial_weights(data: Path, tmp_path: Path) -> None:
    for name, seed in {"first": 3, "second": 3, "other": 4}.items():
        torch.manual_seed(hash(name))  # what ran before must not matter
        workflow = ConfigWorkflow(workflow_type="train", **options("segmentation", data, tmp_path / name, seed=seed))
        workflow.initialize()
        torch.save(workflow.parser.get_parsed_content("network").state_dict(), tmp_path / f"{name}.pt")
    first, second, other = (torch.load(tmp_path / f"{name}.pt") for name in ("first", "second", "other"))
    assert same(first, second) and not same(first, other)


def test_the_loss_is_drawn_for_tensorboard(uninterrupted: Path) -> None:
    events = EventAccumulator(str(uninterrupted)).Reload()
    assert {"loss", "mean_dice"} <= set(events.Tags()["scalars"])


@pytest.mark.parametrize(("best", "replaced"), [(2.0, False), (-1.0, True)])
def test_the_best_weights_outlive_an_interruption(best: float, replaced: bool, data: Path, tmp_path: Path) -> None:
    """They are replaced only by better ones than those of the epochs before it."""
    arguments = options("segmentation", data, tmp_path)
    _run_until(ITERATIONS + 1, arguments)
    state = checkpoint(tmp_path)
    assert 0 <= state["trainer"]["best_validation"] <= 1
    state["trainer"]["best_validation"] = best
    torch.save(state, tmp_path / CHECKPOINT)
    (tmp_path / BEST).write_bytes(b"of the first epoch")
    run(**arguments)
    assert ((tmp_path / BEST).read_bytes() != b"of the first epoch") == replaced


@pytest.mark.parametrize(("bundle", "metric"), [("segmentation", "mean_dice"), ("labeling", "accuracy")])
def test_evaluation_of_the_shipped_weights(bundle: str, metric: str, data: Path, tmp_path: Path) -> None:
    arguments = options(
        bundle, data, tmp_path, crop=[160, 128], config_file=config(bundle, "train.yaml", "evaluate.yaml")
    )
    workflow = ConfigWorkflow(workflow_type="train", **arguments)
    workflow.initialize()
    workflow.run()
    assert workflow.parser.get_parsed_content("validate#evaluator").state.metrics[metric] > 0.6
    assert list(tmp_path.glob("*.pt")) == []


@pytest.mark.slow
@pytest.mark.parametrize("bundle", BUNDLES)
def test_training_in_two_processes(bundle: str, data: Path, tmp_path: Path) -> None:
    """Each does half of the iterations; together they write one checkpoint of an unwrapped network."""
    arguments = options(bundle, data, tmp_path, max_epochs=1, samples_per_epoch=8)
    arguments["config_file"] = config(bundle, "train.yaml", "multi_gpu_train.yaml")
    del arguments["device"]
    words = [word for name, value in arguments.items() for word in (f"--{name}", str(value))]
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2"]
    ended = subprocess.run(
        [*command, "-m", "monai.bundle", "run", *words],
        env={**os.environ, "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert ended.returncode == 0, ended.stderr[-4000:]
    assert checkpoint(tmp_path)["trainer"]["iteration"] == 8 // 2 // 2
    parser = ConfigParser(ConfigParser.load_config_files(config(bundle, "inference.yaml")))
    load_weights(parser.get_parsed_content("network_def"), tmp_path / BEST)
    assert not list(tmp_path.glob(".*"))


def _run_until(iteration: int, arguments: dict[str, Any]) -> None:
    """Train, and fail after this many iterations."""
    workflow = ConfigWorkflow(workflow_type="train", **arguments)
    workflow.initialize()

    def fail(engine: Engine) -> None:
        raise OSError("out of luck")

    trainer = workflow.parser.get_parsed_content("train#trainer")
    trainer.add_event_handler(Events.ITERATION_COMPLETED(once=iteration), fail)
    with pytest.raises(RuntimeError) as raised:
        workflow.run()
    assert "out of luck" in {str(cause) for cause in causes(raised.value)}
