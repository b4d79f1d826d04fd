"""The packed training runs with PyTorch and NumPy alone, and goes on exactly where the time was up."""

from __future__ import annotations

import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
import torch

from spine_segmentation.io.nifti import write_nifti
from spine_segmentation.networks import build_unet
from spine_segmentation.synth.generator import SyntheticScan
from spine_segmentation.synth.tissues import Semantic

SCRIPTS = Path(__file__).parents[2] / "scripts"
ABSENT = ["monai", "ignite", "nibabel", "scipy", "skimage", "pydantic", "pydicom", "highdicom", "yaml", "typer", "rich"]
SAMPLES, BATCH = 8, 2


@pytest.fixture(scope="module", params=["segmentation", "labeling"])
def unpacked(
    request: pytest.FixtureRequest, lumbar_scan: SyntheticScan, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    folder = tmp_path_factory.mktemp("elsewhere")
    bodies = lumbar_scan.semantic.array == Semantic.BODY
    for name in ("a", "b"):
        write_nifti(lumbar_scan.image, folder / f"{name}_img.nii.gz")
        write_nifti(lumbar_scan.image.with_array(lumbar_scan.level.array * bodies), folder / f"{name}_seg.nii.gz")
    overrides = [
        'held_out_scans=["b"]',
        f"samples={SAMPLES}",
        f"batch_size={BATCH}",
        "crop=[64,64]",
    ]
    command = [sys.executable, SCRIPTS / "train_elsewhere.py", folder / "training.tar.xz", "--bundle", request.param]
    subprocess.run([*command, "--spider", folder, "--set", *overrides], check=True, capture_output=True)
    with tarfile.open(folder / "training.tar.xz") as file:
        file.extractall(folder, filter="data")
    return folder / "training"


def train(folder: Path, output: Path, minutes: float) -> str:
    """Train in a process that can import nothing else of this project's dependencies."""
    arguments = ["train_plain.py", ".", "--output", str(output), "--minutes", str(minutes), "--workers", "0"]
    code = (
        f"import runpy, sys; sys.modules.update(dict.fromkeys({ABSENT})); sys.argv = {arguments};"
        "runpy.run_path('train_plain.py', run_name='__main__')"
    )
    ended = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr[-3000:]
    return ended.stdout


def test_training_in_two_parts_ends_with_the_same_weights(unpacked: Path, tmp_path: Path) -> None:
    assert [path.name for path in (unpacked / "scans").iterdir()] == ["a.npz"]
    train(unpacked, tmp_path / "whole", 9)
    assert f"{BATCH} of {SAMPLES} samples" in train(unpacked, tmp_path / "parts", 0)
    (tmp_path / "parts" / f"state-{SAMPLES:010d}-01-of-09").write_bytes(b"cut off")
    assert f"{SAMPLES} of {SAMPLES} samples" in train(unpacked, tmp_path / "parts", 9)
    whole, parts = (torch.load(tmp_path / name / "weights.pt", weights_only=True) for name in ("whole", "parts"))
    assert all(torch.equal(whole[name], parts[name]) for name in whole)
    labeling = "level" in (unpacked / "settings.json").read_text()
    build_unet(3, 29 if labeling else 6, head="coarse" if labeling else "fine").load_state_dict(whole)
    assert max(path.stat().st_size for path in (tmp_path / "whole").iterdir()) < 16 * 2**20
