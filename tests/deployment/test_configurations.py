"""Deployment configurations: valid, hardened, and of this version."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from app.manifests import ENVIRONMENT, WORKING_DIRECTORY
from spine_segmentation.pacs.config import load_config

ROOT = Path(__file__).resolve().parents[2]
CONFIGS = ROOT / "configs"
KUBERNETES = sorted((CONFIGS / "kubernetes").glob("*.yaml"))
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
IMAGE = f"spine-segmentation:{VERSION}"
KUBERNETES_VERSION = "1.31"
ENTRY_POINT = str(WORKING_DIRECTORY / "tools")


def read_all(path: Path) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(path.read_text()))


def read_json(*parts: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(CONFIGS.joinpath(*parts).read_text())
    return document


def containers() -> list[Any]:
    objects = [document for path in KUBERNETES for document in read_all(path) if "template" in document["spec"]]
    return [pytest.param(document["spec"]["template"]["spec"], id=document["kind"]) for document in objects]


@pytest.mark.parametrize("path", KUBERNETES, ids=lambda path: path.stem)
def test_kubernetes_schema(path: Path) -> None:
    for document in read_all(path):
        kubernetes_validate.validate(document, KUBERNETES_VERSION, strict=True)


@pytest.mark.parametrize("pod", containers())
def test_kubernetes_runs_it_hardened(pod: dict[str, Any]) -> None:
    (container,) = pod["containers"]
    assert container["image"] == IMAGE
    assert (pod["securityContext"]["runAsUser"], pod["securityContext"]["runAsNonRoot"]) == (1000, True)
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert {"cpu", "memory"} <= set(container["resources"]["limits"])


def test_job_mounts_what_the_application_reads_and_writes() -> None:
    (job,) = read_all(CONFIGS / "kubernetes" / "job.yaml")
    (container,) = job["spec"]["template"]["spec"]["containers"]
    mounts = {mount["mountPath"]: mount.get("readOnly", False) for mount in container["volumeMounts"]}
    assert mounts == {ENVIRONMENT["HOLOSCAN_INPUT_PATH"]: True, ENVIRONMENT["HOLOSCAN_OUTPUT_PATH"]: False}


def test_compose_uses_what_is_there() -> None:
    (document,) = read_all(CONFIGS / "compose.yaml")
    service = document["services"]["spine-segmentation"]
    assert (service["image"], service["command"], service["read_only"]) == (IMAGE, ["serve"], True)
    spool = str(load_config(CONFIGS / "serve.yaml").spool)
    mounts = [mount.split(":") for s in document["services"].values() for mount in s["volumes"]]
    assert spool in {mount[1] for mount in mounts}
    sources = {mount[0] for mount in mounts if mount[0].startswith(".")}
    assert {source for source in sources if not (CONFIGS / source).exists()} == {"./archive.password"}
    assert {mount[0] for mount in mounts} - sources == set(document["volumes"])


def test_orthanc_of_compose_takes_images_from_the_bridge_but_is_published_on_this_machine_alone() -> None:
    (document,) = read_all(CONFIGS / "compose.yaml")
    assert document["services"]["orthanc"]["environment"]["ORTHANC__DICOM_CHECK_MODALITY_HOST"] == "false"
    ports = document["services"]["spine-segmentation"]["ports"]
    assert [port for port in ports if not port.startswith("127.0.0.1:")] == []


def test_workflow_calls_the_package() -> None:
    document = read_json("monai-deploy", "workflow.json")
    assert len(document["name"]) <= 15, "the longest name that the Workflow Manager accepts"
    tasks = {task["id"]: task for task in document["tasks"]}
    followers = {target["name"] for task in tasks.values() for target in task.get("task_destinations", ())}
    assert followers <= set(tasks)
    arguments = tasks["spine-segmentation"]["args"]
    assert (arguments["container_image"], arguments["entrypoint"], arguments["command"]) == (IMAGE, ENTRY_POINT, "run")
    variables = {name.removeprefix("env_"): value for name, value in arguments.items() if name.startswith("env_")}
    assert {name: value.rstrip("/") for name, value in variables.items()}.items() <= ENVIRONMENT.items()


def test_mercure_rule_uses_its_module() -> None:
    document = read_json("mercure", "module.json")
    module = document["modules"]["spine-segmentation"]
    assert module["docker_tag"] == IMAGE
    assert json.loads(module["docker_arguments"])["network_disabled"] is True
    (rule,) = document["rules"].values()
    assert rule["processing_module"] in document["modules"]
    compile(rule["rule"], "rule", "eval")
