"""Deployment configurations, checked by the programs that read them, or against what these publish."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.deployment.test_configurations import CONFIGS, read_json

TEXT = {"type": "string"}
FLAG = {"type": "boolean"}
TEXTS = {"type": "array", "items": TEXT}


def needs(*programs: str) -> pytest.MarkDecorator:
    """Skip a test where none of the programs is installed."""
    found = [program for program in programs if shutil.which(program)]
    return pytest.mark.skipif(not found, reason=f"{' or '.join(programs)} is not installed")


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def closed(required: dict[str, Any], **optional: Any) -> dict[str, Any]:
    """The schema of an object without unknown keys."""
    properties = required | optional
    return {"type": "object", "required": [*required], "properties": properties, "additionalProperties": False}


@needs("systemd-analyze")
def test_systemd_has_nothing_to_say(tmp_path: Path) -> None:
    program = "/opt/spine-segmentation/bin/spine-segmentation"
    text = (CONFIGS / "systemd" / "spine-segmentation.service").read_text()
    unit = tmp_path / "spine-segmentation.service"
    unit.write_text(text.replace(program, sys.executable))
    verified = run("systemd-analyze", "verify", unit)
    assert (verified.returncode, verified.stdout + verified.stderr) == (0, "")


def test_compose_fits_the_specification() -> None:
    checker = Path(sys.executable).with_name("check-jsonschema")
    checked = run(checker, "--builtin-schema", "vendor.compose-spec", CONFIGS / "compose.yaml")
    assert checked.returncode == 0, checked.stdout


@needs("luac5.3", "luac")
def test_lua_compiles() -> None:
    compiled = run(shutil.which("luac5.3") or "luac", "-p", CONFIGS / "orthanc" / "route.lua")
    assert compiled.returncode == 0, compiled.stderr


@needs("Orthanc")
def test_orthanc_knows_every_option(tmp_path: Path) -> None:
    """It ignores others without a word. Its template, comments included, names all but those of plugins."""
    run("Orthanc", f"--config={tmp_path / 'template.json'}")
    known = set(re.findall(r'"(\w+)" *:', (tmp_path / "template.json").read_text()))
    options = read_json("orthanc", "orthanc.json")
    assert options.pop("DicomWeb").keys() == {"Enable", "Root"}
    modalities = options["DicomModalities"].values()
    assert {*options, *(key for modality in modalities for key in modality)} - known == set()


MERCURE_MODULE = closed(
    {"docker_tag": TEXT},
    **dict.fromkeys(
        ("additional_volumes", "environment", "docker_arguments", "contact", "comment", "constraints", "resources"),
        TEXT,
    ),
    settings={"type": "object"},
    requires_root=FLAG,
)
MERCURE_RULE = closed(
    {"rule": TEXT, "action": {"enum": ["route", "both", "process", "discard", "notification"]}},
    **dict.fromkeys(("target", "contact", "comment", "tags", "processing_module"), TEXT),
    **dict.fromkeys(("disabled", "fallback"), FLAG),
    action_trigger={"enum": ["series", "study"]},
    priority={"enum": ["normal", "urgent", "offpeak"]},
    processing_settings={"type": "object"},
)
"""What mercure reads of a module and of a rule (its ``common/types.py``), as far as we use it."""


def test_mercure_reads_modules_and_rules() -> None:
    named = {"type": "object", "minProperties": 1}
    schema = closed(
        {
            "modules": named | {"additionalProperties": MERCURE_MODULE},
            "rules": named | {"additionalProperties": MERCURE_RULE},
        }
    )
    jsonschema.validate(read_json("mercure", "module.json"), schema)
    for module in read_json("mercure", "module.json")["modules"].values():
        assert isinstance(json.loads(module["docker_arguments"]), dict)


DESTINATIONS = {"type": "array", "minItems": 1, "items": closed({"name": TEXT}, conditions=TEXTS)}
ARTIFACTS = {
    kind: {"type": "array", "items": closed(dict.fromkeys(required, TEXT), value=TEXT, mandatory=FLAG)}
    for kind, required in {"input": ("name", "value"), "output": ("name",)}.items()
}
TASK = closed(
    {"id": TEXT, "type": {"enum": ["router", "export", "docker"]}, "description": TEXT},
    args={"type": "object", "additionalProperties": TEXT},
    artifacts=closed({}, **ARTIFACTS),
    task_destinations=DESTINATIONS,
    export_destinations=DESTINATIONS,
)
WORKFLOW = closed(
    {
        "name": TEXT | {"maxLength": 15},
        "version": TEXT,
        "informatics_gateway": closed({"ae_title": TEXT, "data_origins": TEXTS, "export_destinations": TEXTS}),
        "tasks": {"type": "array", "minItems": 1, "items": TASK},
    },
    description=TEXT | {"maxLength": 200},
)
"""The Clinical Workflow Specification Language of the MONAI Deploy Workflow Manager, as far as we use it."""


def test_workflow_fits_its_specification() -> None:
    workflow = read_json("monai-deploy", "workflow.json")
    jsonschema.validate(workflow, WORKFLOW)
    exports = [task for task in workflow["tasks"] if task["type"] == "export"]
    named = {destination["name"] for task in exports for destination in task["export_destinations"]}
    assert named <= set(workflow["informatics_gateway"]["export_destinations"])
    assert not any(task["artifacts"].get("output") for task in exports), "an export has no artifacts of its own"


def test_workflow_refers_to_artifacts_that_a_task_has() -> None:
    tasks = read_json("monai-deploy", "workflow.json")["tasks"]
    made = {(task["id"], item["name"]) for task in tasks for item in task.get("artifacts", {}).get("output", ())}
    inputs = [item["value"] for task in tasks for item in task.get("artifacts", {}).get("input", ())]
    reference = re.compile(r"\{\{ context\.(?:input\.dicom|executions\.([\w-]+)\.artifacts\.(\w+)) \}\}")
    found = [reference.fullmatch(value) for value in inputs]
    assert all(found)
    assert {match.groups() for match in found if match and match[1]} <= made
