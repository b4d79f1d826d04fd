"""The container's entry point, outside a container."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from app import entrypoint, health, supervisor
from app.manifests import COMMAND, write_manifests
from tests.app.conftest import BUNDLES, needs_sdk

Enter = Callable[..., int]


@pytest.fixture
def enter(_restore_handlers: None) -> Enter:
    """Call the entry point; gives back the exit code."""

    def run(*arguments: str) -> int:
        with pytest.raises(SystemExit) as end:
            entrypoint.main(arguments)
        return int(end.value.code or 0)

    return run


@pytest.fixture
def content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The manifests of an image, and a folder to extract to."""
    write_manifests(tmp_path, BUNDLES)
    export = tmp_path / "export"
    export.mkdir()
    manifests = tmp_path / "etc" / "holoscan"
    monkeypatch.setattr(entrypoint, "MANIFESTS", manifests)
    monkeypatch.setattr(entrypoint, "EXPORT", export)
    monkeypatch.setattr(entrypoint, "CONTENT", {"config": (manifests / "app.json",), "docs": (manifests,)})
    return export


@pytest.mark.parametrize(
    ("given", "passed_on"), [((), ()), (("run", "-l", "debug"), ("-l", "debug")), (("-i", "x"), ("-i", "x"))]
)
def test_runs_the_application(
    given: tuple[str, ...], passed_on: tuple[str, ...], enter: Enter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "supervise", lambda command, output: 5 if command == [*COMMAND, *passed_on] else 0)
    assert enter(*given) == 5


def test_sigterm_ends_it_before_a_child_runs(enter: Enter, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(arguments: object) -> int:
        signal.raise_signal(signal.SIGTERM)
        return 0

    monkeypatch.setitem(entrypoint.ACTIONS, "run", stopped)
    assert enter("run") == 143


def test_unknown_command(enter: Enter, caplog: pytest.LogCaptureFixture) -> None:
    assert enter("bogus") == 2
    assert "serve | show" in caplog.text


def test_help_lists_every_command(enter: Enter, capsys: pytest.CaptureFixture[str]) -> None:
    assert enter("help") == 0
    described = {line.split()[0] for line in capsys.readouterr().out.splitlines()}
    assert described == set(entrypoint.ACTIONS) - {"help"}


@needs_sdk
def test_shows_manifests(content: Path, enter: Enter, capsys: pytest.CaptureFixture[str]) -> None:
    assert enter("show") == 0
    both = json.loads(capsys.readouterr().out)
    assert set(both) == {"app", "pkg"}
    assert enter("show", "app") == 0
    assert json.loads(capsys.readouterr().out) == both["app"]
    assert enter("show", "models") == 2


@needs_sdk
def test_extracts_everything(content: Path, enter: Enter) -> None:
    assert enter("extract") == 0
    assert {str(path.relative_to(content)) for path in content.rglob("*") if path.is_file()} == {
        "config/app.json",
        "docs/app.json",
        "docs/pkg.json",
    }


@needs_sdk
def test_extracts_only_into_what_is_mounted(content: Path, enter: Enter) -> None:
    (content / "docs").mkdir()
    assert enter("extract") == 0
    assert {path.name for path in content.iterdir()} == {"docs"}


@needs_sdk
def test_extract_needs_a_folder(content: Path, enter: Enter) -> None:
    content.rmdir()
    assert enter("extract") == 2
    content.mkdir()
    (content / "config").touch()
    assert enter("extract") == 70


@pytest.mark.parametrize(("well", "code"), [(True, 0), (False, 1)])
def test_health_is_an_exit_code(well: bool, code: int, enter: Enter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "answers", lambda: well)
    assert enter("health") == code
