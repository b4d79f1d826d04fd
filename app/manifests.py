"""The manifests of the MONAI Application Package, from ``app.yaml`` and the metadata of the installed packages."""

from __future__ import annotations

import json
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import yaml

API_VERSION = "1.0.0"
"""Of the manifests (Holoscan Application Package specification)."""

ROOT = Path("/opt/holoscan")
WORKING_DIRECTORY = Path("/var/holoscan")
MANIFESTS = Path("/etc/holoscan")
MANIFEST_OF_EARLIER_PLATFORMS = Path("/etc/monai/app.json")
"""Where mercure looks."""

ENVIRONMENT = {
    "HOLOSCAN_APPLICATION": str(ROOT / "app"),
    "HOLOSCAN_INPUT_PATH": str(WORKING_DIRECTORY / "input"),
    "HOLOSCAN_OUTPUT_PATH": str(WORKING_DIRECTORY / "output"),
    "HOLOSCAN_WORKDIR": str(WORKING_DIRECTORY),
    "HOLOSCAN_MODEL_PATH": str(ROOT / "models"),
    "HOLOSCAN_CONFIG_PATH": str(WORKING_DIRECTORY / "app.yaml"),
    "HOLOSCAN_APP_MANIFEST_PATH": str(MANIFESTS / "app.json"),
    "HOLOSCAN_PKG_MANIFEST_PATH": str(MANIFESTS / "pkg.json"),
    "HOLOSCAN_DOCS_PATH": str(ROOT / "docs"),
}
"""The variables of the container."""

COMMAND = ("python3", str(ROOT / "app"))
"""Starts the application."""

SUPERVISED_COMMAND = "python3 -m app.entrypoint run"
"""Starts the application as the container's entry point does."""

CONFIGURATION = Path(__file__).with_name("app.yaml")


def application_manifest(configuration: dict[str, Any]) -> dict[str, Any]:
    """Describe how the application is run.

    Args:
        configuration: Content of app.yaml.

    Returns:
        Content of ``/etc/holoscan/app.json``; its command is a JSON list in a string, as the specification has it.
    """
    application = configuration["application"]
    return {
        "apiVersion": API_VERSION,
        "command": json.dumps(COMMAND),
        "environment": ENVIRONMENT,
        "input": {"path": "input/", "formats": application["input-formats"]},
        "output": {"path": "output/", "formats": application["output-formats"]},
        "readiness": None,
        "liveness": None,
        "sdk": "monai-deploy",
        "sdkVersion": version("monai-deploy-app-sdk"),
        "timeout": 0,
        "version": version("spine-segmentation"),
        "workingDirectory": str(WORKING_DIRECTORY),
    }


def package_manifest(configuration: dict[str, Any], models: Path) -> dict[str, Any]:
    """Describe what the container holds and needs.

    Args:
        configuration: Content of app.yaml.
        models: Folder that holds the bundles.

    Returns:
        Content of ``/etc/holoscan/pkg.json``.
    """
    bundles = sorted(path.parents[1].name for path in models.glob("*/configs/metadata.json"))
    return {
        "apiVersion": API_VERSION,
        "applicationRoot": str(ROOT / "app"),
        "modelRoot": str(ROOT / "models"),
        "models": {name: str(ROOT / "models" / name) for name in bundles},
        "resources": configuration["resources"],
        "version": version("spine-segmentation"),
        "platformConfig": "dgpu" if configuration["resources"]["gpu"] else "cpu",
    }


def write_manifests(root: Path, models: Path) -> None:
    """Write all manifests.

    mercure hands the command to Docker as it is, which takes a JSON list for a single odd word: its manifest has a
    plain one.

    Args:
        root: Stands for ``/``.
        models: Folder that holds the bundles.
    """
    configuration = yaml.safe_load(CONFIGURATION.read_text(encoding="utf-8"))
    application = application_manifest(configuration)
    documents = {
        MANIFESTS / "app.json": application,
        MANIFESTS / "pkg.json": package_manifest(configuration, models),
        MANIFEST_OF_EARLIER_PLATFORMS: {**application, "command": SUPERVISED_COMMAND},
    }
    for path, document in documents.items():
        target = root / path.relative_to("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    write_manifests(Path(sys.argv[1]), Path(sys.argv[2]))
