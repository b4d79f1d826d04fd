"""The same sources make the same image: ``make map-test-full``."""

from __future__ import annotations

import os
import subprocess
from typing import Any

import pytest

from tests.map.conftest import ROOT
from tests.map.engine import engine, find_engine, inspect

pytestmark = [pytest.mark.map, pytest.mark.slow]

SECONDS_TO_BUILD = 3600


def test_a_second_build_makes_the_same_layers(image: str, report: dict[str, Any]) -> None:
    if find_engine() == "docker":
        pytest.skip("docker build keeps the times of files")
    again = f"{image}-again"
    build = [ROOT / "scripts" / "build_image.sh", "--no-cache"]
    subprocess.run(build, env={**os.environ, "IMAGE": again}, check=True, timeout=SECONDS_TO_BUILD)
    first, second = (inspect(name)["RootFS"]["Layers"] for name in (image, again))
    report["layers_equal"] = first == second
    assert first == second
    engine("rmi", again)
