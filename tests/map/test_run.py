"""The application in the container: the same result as on the command line, and an orderly end whatever happens."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pydicom
import pytest

from app.arguments import FORMATS_VARIABLE
from tests.app.conftest import forget_times, read_status
from tests.map.conftest import ROOT
from tests.map.engine import Container

pytestmark = pytest.mark.map

SECONDS_TO_STOP = 60
SLOWLY = ("--cpus=0.5",)
"""So that the signal comes before the end."""

TOO_LITTLE_MEMORY = ("--memory=400m", "--memory-swap=400m")

MEASURE = """
import json, resource, subprocess
subprocess.run(["/var/holoscan/tools"], check=True)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps({"peak_memory_bytes": used.ru_maxrss * 1024, "processor_seconds": used.ru_utime + used.ru_stime}))
"""


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def expect_failure(folder: Path, code: int, error: str) -> None:
    """The status file, and nothing else, is there."""
    assert names(folder) == {"status.json"}
    status = read_status(folder)
    assert (status["state"], status["exit_code"], status["error"]["type"]) == ("failed", code, error)


@pytest.fixture(scope="module")
def by_command_line(study: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the command line wrote."""
    folder = tmp_path_factory.mktemp("cli")
    command = [sys.executable, "-m", "spine_segmentation.cli", "segment", study, "-o", folder]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=300)
    return folder


def test_same_segmentation_as_the_command_line(
    image: str, study: Path, output: Path, by_command_line: Path, report: dict[str, Any]
) -> None:
    ended = Container(image, study, output).run()
    assert ended.returncode == 0, ended.stderr
    assert names(output) == {*names(by_command_line)}
    ours, theirs = (forget_times(pydicom.dcmread(f / "segmentation.dcm")) for f in (output, by_command_line))
    report["seg_equal"] = ours == theirs
    assert ours.SOPInstanceUID == theirs.SOPInstanceUID
    assert report["seg_equal"]
    for name in ("labels.nii.gz", "semantic.nii.gz"):
        assert (output / name).read_bytes() == (by_command_line / name).read_bytes()
    for path in output.iterdir():
        assert path.stat().st_uid == 1000


def test_report_and_capture_by_a_variable_and_without_a_shell(image: str, study: Path, output: Path) -> None:
    formats = f"--env={FORMATS_VARIABLE}=seg,sr,sc"
    no_shells = [f"--volume=/dev/null:/usr/bin/{shell}:ro" for shell in ("bash", "dash")]
    ended = Container(image, study, output, (formats, *no_shells)).run()
    assert ended.returncode == 0, ended.stderr
    assert names(output) == {"segmentation.dcm", "report.dcm", "overlay.dcm", "status.json"}


def test_time_and_memory(image: str, full_study: Path, output: Path, report: dict[str, Any]) -> None:
    container = Container(image, full_study, output, ("--entrypoint=python3",), ("-c", MEASURE))
    start = time.perf_counter()
    ended = container.run()
    report["start_to_seg_seconds"] = round(time.perf_counter() - start, 1)
    assert ended.returncode == 0, ended.stderr
    report["segmentation_bytes"] = (output / "segmentation.dcm").stat().st_size
    report |= json.loads(ended.stdout)
    report["load_average"] = os.getloadavg()[0]
    report["threads"] = os.environ.get("OMP_NUM_THREADS")
    report["input_images"] = len(list(full_study.iterdir()))
    timings = json.loads((output / "result.json").read_text())["timings_s"]
    report["stages_seconds"] = {stage: round(value, 2) for stage, value in timings.items()}


def test_without_input_there_is_a_status(image: str, tmp_path: Path, output: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert Container(image, tmp_path / "empty", output).run().returncode == 3
    expect_failure(output, 3, "NoDicomFound")


def test_input_that_cannot_be_read(image: str, study: Path, tmp_path: Path, output: Path) -> None:
    source = tmp_path / "truncated"
    source.mkdir()
    for path in study.iterdir():
        (source / path.name).write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert Container(image, source, output).run().returncode == 4
    expect_failure(output, 4, "TruncatedFile")


def test_input_that_belongs_to_someone_else(image: str, study: Path, tmp_path: Path, output: Path) -> None:
    source = tmp_path / "closed"
    source.mkdir()
    for path in study.iterdir():
        (source / path.name).write_bytes(path.read_bytes())
        (source / path.name).chmod(0o600)
    assert Container(image, source, output).run().returncode == 4
    expect_failure(output, 4, "UnreadableFile")


def test_output_that_cannot_be_written(image: str, study: Path, tmp_path: Path) -> None:
    folder = tmp_path / "closed"
    folder.mkdir(mode=0o755)
    ended = Container(image, study, folder).run()
    assert ended.returncode == 70
    assert "cannot be written" in ended.stderr
    assert names(folder) == set()


def test_no_space_on_the_output(image: str, study: Path) -> None:
    """Nothing can be left there but a message."""
    tiny = "--tmpfs=/var/holoscan/output:size=64k,mode=1777"
    ended = Container(image, study, options=(tiny,)).run()
    assert ended.returncode == 70
    assert "cannot be written" in ended.stderr


def test_sigterm_in_the_middle_of_a_run(image: str, full_study: Path, output: Path, report: dict[str, Any]) -> None:
    container = Container(image, full_study, output, SLOWLY)
    with container.start() as process:
        assert process.stderr
        while "segment:" not in process.stderr.readline():
            assert process.poll() is None
        start = time.perf_counter()
        container.send("TERM")
        _, messages = process.communicate(timeout=SECONDS_TO_STOP)
        report["sigterm_to_end_seconds"] = round(time.perf_counter() - start, 2)
    assert process.returncode == 143, messages
    expect_failure(output, 143, "Interrupted")


def test_too_little_memory(image: str, study: Path, output: Path) -> None:
    ended = Container(image, study, output, TOO_LITTLE_MEMORY).run()
    assert ended.returncode == 137, ended.stderr
    expect_failure(output, 137, "Interrupted")
    assert "memory" in read_status(output)["error"]["message"]


def test_wrong_arguments(image: str, study: Path, output: Path) -> None:
    assert Container(image, study, output, arguments=("--bogus",)).run().returncode == 2
    expect_failure(output, 2, "UsageError")
    assert Container(image, study, output, arguments=("bogus",)).run().returncode == 2


def test_extract_copies_what_the_image_holds(image: str, output: Path) -> None:
    export = f"--volume={output}:/var/run/holoscan/export"
    assert Container(image, options=(export,), arguments=("extract",)).run().returncode == 0
    assert names(output) == {"app", "config", "models", "docs"}
    assert names(output / "config") == {"app.json", "pkg.json", "app.yaml"}
    for bundle in ("segmentation", "labeling"):
        weights = Path(bundle, "models", "model.pt")
        assert (output / "models" / weights).read_bytes() == (ROOT / "bundle" / weights).read_bytes()
    assert "sbom.cdx.json" in names(output / "docs")
    assert Container(image, arguments=("extract",)).run().returncode == 2
