"""Arguments before variables, and usage errors that leave a status file."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.arguments import FORMATS_VARIABLE, find_folder, parse_arguments
from spine_segmentation.errors import UsageError
from tests.app.conftest import read_status, run_module


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("INPUT_PATH", "OUTPUT_PATH", "MODEL_PATH", "CONFIG_PATH", "WORKDIR"):
        monkeypatch.delenv(f"HOLOSCAN_{name}", raising=False)
    monkeypatch.delenv(FORMATS_VARIABLE, raising=False)


def test_arguments_win_over_variables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("INPUT", "OUTPUT", "MODEL"):
        monkeypatch.setenv(f"HOLOSCAN_{name}_PATH", "/nowhere")
    folders = [tmp_path / name for name in ("in", "out", "models")]
    for folder in folders:
        folder.mkdir()
    parsed = parse_arguments(["-i", str(folders[0]), "-o", str(folders[1]), "-m", str(folders[2])])
    assert [parsed.input, parsed.output, parsed.models] == folders


def test_variables_start_from_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "in").mkdir()
    monkeypatch.setenv("HOLOSCAN_INPUT_PATH", "in")
    monkeypatch.setenv("HOLOSCAN_OUTPUT_PATH", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("HOLOSCAN_WORKDIR", "/nowhere")
    parsed = parse_arguments(["--workdir", str(tmp_path)])
    assert (parsed.input, parsed.output) == (tmp_path / "in", tmp_path / "elsewhere")


def test_without_models_and_configuration_the_packaged_ones_are_used(tmp_path: Path) -> None:
    parsed = parse_arguments(["-i", str(tmp_path), "-o", str(tmp_path)])
    assert parsed.models is parsed.configuration is None


def test_configuration_of_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOLOSCAN_CONFIG_PATH", str(tmp_path / "other.yaml"))
    given = ["-i", str(tmp_path), "-o", str(tmp_path)]
    with pytest.raises(UsageError, match="no such path"):
        parse_arguments(given)
    (tmp_path / "other.yaml").touch()
    assert parse_arguments(given).configuration == tmp_path / "other.yaml"


@pytest.mark.parametrize(
    ("variable", "arguments", "formats"),
    [
        ("", [], None),
        ("seg,sr", [], {"seg", "sr"}),
        (" seg , sc,", [], {"seg", "sc"}),
        ("seg,sr", ["--format", "seg", "-f", "json"], {"seg", "json"}),
    ],
)
def test_formats(
    variable: str, arguments: list[str], formats: set[str] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(FORMATS_VARIABLE, variable)
    assert parse_arguments(["-i", ".", "-o", ".", *arguments]).formats == formats


def test_unknown_format_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FORMATS_VARIABLE, "seg,pdf")
    with pytest.raises(UsageError, match=FORMATS_VARIABLE):
        parse_arguments(["-i", ".", "-o", "."])


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        (["-o", "."], "no input folder"),
        (["-i", "."], "no output folder"),
        (["-i", "missing", "-o", "."], "no such path"),
        (["-i", ".", "-o", ".", "-m", "missing"], "no such path"),
        (["-i", ".", "-o", ".", "--bogus"], "--bogus"),
        (["-i", ".", "-o", ".", "-l", "loud"], "LOUD"),
        (["-i", ".", "-o", ".", "-f", "pdf"], "pdf"),
        (["-o", ".", "-i"], "expected one argument"),
    ],
)
def test_usage_errors(arguments: list[str], found: str) -> None:
    with pytest.raises(UsageError, match=found):
        parse_arguments(arguments)


def test_folders_are_found_in_spite_of_other_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    assert find_folder("output", ["--bogus", "-o", "out", "-i"]) == Path("out")
    assert find_folder("input", ["--bogus", "-o", "--input=in"]) == Path("in")
    assert find_folder("output", ["-i", "in", "-o"]) is None
    monkeypatch.setenv("HOLOSCAN_OUTPUT_PATH", "there")
    assert find_folder("output", ["-i", "in", "-o"]) == Path("there")


@pytest.mark.parametrize("arguments", [("--bogus",), ("-i", "/nowhere"), ("-i",)])
def test_usage_error_ends_with_2_and_a_status(arguments: tuple[str, ...], tmp_path: Path) -> None:
    """And without what an earlier run left there: it may be another patient's."""
    for name in ("segmentation.dcm", "result.json", "kept.txt"):
        (tmp_path / name).touch()
    ended = run_module("app", "-o", tmp_path, *arguments)
    assert ended.returncode == 2, ended.stderr
    assert read_status(tmp_path)["error"]["type"] == "UsageError"
    assert {path.name for path in tmp_path.iterdir()} == {"status.json", "kept.txt"}


@pytest.mark.parametrize("arguments", [(), ("--bogus",)])
def test_the_folder_of_the_input_stays_as_it_is(arguments: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "segmentation.dcm").write_text("some input")
    ended = run_module("app", "-i", tmp_path, "-o", tmp_path, *arguments)
    assert ended.returncode == 2
    assert [path.name for path in tmp_path.iterdir()] == ["segmentation.dcm"]


def test_no_output_ends_with_2(tmp_path: Path) -> None:
    ended = run_module("app", "-i", tmp_path)
    assert ended.returncode == 2
    assert "no output folder" in ended.stderr


def test_help_ends_with_0_and_touches_nothing(tmp_path: Path) -> None:
    (tmp_path / "segmentation.dcm").touch()
    ended = run_module("app", "-o", tmp_path, "--help")
    assert ended.returncode == 0
    assert "HOLOSCAN_INPUT_PATH" in ended.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["segmentation.dcm"]
