"""The Dockerfile and what it installs, without building it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from app.manifests import ENVIRONMENT

ROOT = Path(__file__).resolve().parents[2]
DOCKERFILE = ROOT / "Dockerfile"
REQUIREMENTS = ROOT / "configs" / "image"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
LEFT_OUT = {
    canonicalize_name(line.split(";")[0].strip())
    for line in (REQUIREMENTS / "overrides.txt").read_text().splitlines()
    if not line.startswith("#")
}


def pins(path: Path) -> dict[str, str]:
    """Names and versions of a requirements file."""
    found = re.findall(r"^([\w.-]+)==([\w.+]+)", path.read_text(), flags=re.MULTILINE)
    return {canonicalize_name(name): version for name, version in found}


def test_linter_has_nothing_to_say() -> None:
    linter = Path(sys.executable).with_name("hadolint")
    ended = subprocess.run([linter, DOCKERFILE], capture_output=True, text=True, check=False, timeout=60)
    assert ended.returncode == 0, ended.stdout


def test_variables_are_those_of_the_manifest() -> None:
    set_there = dict(re.findall(r"^ +(HOLOSCAN_\w+)=(\S+)", DOCKERFILE.read_text(), flags=re.MULTILINE))
    assert set_there == ENVIRONMENT


def test_gpu_build_configures_the_gpu() -> None:
    """What the Dockerfile replaces in app.yaml for the GPU is there."""
    (command,) = re.findall(r"sed -i '([^']+)' app/app.yaml", DOCKERFILE.read_text())
    text = (ROOT / "app" / "app.yaml").read_text()
    for old, new in re.findall(r"s/([^/]+)/([^/]+)/", command):
        assert text.count(old) == 1
        text = text.replace(old, new)
    configuration = yaml.safe_load(text)
    assert (configuration["networks"]["device"], configuration["resources"]["gpu"]) == ("cuda", 1)


def test_every_stage_declares_the_build_that_it_uses() -> None:
    """Not every engine hands an argument on to a stage that starts from another one."""
    stages = re.split(r"^FROM ", DOCKERFILE.read_text(), flags=re.MULTILINE)[1:]
    using = [stage for stage in stages if "${BUILD}" in stage]
    assert len(using) == 2
    assert [stage.splitlines()[0] for stage in using if not re.search(r"^ARG BUILD\b", stage, re.MULTILINE)] == []


def test_an_unpacked_archive_has_no_revision(tmp_path: Path) -> None:
    """The engine is a stand-in, which shows its arguments."""
    (tmp_path / "scripts").mkdir()
    for name in ("scripts/build_image.sh", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path / name)
    environment = {**os.environ, "ENGINE": "echo", "BASE": "base", "BUILD": "cpu", "IMAGE": "name"}
    command = [tmp_path / "scripts" / "build_image.sh"]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert "org.opencontainers.image.revision=unknown " in ended.stdout
    assert f"org.opencontainers.image.version={PROJECT['version']} " in ended.stdout


def test_no_registry_is_named() -> None:
    for path in (DOCKERFILE, *REQUIREMENTS.iterdir(), *(ROOT / "scripts").glob("*.sh")):
        assert not re.search(r"https?://", path.read_text()), path


@pytest.mark.parametrize("name", ["cpu", "gpu", "build"])
def test_every_package_has_a_hash(name: str) -> None:
    entries = re.split(r"\n(?=\w)", (REQUIREMENTS / f"requirements-{name}.txt").read_text())
    assert len(entries) > 20
    assert [entry.splitlines()[0] for entry in entries if "--hash=sha256:" not in entry] == []


@pytest.mark.parametrize("name", ["cpu", "gpu"])
def test_image_has_what_the_package_asks_for(name: str) -> None:
    installed = pins(REQUIREMENTS / f"requirements-{name}.txt")
    extras = PROJECT["optional-dependencies"]
    for text in [*PROJECT["dependencies"], *extras["app"], *extras["pacs"]]:
        requirement = Requirement(text)
        version = installed[canonicalize_name(requirement.name)]
        assert requirement.specifier.contains(version), text
    assert not LEFT_OUT & set(installed)


@pytest.mark.parametrize("name", ["cpu", "gpu", "build"])
def test_versions_are_those_that_were_tested(name: str) -> None:
    installed, tested = pins(REQUIREMENTS / f"requirements-{name}.txt"), pins(ROOT / "constraints.txt")
    cuda = re.compile(r"cuda|nvidia") if name == "gpu" else re.compile(r"(?!)")
    common = {package for package in installed if package in tested and not cuda.match(package)}
    assert {package: installed[package] for package in common} == {package: tested[package] for package in common}
    if name != "build":
        assert set(installed) - set(tested) <= {"torch", "triton", *filter(cuda.match, installed)}
