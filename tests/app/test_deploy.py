"""The command monai-deploy."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from spine_segmentation import deploy
from tests.app.conftest import APP, ROOT, run_module


@pytest.fixture
def application(tmp_path: Path) -> Path:
    """An application that shows how it was started."""
    folder = tmp_path / "application"
    folder.mkdir()
    (folder / "helper.py").write_text("code = 42\n")
    (folder / "__main__.py").write_text("import sys, helper\nprint(sys.argv[1:], __name__)\nsys.exit(helper.code)\n")
    return folder


def test_exec_runs_the_application_with_its_arguments(application: Path) -> None:
    ended = run_module("spine_segmentation.deploy", "exec", application, "-i", "in", "-o", "out")
    assert ended.returncode == 42
    assert ended.stdout.strip() == "['-i', 'in', '-o', 'out'] __main__"


def test_exec_of_this_application_from_anywhere(tmp_path: Path) -> None:
    ended = run_module("spine_segmentation.deploy", "exec", APP, "-i", "/nowhere", "-o", tmp_path / "out")
    assert ended.returncode == 2
    assert (tmp_path / "out" / "status.json").is_file()


@pytest.mark.parametrize("arguments", [["exec"], ["exec", "/nowhere"], ["exec", "-i", "in"]])
def test_exec_without_an_application(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as end:
        deploy.main(arguments)
    assert end.value.code == 2


@pytest.mark.skipif(
    find_spec("holoscan_cli") is not None and find_spec("holoscan_cli.packager") is not None,
    reason="a holoscan-cli that can package is installed",
)
@pytest.mark.parametrize("arguments", [[], ["package", "app"], ["run", "image"]])
def test_other_commands_without_a_packager(arguments: list[str], caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(SystemExit) as end:
        deploy.main(arguments)
    assert end.value.code == 2
    assert "holoscan-cli 4.2.0" in caplog.text


def test_other_commands_go_on_to_the_packager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packager = tmp_path / "holoscan_cli"
    (packager / "packager").mkdir(parents=True)
    for path in (packager / "__init__.py", packager / "packager" / "__init__.py"):
        path.touch()
    (packager / "__main__.py").write_text("import sys\ndef main(argv):\n    print(argv)\n    sys.exit(7)\n")
    ended = run_module("spine_segmentation.deploy", "package", "app", "-c", "app.yaml", PYTHONPATH=tmp_path)
    assert ended.returncode == 7
    assert ended.stdout.strip() == "['monai-deploy', 'package', 'app', '-c', 'app.yaml']"


def test_importing_the_command_imports_no_sdk() -> None:
    code = "import sys, spine_segmentation.deploy; print({'app', 'operators', 'holoscan', 'torch'} & set(sys.modules))"
    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "set()"
