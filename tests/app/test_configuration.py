"""app.yaml says what the code and the package say."""

from __future__ import annotations

import tomllib

import yaml

from spine_segmentation.io.product import PRODUCT_NAME
from tests.app.conftest import APP, ROOT

CONFIGURATION = yaml.safe_load((APP / "app.yaml").read_text())
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def test_name_and_version_are_those_of_the_package() -> None:
    application = CONFIGURATION["application"]
    assert (application["name"], application["version"]) == (PRODUCT_NAME, PROJECT["version"])


def test_parameters_are_those_of_the_operators() -> None:
    assert CONFIGURATION["networks"] == {"device": "cpu"}
    assert CONFIGURATION["dicom_seg_writer"] == {
        "formats": ["seg"],
        "seg_type": "binary",
        "sr_type": "comprehensive3d",
    }
