"""``import monai`` works with the Deploy SDK and without a CUDA toolkit."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from spine_segmentation.cuda_runtime import LIBRARY
from tests.app.conftest import ROOT, needs_sdk

pytestmark = [
    needs_sdk,
    pytest.mark.skipif(
        os.geteuid() != 0
        or shutil.which("unshare") is None
        or subprocess.run(["unshare", "-m", "true"], check=False, capture_output=True).returncode != 0,
        reason="mount namespaces need root",
    ),
]


def _system_folders() -> list[Path]:
    """Where the loader finds libcudart."""
    cache = subprocess.run(["ldconfig", "-p"], capture_output=True, text=True, check=False).stdout
    found = re.findall(rf"{re.escape(LIBRARY)} .*=> (.+)", cache)
    return sorted({Path(path).resolve().parent for path in found})


def _import_without_toolkit(code: str, empty: Path) -> subprocess.CompletedProcess[str]:
    masks = [f"mount --bind {shlex.quote(str(empty))} {shlex.quote(str(folder))}" for folder in _system_folders()]
    script = " && ".join([*masks, f"exec {shlex.quote(sys.executable)} -c {shlex.quote(code)}"])
    environment = {name: value for name, value in os.environ.items() if name != "LD_LIBRARY_PATH"}
    return subprocess.run(
        ["unshare", "-m", "sh", "-c", script], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )


def test_monai_alone_fails_without_the_library(tmp_path: Path) -> None:
    """Otherwise the next test would prove nothing."""
    ended = _import_without_toolkit("import monai", tmp_path)
    assert ended.returncode != 0
    assert LIBRARY in ended.stderr


def test_the_package_supplies_the_library(tmp_path: Path) -> None:
    ended = _import_without_toolkit("import spine_segmentation, monai, monai.deploy.core", tmp_path)
    assert ended.returncode == 0, ended.stderr
