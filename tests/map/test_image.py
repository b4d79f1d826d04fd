"""What is in the image, and what is not."""

from __future__ import annotations

import json
import re
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

import pytest
from packaging.utils import canonicalize_name

from tests.deployment.test_image_sources import REQUIREMENTS, pins
from tests.map.conftest import ROOT
from tests.map.engine import Container, engine, find_engine, inspect

pytestmark = pytest.mark.map

COMPILERS = re.compile(r"(gcc|g\+\+|c\+\+|cc|clang|cc1|rustc|nvcc|ld|as|make|cmake|gfortran)(-[\d.]+)?$")
CREDENTIALS = re.compile(r"\.(netrc|pypirc|git-credentials|npmrc|pem\.key|p12|pfx)$|/(pip\.conf|id_[a-z0-9]+|\.env)$")
CACHES = re.compile(r"/(\.cache|pip/cache|http-v2|\.uv)/")
PRIVATE_KEY = re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----\s+(Proc-Type:|[A-Za-z0-9+/]{32})")
"""With the beginning of its content: programs that read keys hold the first line, too."""
COMPILED = b"\x7fELF"
"""Beginning of programs and libraries; GnuTLS has published keys in its own, with which it tests itself."""
DATED_PASSWORD = re.compile(rb"^[^:]*:[^:]*:\d", re.MULTILINE)
HASHED = 0b1
"""In byte 4 of compiled code: it is valid whatever the times of files are."""
BYTES = 1_600_000_000


@pytest.fixture(scope="module")
def files(image: str) -> Iterator[list[tarfile.TarInfo]]:
    """Everything in the image's file system; ``pax_headers["flaw"]`` says what the content should not be."""
    container = engine("create", image).stdout.strip()
    with (
        subprocess.Popen([find_engine(), "export", container], stdout=subprocess.PIPE) as export,
        tarfile.open(fileobj=export.stdout, mode="r|") as archive,
    ):
        yield [_with_flaw(archive, member) for member in archive]
    engine("rm", container)


def _with_flaw(archive: tarfile.TarFile, member: tarfile.TarInfo) -> tarfile.TarInfo:
    if member.isfile() and (content := archive.extractfile(member)):
        member.pax_headers["flaw"] = _flaw(member.name, content.read())
    return member


def _flaw(name: str, content: bytes) -> str:
    if not content.startswith(COMPILED) and PRIVATE_KEY.search(content):
        return "a private key"
    if name.endswith(".pyc") and not content[4] & HASHED:
        return "depends on times of files"
    if name.endswith("etc/shadow") and DATED_PASSWORD.search(content):
        return "depends on the day"
    if name.endswith(("etc/hostname", "etc/resolv.conf")) and content:
        return "tells of the machine that built it"
    return ""


def test_small(report: dict[str, Any]) -> None:
    assert report["image_bytes"] < BYTES


def test_labels_say_where_it_comes_from(image: str) -> None:
    labels = inspect(image)["Config"]["Labels"]
    prefix = "org.opencontainers.image."
    assert labels[prefix + "licenses"] == "Apache-2.0"
    assert re.fullmatch(r"\d+\.\d+\.\d+", labels[prefix + "version"])
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout
    assert labels[prefix + "revision"].removesuffix("-dirty") == head.strip()


def test_runs_as_an_ordinary_user(image: str) -> None:
    assert inspect(image)["Config"]["User"] == "1000:1000"


def test_nobody_but_its_owner_can_change_a_file(files: list[tarfile.TarInfo]) -> None:
    assert len(files) > 10_000
    sticky = 0o1000
    assert [f.name for f in files if not f.issym() and not f.ischr() and f.mode & 0o002 and not f.mode & sticky] == []
    assert [f.name for f in files if f.isfile() and f.uid == 1000] == []


def test_nothing_runs_as_someone_else(files: list[tarfile.TarInfo]) -> None:
    assert [f.name for f in files if f.isfile() and f.mode & 0o6000] == []


def test_no_compiler_no_installer_no_cache_no_credentials(files: list[tarfile.TarInfo]) -> None:
    names = [f"/{f.name.removeprefix('./')}" for f in files if not f.isdir()]
    programs = [name for name in names if PurePosixPath(name).parent.name in ("bin", "sbin")]
    assert [name for name in programs if COMPILERS.fullmatch(PurePosixPath(name).name)] == []
    assert [name for name in programs if re.fullmatch(r"(pip|uv)[\d.]*", PurePosixPath(name).name)] == []
    assert [name for name in names if re.search(r"/(site|dist)-packages/pip/", name)] == []
    assert [name for name in names if CACHES.search(name) or CREDENTIALS.search(name)] == []


def test_nothing_secret_and_nothing_of_the_time_and_place_of_the_build(files: list[tarfile.TarInfo]) -> None:
    assert len([f for f in files if f.name.endswith(".pyc")]) > 5_000
    assert [(f.name, f.pax_headers["flaw"]) for f in files if f.pax_headers.get("flaw")] == []


def test_the_system_has_no_cuda_runtime(files: list[tarfile.TarInfo]) -> None:
    """Only the package that the application loads it from."""
    places = {str(PurePosixPath(f.name).parent) for f in files if "libcudart.so" in f.name}
    assert len(places) == 1
    assert places.pop().endswith("site-packages/nvidia/cu13/lib")


def test_bill_of_materials_lists_what_is_installed(image: str, report: dict[str, Any]) -> None:
    options = ("--entrypoint=cat",)
    written = Container(image, options=options, arguments=("/opt/holoscan/docs/sbom.cdx.json",)).run().stdout
    document = json.loads(written)
    assert (document["bomFormat"], document["specVersion"]) == ("CycloneDX", "1.6")
    components = document["components"]
    listed = {canonicalize_name(part["name"]): part["version"] for part in components if "pkg:pypi/" in part["purl"]}
    assert pins(REQUIREMENTS / "requirements-cpu.txt").items() <= listed.items()
    assert any(part["purl"].startswith("pkg:deb/debian/libc6@") for part in components)
    report["sbom_components"] = len(components)


def test_show_is_json(image: str) -> None:
    shown = json.loads(Container(image, arguments=("show",)).run().stdout)
    assert set(shown) == {"app", "pkg"}
    assert json.loads(shown["app"]["command"]) == ["python3", "/opt/holoscan/app"]
    assert json.loads(Container(image, arguments=("show", "pkg")).run().stdout) == shown["pkg"]


def test_mercure_finds_its_manifest(image: str) -> None:
    written = Container(image, options=("--entrypoint=",), arguments=("cat", "/etc/monai/app.json")).run().stdout
    command = json.loads(written)["command"].split()
    ended = Container(image, options=("--entrypoint=",), arguments=(*command, "--help")).run()
    assert ended.returncode == 0, ended.stderr
    assert "--input" in ended.stdout
