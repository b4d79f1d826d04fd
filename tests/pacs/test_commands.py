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
from spine_segmentation.pacs.commands import _EXTRA, State, app
from spine_segmentation.pacs.config import load_config
from spine_segmentation.pacs.jobs import Job, ResultObject
from spine_segmentation.pacs.ledger import Ledger
from spine_segmentation.pacs.spool import Spool
from tests.pacs.lab import ROOT, make_config


class Desk:
    """An operator's place: a configuration, and a ledger with one finished series, or more."""

    def __init__(self, folder: Path) -> None:
        self.config = make_config(folder, 11112, 4242)
        self.spool = Spool(load_config(self.config).spool)
        self.ledger = Ledger(self.spool.ledger_file)
        jobs.finish(self.ledger, self.take("1.2.3"), [ResultObject("9.1", "sc", "9", "results/x.dcm")], ["archive"])

    def take(self, series_uid: str) -> Job:
        """Receive a series of one image, and begin its job."""
        path = self.spool.store(series_uid, f"{series_uid}.4", b"image")
        with self.ledger.transaction() as db:
            db.execute("INSERT INTO series VALUES(?, '1.2', 'MR', 0, 'A', 'RECEIVING', ?)", (series_uid, series_uid))
            db.execute("INSERT INTO instance VALUES(?, ?, 'a', 5, ?, 0, 1)", (f"{series_uid}.4", series_uid, path))
        jobs.settle(self.ledger, series_uid)
        batch = claim(self.ledger, "m1", 3)
        assert batch is not None
        return batch.jobs[0]

    def fail(self, series_uid: str) -> None:
        jobs.end(self.ledger, self.take(series_uid).id, "FAILED", "InvalidVolume: gaps")

    def kill_letter(self) -> None:
        for _ in range(3):
            deliveries.mark_refused(self.ledger, "archive", "9.1", "status 0xC000", 3)

    def states(self) -> list[str]:
        return [row["state"] for row in self.ledger.rows("SELECT state FROM job ORDER BY id")]

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
    desk.kill_letter()
    assert desk.state() == "DEAD"
    assert "1 deliveries" in desk.run("queue", "retry", str(desk.config), "1")
    assert desk.state() == "PENDING"


def test_processes_a_finished_job_again_when_asked(desk: Desk) -> None:
    assert "in the queue" in desk.run("queue", "retry", str(desk.config), "1")
    assert claim(desk.ledger, "m2", 3) is not None


def test_lists_the_jobs_of_one_state(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spine_segmentation.pacs.commands.console.width", 200)
    desk.fail("1.2.5")
    failed = desk.run("queue", "list", str(desk.config), "--state", "failed")
    assert "1.2.5" in failed
    assert "1.2.3" not in failed
    assert "1.2.3" in desk.run("queue", "list", str(desk.config), "--state", "DONE")
    assert "Invalid value" in desk.run("queue", "list", str(desk.config), "--state", "lost")


def test_the_states_are_those_of_the_ledger(desk: Desk) -> None:
    (table,) = desk.ledger.rows("SELECT sql FROM sqlite_master WHERE name='job'")
    allowed = table["sql"].partition("state IN (")[2].partition(")")[0]
    assert sorted(state.upper() for state in State) == sorted(allowed.replace("'", "").split(", "))


def test_tries_several_jobs_again(desk: Desk) -> None:
    desk.fail("1.2.5")
    desk.fail("1.2.6")
    desk.run("queue", "retry", str(desk.config), "2", "3", "2")
    assert desk.states() == ["DONE", "READY", "READY"]


def test_tries_all_that_has_failed_again_and_nothing_else(desk: Desk) -> None:
    desk.fail("1.2.5")
    with desk.ledger.transaction() as db:  # a late image has cured this one
        db.execute("INSERT INTO job(series_uid, content, state, created_at) VALUES('1.2.5', 'later', 'SKIPPED', 0)")
    desk.fail("1.2.6")
    desk.kill_letter()
    said = desk.run("queue", "retry", str(desk.config), "--all-failed")
    assert said == "job 1: 1 deliveries are tried again\njob 4 is in the queue\n"
    assert desk.states() == ["DONE", "FAILED", "SKIPPED", "READY"]
    assert desk.run("queue", "retry", str(desk.config), "--all-failed") == ""


def test_a_failed_job_whose_images_are_purged_is_not_among_all_that_has_failed(desk: Desk) -> None:
    desk.fail("1.2.5")
    desk.run("queue", "purge", str(desk.config), "2")
    assert desk.run("queue", "retry", str(desk.config), "--all-failed") == ""


def test_what_cannot_be_tried_again_is_said_after_the_others(desk: Desk) -> None:
    waiting = desk.take("1.2.5").id
    with pytest.raises(UsageError, match=f"again: job {waiting}"):
        desk.run("queue", "retry", str(desk.config), str(waiting), "1")
    assert "READY" in desk.states()


@pytest.mark.parametrize("arguments", [[], ["1", "--all-failed"]])
def test_either_jobs_or_all_are_tried_again(desk: Desk, arguments: list[str]) -> None:
    with pytest.raises(UsageError, match="--all-failed"):
        desk.run("queue", "retry", str(desk.config), *arguments)


def test_no_job_is_tried_again_where_one_is_unknown(desk: Desk) -> None:
    desk.fail("1.2.5")
    with pytest.raises(UsageError, match="no job 9"):
        desk.run("queue", "retry", str(desk.config), "2", "9")
    assert "READY" not in desk.states()


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
