"""Writes the software bill of materials (CycloneDX, JSON) of a Python environment and of the system under it.

    write_sbom.py PYTHON PYPROJECT OUTPUT

Python packages are found by cyclonedx-py, Debian packages by dpkg-query. The same image gives the same document.
"""

from __future__ import annotations

import json
import platform
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import NAMESPACE_OID, uuid5

from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output import make_outputter
from cyclonedx.schema import OutputFormat, SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL

SCHEMA = SchemaVersion.V1_6


def python_packages(python: str, project: str) -> Bom:
    """List the packages of an environment, with licences and dependencies.

    Args:
        python: Interpreter of the environment.
        project: Path of the ``pyproject.toml`` that names the application.

    Returns:
        A CycloneDX document.
    """
    command = ["environment", "--pyproject", project, "--mc-type", "application", "--output-reproducible", python]
    ended = subprocess.run(
        [sys.executable, "-m", "cyclonedx_py", *command], check=True, stdout=subprocess.PIPE, timeout=600
    )
    bom: Bom = Bom.from_json(json.loads(ended.stdout))  # type: ignore[attr-defined]
    return bom


def system_packages() -> Iterator[Component]:
    """List the packages of the Debian or Ubuntu system.

    Yields:
        One component per package and architecture.
    """
    distribution = platform.freedesktop_os_release()["ID"]
    query = ["dpkg-query", "--show", "--showformat", "${Package}\t${Version}\t${Architecture}\n"]
    listed = subprocess.run(query, check=True, stdout=subprocess.PIPE, text=True, timeout=60).stdout
    for name, version, architecture in (line.split("\t") for line in listed.splitlines()):
        purl = PackageURL("deb", distribution, name, version, {"arch": architecture})
        yield Component(type=ComponentType.LIBRARY, name=name, version=version, purl=purl, bom_ref=str(purl))


def main(python: str, project: str, output: str) -> None:
    """Write the bill of materials; it is valid, or nothing is written.

    Args:
        python: Interpreter of the environment.
        project: Path of the ``pyproject.toml`` that names the application.
        output: File to write.

    Raises:
        SystemExit: If the document is not valid.
    """
    bom = python_packages(python, project)
    bom.components.update(system_packages())
    bom.serial_number = uuid5(NAMESPACE_OID, "\n".join(sorted(str(component.purl) for component in bom.components)))
    bom.metadata.timestamp = datetime.fromtimestamp(0, UTC)
    document = make_outputter(bom, OutputFormat.JSON, SCHEMA).output_as_string(indent=2)
    if flaw := JsonStrictValidator(SCHEMA).validate_str(document):
        sys.exit(f"the bill of materials is not valid: {flaw}")
    Path(output).write_text(document + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
