"""The package as others get it: what the wheel holds, that it works alone, and what its source may import."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "spine_segmentation"
BUNDLES = ROOT / "bundle"

FORBIDDEN = {"app", "operators", "holoscan", "monai.deploy"}
STAGES = {"spine_segmentation.segmenter", "spine_segmentation.instances", "spine_segmentation.labeler"}

needs_build = pytest.mark.skipif(
    find_spec("build") is None or find_spec("hatchling") is None, reason="build or hatchling is not installed"
)


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def imports(tree: ast.AST) -> Iterator[str]:
    """What the code imports, lazily or not, as full names; of ``from a import b`` both ``a`` and ``a.b``."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0 and node.module, "relative imports are not used"
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.fixture(scope="module")
def sources() -> dict[str, ast.AST]:
    """The syntax tree of every module of the package."""
    return {module_name(path): ast.parse(path.read_text()) for path in sorted(PACKAGE.rglob("*.py"))}


def test_nothing_imports_the_application_or_the_sdk(sources: dict[str, ast.AST]) -> None:
    assert len(sources) > 50
    found = {
        (module, name)
        for module, tree in sources.items()
        for name in imports(tree)
        if any(name == forbidden or name.startswith(f"{forbidden}.") for forbidden in FORBIDDEN)
    }
    assert found == set()


def test_stages_do_not_import_one_another(sources: dict[str, ast.AST]) -> None:
    """Not even by way of other modules."""
    graph = {module: set(imports(tree)) & set(sources) for module, tree in sources.items()}
    for stage in STAGES:
        reached, todo = set(), [stage]
        while todo:
            module = todo.pop()
            reached.add(module)
            todo += graph[module] - reached
        assert reached & STAGES == {stage}


def test_nothing_prints(sources: dict[str, ast.AST]) -> None:
    calls = [
        (module, node.lineno)
        for module, tree in sources.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    ]
    assert calls == []


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    (path,) = folder.iterdir()
    return path


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The ``bin`` folder of an environment with the wheel; it sees this one's dependencies, but not the checkout."""
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True, timeout=120)
    python = folder / "bin" / "python"
    command = [sys.executable, "-m", "pip", "--python", python, "install", "--no-deps", "--no-index", wheel]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    (site,) = folder.glob("lib/python*/site-packages")
    dependencies = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    (site / "dependencies.pth").write_text("\n".join(dependencies))
    return folder / "bin"


def run(*command: str | Path, cwd: Path) -> str:
    """Run a command away from the checkout; gives back its standard output."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    ended = subprocess.run(command, cwd=cwd, env=variables, capture_output=True, text=True, check=False, timeout=120)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


@needs_build
def test_wheel_holds_the_library_and_both_bundles(wheel: Path) -> None:
    files = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    code = {str(path.relative_to(ROOT)) for path in PACKAGE.rglob("*") if path.is_file()}
    bundles = {f"spine_segmentation/{path.relative_to(ROOT)}" for path in BUNDLES.rglob("*") if path.is_file()}
    assert files == {name for name in code | bundles if "__pycache__" not in name}
    for name in ("segmentation", "labeling"):
        for part in ("configs/inference.yaml", "configs/metadata.json", "models/model.pt", "LICENSE"):
            assert f"spine_segmentation/bundle/{name}/{part}" in files


@needs_build
@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="no checkout, whose files git lists")
def test_source_distribution_holds_all_that_its_tests_read(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "build", "--sdist", "--no-isolation", "--outdir", tmp_path, ROOT]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    (path,) = tmp_path.iterdir()
    with tarfile.open(path) as archive:
        held = {name.partition("/")[2] for name in archive.getnames()}
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert {name.partition("/")[0] for name in {*tracked.splitlines()} - held} <= {".gitignore", ".ci"}


@needs_build
def test_wheel_brings_its_licence_and_commands(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        information = {Path(name).name: name for name in archive.namelist() if ".dist-info/" in name}
        assert "LICENSE" in information
        commands = archive.read(information["entry_points.txt"]).decode()
    assert "spine-segmentation = spine_segmentation.cli:main" in commands
    assert "monai-deploy = spine_segmentation.deploy:main" in commands


@needs_build
def test_installed_wheel_is_what_is_imported(environment: Path, tmp_path: Path) -> None:
    """Otherwise the next tests would prove nothing."""
    code = "import sys, spine_segmentation; print(spine_segmentation.__file__, *sys.path, sep='\\n')"
    module, *search_path = run(environment / "python", "-I", "-c", code, cwd=tmp_path).splitlines()
    assert Path(module).is_relative_to(environment.parent)
    assert str(ROOT) not in search_path


@needs_build
def test_installed_wheel_segments(environment: Path, lumbar_study: Path, tmp_path: Path) -> None:
    assert "segment" in run(environment / "spine-segmentation", "--help", cwd=tmp_path)
    run(environment / "spine-segmentation", "segment", lumbar_study, "-o", "out", cwd=tmp_path)
    result = json.loads((tmp_path / "out" / "result.json").read_text())
    assert {"L1", "L5", "S1"} <= {structure["name"] for structure in result["structures"]}
    assert (tmp_path / "out" / "segmentation.dcm").is_file()


@needs_build
@pytest.mark.parametrize("bundle", ["segmentation", "labeling"])
def test_installed_wheel_brings_bundles_that_run(bundle: str, environment: Path, tmp_path: Path) -> None:
    """By their configuration alone, as MONAI runs them."""
    code = f"""if True:
        import numpy as np, nibabel as nib, pathlib, monai.bundle
        from spine_segmentation.bundles import bundle_folder
        pathlib.Path("in").mkdir()
        image = nib.Nifti1Image(np.random.default_rng(0).random((2, 40, 40), np.float32), np.diag([4, 1, 1, 1]))
        nib.save(image, "in/scan.nii.gz")
        config = bundle_folder({bundle!r}) / "configs" / "inference.yaml"
        monai.bundle.run(config_file=str(config), dataset_dir="in", output_dir="out", logging_file=False)"""
    run(environment / "python", "-I", "-c", code, cwd=tmp_path)
    assert len(list((tmp_path / "out" / "scan").iterdir())) == 1
