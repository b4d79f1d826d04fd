"""One image, one study, and the document that tells what was measured."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from spine_segmentation.synth.dicom import write_study
from spine_segmentation.synth.generator import generate_volume
from tests.map.engine import inspect

ROOT = Path(__file__).resolve().parents[2]
RESULT = ROOT / "out" / "map-test" / "result.json"
USER = 1000


@pytest.fixture(scope="session")
def image() -> str:
    """The image of the variable IMAGE; it must be there. What was measured of another one goes."""
    RESULT.unlink(missing_ok=True)
    name = os.environ.get("IMAGE", "localhost/spine-segmentation:latest")
    inspect(name)
    return name


@pytest.fixture(scope="session")
def report(request: pytest.FixtureRequest, image: str) -> Iterator[dict[str, Any]]:
    """What was measured; written at the end."""
    about = inspect(image)
    revision = about["Config"]["Labels"]["org.opencontainers.image.revision"]
    measured: dict[str, Any] = {
        "image": image,
        "image_digest": about.get("Digest") or about["Id"],
        "revision": revision,
        "image_bytes": about["Size"],
        "seg_equal": False,  # until they have been compared
    }
    yield measured
    measured["failed_tests"] = request.session.testsfailed
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    RESULT.write_text(json.dumps(measured, indent=2) + "\n")


@pytest.fixture(scope="session")
def study(lumbar_study: Path) -> Path:
    """A small lumbar study."""
    return open_to_all(lumbar_study)


@pytest.fixture(scope="session")
def full_study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lumbar study of full size: 15 slices."""
    folder = tmp_path_factory.mktemp("full-study")
    write_study(generate_volume(1, region="lumbar"), folder, seed=1)
    return open_to_all(folder)


@pytest.fixture
def output(tmp_path: Path) -> Path:
    """A folder that the container's user may write to."""
    folder = tmp_path / "output"
    folder.mkdir()
    subprocess.run(["chown", f"{USER}:{USER}", folder], check=True)
    return folder


def open_to_all(folder: Path) -> Path:
    """Let the container's user in: pytest's folders are for their owner alone."""
    folder.chmod(0o755)
    return folder
