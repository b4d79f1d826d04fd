"""app.yaml says what the code and the package say."""

from __future__ import annotations

import tomllib
from pathlib import Path

import yaml

from spine_segmentation.io.product import PRODUCT_NAME
from spine_segmentation.segment_run import Job
from tests.app.conftest import APP, ROOT

CONFIGURATION = yaml.safe_load((APP / "app.yaml").read_text())
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def test_name_and_version_are_those_of_the_package() -> None:
    application = CONFIGURATION["application"]
    assert (application["name"], application["version"]) == (PRODUCT_NAME, PROJECT["version"])


def test_parameters_are_those_of_the_operators() -> None:
    assert CONFIGURATION["networks"] == {"device": "cpu"}
    assert set(CONFIGURATION["outputs"]) == {"formats", "seg_type", "sr_type"}


def test_default_outputs_are_those_of_the_command_line() -> None:
    default = Job(Path())
    outputs = CONFIGURATION["outputs"]
    assert set(outputs["formats"]) == default.formats
    assert (outputs["seg_type"], outputs["sr_type"]) == (default.seg_type, default.sr_type)
