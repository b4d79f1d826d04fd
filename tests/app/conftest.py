"""The application as others start it: as a process, on a small generated study."""

from __future__ import annotations

import json
import logging
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pydicom
import pytest
import torch

from spine_segmentation.networks import CHANNELS
from spine_segmentation.synth.dicom import write_study
from spine_segmentation.synth.generator import generate_volume

ROOT = Path(__file__).resolve().parents[2]
BUNDLES = ROOT / "bundle"
APP = ROOT / "app"

Main = Callable[..., int]

CREATION = {
    "InstanceCreationDate", "InstanceCreationTime", "ContentDate", "ContentTime", "ContributionDateTime",
    "DateOfSecondaryCapture", "TimeOfSecondaryCapture",
}  # fmt: skip

needs_sdk = pytest.mark.skipif(find_spec("holoscan") is None, reason="the Deploy SDK is not installed")
needs_weights = pytest.mark.skipif(
    not all((BUNDLES / name / "models" / "model.pt").is_file() for name in ("segmentation", "labeling")),
    reason="the bundles have no weights yet",
)


@pytest.fixture(scope="session")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small synthetic lumbar study."""
    folder = tmp_path_factory.mktemp("study")
    write_study(generate_volume(1, slices=5, slice_spacing=8.0, pixel_size=1.4), folder, seed=1)
    return folder


@pytest.fixture(scope="session")
def by_app(study: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the application wrote, with its log."""
    folder = tmp_path_factory.mktemp("app")
    ended = run_module("app", "-i", study, "-o", folder)
    assert ended.returncode == 0, ended.stderr
    (folder / "log").write_text(ended.stdout + ended.stderr)
    return folder


@pytest.fixture(scope="session")
def blind_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Bundles whose segmentation network sees background everywhere."""
    folder = tmp_path_factory.mktemp("models") / "bundle"
    shutil.copytree(BUNDLES, folder)
    weights = folder / "segmentation" / "models" / "model.pt"
    state = {name: torch.zeros_like(value) for name, value in torch.load(weights, weights_only=True).items()}
    last_bias = state[list(state)[-1]].view(len(CHANNELS), -1)
    last_bias[CHANNELS.index("background")] = 1.0
    torch.save(state, weights)
    return folder


def run_module(module: str, *arguments: object, **variables: object) -> subprocess.CompletedProcess[str]:
    """Run a Python module of the repository as a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", module, *map(str, arguments)],
        cwd=ROOT,
        env={**clean_environment(), **{name: str(value) for name, value in variables.items()}},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def clean_environment() -> dict[str, str]:
    """The environment without the variables of a container."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("HOLOSCAN_", "SPINE_"))}


def read_status(folder: Path) -> dict[str, Any]:
    """What ``status.json`` says."""
    status: dict[str, Any] = json.loads((folder / "status.json").read_text())
    return status


def forget_times(dataset: pydicom.Dataset) -> pydicom.Dataset:
    """Remove dates and times of creation, the only difference between two runs."""

    def forget(parent: pydicom.Dataset, element: pydicom.DataElement) -> None:
        if element.keyword in CREATION:
            del parent[element.tag]

    dataset.walk(forget)
    return dataset


@pytest.fixture
def _restore_handlers() -> Iterator[None]:
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in handlers.items():
        signal.signal(number, handler)


@pytest.fixture
def main(monkeypatch: pytest.MonkeyPatch, _restore_handlers: None) -> Iterator[Main]:
    """Run the application in this process: the SDK is imported once; gives back the exit code."""
    from app import process

    for name in set(os.environ) - set(clean_environment()):
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOLOSCAN_LOG_LEVEL", "OFF")
    level = logging.getLogger("spine_segmentation").level

    def run_main(*arguments: object) -> int:
        try:
            process.main([str(argument) for argument in arguments])
        except SystemExit as end:
            return int(end.code or 0)
        return 0

    yield run_main
    logging.getLogger("spine_segmentation").setLevel(level)
