"""The manifests say what app.yaml and the packages say, in the form that the platforms read."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from app.manifests import write_manifests
from tests.app.conftest import APP, BUNDLES, ROOT, needs_sdk

pytestmark = needs_sdk

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

PATH = {"type": "string", "pattern": "^/"}
VERSION = {"type": "string", "pattern": r"^\d+\.\d+\.\d+$"}
PLACE = {
    "type": "object",
    "required": ["path", "formats"],
    "properties": {"path": {"type": "string"}, "formats": {"type": "array", "items": {"type": "string"}}},
}
APPLICATION = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "apiVersion": VERSION,
        "command": {"type": "string"},
        "environment": {"type": "object", "additionalProperties": PATH},
        "input": PLACE,
        "output": PLACE,
        "readiness": {"type": "null"},
        "liveness": {"type": "null"},
        "sdk": {"const": "monai-deploy"},
        "sdkVersion": VERSION,
        "timeout": {"type": "integer", "minimum": 0},
        "version": VERSION,
        "workingDirectory": PATH,
    },
}
PACKAGE = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "apiVersion": VERSION,
        "applicationRoot": PATH,
        "modelRoot": PATH,
        "models": {"type": "object", "additionalProperties": PATH},
        "resources": {
            "type": "object",
            "required": ["cpu", "gpu", "memory"],
            "properties": {
                "cpu": {"type": "integer"},
                "gpu": {"type": "integer"},
                "memory": {"type": "string", "pattern": r"^\d+[MG]i$"},
            },
        },
        "version": VERSION,
        "platformConfig": {"enum": ["cpu", "dgpu", "igpu"]},
    },
}
"""What the packager of the Deploy SDK writes: every key is there, and no other."""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("root")
    write_manifests(folder, BUNDLES)
    return folder


def read(root: Path, name: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((root / "etc" / name).read_text())
    return document


@pytest.mark.parametrize(("name", "schema"), [("app", APPLICATION), ("pkg", PACKAGE)])
def test_schema(name: str, schema: dict[str, Any], root: Path) -> None:
    document = read(root, f"holoscan/{name}.json")
    jsonschema.validate(document, {**schema, "required": list(schema["properties"])})


def test_version_is_that_of_the_package(root: Path) -> None:
    for name in ("app", "pkg"):
        assert read(root, f"holoscan/{name}.json")["version"] == PROJECT["version"]


def test_sdk_is_the_one_asked_for(root: Path) -> None:
    version = read(root, "holoscan/app.json")["sdkVersion"]
    assert f"monai-deploy-app-sdk=={version}" in PROJECT["optional-dependencies"]["app"]


def test_models_are_the_bundles(root: Path) -> None:
    package = read(root, "holoscan/pkg.json")
    assert package["models"] == {name: f"/opt/holoscan/models/{name}" for name in ("labeling", "segmentation")}


def test_command_is_a_list_in_a_string(root: Path) -> None:
    assert json.loads(read(root, "holoscan/app.json")["command"]) == ["python3", f"/opt/holoscan/{APP.name}"]


def test_mercure_gets_a_plain_command(root: Path) -> None:
    for_mercure, manifest = read(root, "monai/app.json"), read(root, "holoscan/app.json")
    assert for_mercure.pop("command") == "python3 -m app.entrypoint run"
    manifest.pop("command")
    assert for_mercure == manifest
