"""The scripts that users run, from their command lines."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

SCRIPTS = Path(__file__).parents[1] / "scripts"


def run(script: str, *arguments: str | Path) -> str:
    command = [sys.executable, SCRIPTS / f"{script}.py", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout


@pytest.mark.parametrize("script", ["export_weights", "fit_geometry", "measure_shapes", "compare_shapes"])
def test_help_names_the_arguments(script: str) -> None:
    if script == "compare_shapes":
        pytest.importorskip("matplotlib")
    assert "positional arguments" in run(script, "--help")


def test_exported_weights_are_half_precision_but_for_the_buffers(tmp_path: Path) -> None:
    state = {"weight": torch.ones(2), "norm.running_mean": torch.ones(2), "norm.num_batches_tracked": torch.tensor(3)}
    torch.save(state, tmp_path / "best.pt")
    run("export_weights", tmp_path / "best.pt", tmp_path / "model.pt")
    written = torch.load(tmp_path / "model.pt", weights_only=True)
    dtypes = {"weight": torch.float16, "norm.running_mean": torch.float32, "norm.num_batches_tracked": torch.int64}
    assert {name: value.dtype for name, value in written.items()} == dtypes
    run("export_weights", tmp_path / "best.pt", tmp_path / "again.pt")
    assert (tmp_path / "again.pt").read_bytes() == (tmp_path / "model.pt").read_bytes()  # results name weights by hash
