from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner

from spine_segmentation.errors import UsageError
from spine_segmentation.pacs import deliveries, jobs
from spine_segmentation.pacs.claims import claim
from spine_segmentation.pacs.commands import _EXTRA, app
from spine_segmentation.pacs.config import load_config
from spine_segmentation.pacs.jobs import ResultObject
from spine_segmentation.pacs.ledger import Ledger
from spine_segmentation.pacs.spool import Spool
from tests.pacs.lab import ROOT, make_config


class Desk:
    """An operator's place: a configuration, and a ledger with one finished series."""

    def __init__(self, folder: Path) -> None:
        self.config = make_config(folder, 11112, 4242)
        self.spool = Spool(load_config(self.config).spool)
        self.ledger = Ledger(self.spool.ledger_file)
        path = self.spool.store("1.2.3", "1.2.3.4", b"image")
        with self.ledger.transaction() as db:
            db.execute("INSERT INTO series VALUES('1.2.3', '1.2', 'MR', 0, 'A', 'RECEIVING', '1.2.3')")
            db.execute("INSERT INTO instance VALUES('1.2.3.4', '1.2.3', 'a', 5, ?, 0, 1)", (path,))
        jobs.settle(self.ledger, "1.2.3")
        batch = claim(self.ledger, "m1", 3)
        assert batch is not None
        jobs.finish(self.ledger, batch.jobs[0], [ResultObject("9.1", "sc", "9", "results/job-1/x.dcm")], ["archive"])

    def run(self, *arguments: str) -> str:
        result = CliRunner().invoke(app, list(arguments), catch_exceptions=False)
        return result.output

    def state(self) -> str:
        return str(self.ledger.rows("SELECT state FROM delivery")[0]["state"])


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_lists_jobs(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spine_segmentation.pacs.commands.console.width", 200)
    assert "DONE" in desk.run("queue", "list", str(desk.config))


def test_shows_a_job_and_where_its_results_are(desk: Desk) -> None:
    shown = desk.run("queue", "show", str(desk.config), "1")
    assert "series_uid: 1.2.3" in shown
    assert "9.1 to archive: PENDING" in shown


def test_sends_dead_letters_again(desk: Desk) -> None:
    for _ in range(3):
        deliveries.mark_refused(desk.ledger, "archive", "9.1", "status 0xC000", 3)
    assert desk.state() == "DEAD"
    assert "1 deliveries" in desk.run("queue", "retry", str(desk.config), "1")
    assert desk.state() == "PENDING"


def test_processes_a_finished_job_again_when_asked(desk: Desk) -> None:
    assert "in the queue" in desk.run("queue", "retry", str(desk.config), "1")
    assert claim(desk.ledger, "m2", 3) is not None


def test_purges_what_is_delivered_alone_unless_told(desk: Desk) -> None:
    with pytest.raises(UsageError, match="not delivered"):
        desk.run("queue", "purge", str(desk.config), "1")
    assert "deleted" in desk.run("queue", "purge", str(desk.config), "1", "--undelivered")
    assert not any((desk.spool.root / "inbox").iterdir())
    assert desk.state() == "CANCELLED"


def test_an_unknown_job_is_said_so(desk: Desk) -> None:
    with pytest.raises(UsageError, match="no job 7"):
        desk.run("queue", "show", str(desk.config), "7")


def test_reconcile_needs_an_orthanc(desk: Desk) -> None:
    with pytest.raises(UsageError, match="orthanc"):
        desk.run("reconcile", str(desk.config))


@pytest.mark.parametrize("command", ["serve", "reconcile"])
def test_a_missing_extra_is_said_and_not_traced(command: str, tmp_path: Path) -> None:
    done = _without_extra([command, str(make_config(tmp_path, 11112, 4242))])
    assert done.returncode == 2
    assert "spine-segmentation[pacs]" in done.stderr.replace("\n", "")
    assert "Traceback" not in done.stderr


def test_the_rest_of_the_command_line_needs_no_extra() -> None:
    assert "--format" in _without_extra(["segment", "--help"]).stdout


def _without_extra(arguments: list[str]) -> subprocess.CompletedProcess[str]:
    """Run the command line where the extra's packages cannot be imported."""
    program = (
        "import sys; from spine_segmentation.pacs.commands import _EXTRA; sys.modules.update(dict.fromkeys(_EXTRA));"
        " from spine_segmentation.cli import main; main()"
    )
    command = [sys.executable, "-c", program, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)


def test_the_extra_is_that_of_the_package() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    names = [requirement.split(">")[0].replace("-", "_") for requirement in project["optional-dependencies"]["pacs"]]
    assert sorted(_EXTRA) == sorted(names)
