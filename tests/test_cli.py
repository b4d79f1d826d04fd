"""The command line: what it writes, what it says, and how it ends."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pydicom
import pytest
from typer.testing import CliRunner

from spine_segmentation import cli
from spine_segmentation.anatomy import VERSE_DISC_BASE
from spine_segmentation.evaluation.label_mapping import synthetic_mapping, write_mapping
from spine_segmentation.io.nifti import read_nifti, write_nifti
from spine_segmentation.synth.generator import SyntheticScan
from spine_segmentation.synth.tissues import Semantic
from spine_segmentation.synth.truth import write_truth
from spine_segmentation.volume import Volume
from tests.conftest import SEED
from tests.dicom_factory import sagittal_volume, write_series

Main = Callable[..., int]

FILES = {"segmentation.dcm", "labels.nii.gz", "semantic.nii.gz", "overlay.png", "result.json", "status.json"}


@pytest.fixture
def main(monkeypatch: pytest.MonkeyPatch) -> Iterator[Main]:
    """Run a command in this process; gives back the exit code."""
    handler = signal.getsignal(signal.SIGTERM)

    def run_main(*arguments: object) -> int:
        monkeypatch.setattr(sys, "argv", ["spine-segmentation", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            cli.main()
        return int(end.value.code or 0)

    yield run_main
    signal.signal(signal.SIGTERM, handler)


@pytest.fixture(scope="module")
def segmented(lumbar_study: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What ``segment`` writes for a DICOM series."""
    folder = tmp_path_factory.mktemp("segmented")
    ended = CliRunner().invoke(cli.app, ["segment", str(lumbar_study), "-o", str(folder)])
    assert ended.exit_code == 0, ended.output
    (folder / "stdout").write_text(ended.stdout)
    return folder


@pytest.fixture(scope="module")
def nifti(lumbar_scan: SyntheticScan, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The lumbar scan as NIfTI."""
    path = tmp_path_factory.mktemp("nifti") / "scan.nii.gz"
    write_nifti(lumbar_scan.image, path)
    return path


def names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def read(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(path.read_text())
    return document


def expect_failure(folder: Path, code: int, error: str, files: set[str] = frozenset()) -> None:
    status = read(folder / "status.json")
    assert (status["state"], status["exit_code"], status["error"]["type"]) == ("failed", code, error)
    assert names_in(folder) == {"status.json", *files}
    assert set(status["outputs"]) == files


def test_a_dicom_series_gives_all_files(segmented: Path) -> None:
    assert names_in(segmented) == {*FILES, "stdout"}
    status = read(segmented / "status.json")
    assert (status["state"], status["exit_code"], status["error"]) == ("succeeded", 0, None)
    assert set(status["outputs"]) == FILES - {"status.json"}


def test_the_same_names_in_every_output(segmented: Path) -> None:
    expected = ["T12", "T12-L1", "L1", "L1-L2", "L2", "L2-L3", "L3", "L3-L4", "L4", "L4-L5", "L5", "L5-S1", "S1"]
    structures = [structure["name"] for structure in read(segmented / "result.json")["structures"]]
    segments = [s.SegmentLabel for s in pydicom.dcmread(segmented / "segmentation.dcm").SegmentSequence]
    table = (segmented / "stdout").read_text()
    assert structures[-len(expected) :] == expected
    assert set(segments) == set(structures)
    assert all(name in table for name in structures)
    assert "levels determined" in table


def test_every_file_written_is_named_on_stdout(segmented: Path) -> None:
    lines = (segmented / "stdout").read_text().splitlines()
    assert {line for line in lines if line.startswith("wrote")} == {
        f"wrote {segmented / name}" for name in FILES - {"status.json"}
    }


def test_the_same_input_gives_the_same_uid(main: Main, lumbar_study: Path, segmented: Path, tmp_path: Path) -> None:
    assert main("segment", lumbar_study, "-o", tmp_path, "--format", "seg") == 0
    first, second = (pydicom.dcmread(folder / "segmentation.dcm") for folder in (segmented, tmp_path))
    assert first.SOPInstanceUID == second.SOPInstanceUID
    assert first.PixelData == second.PixelData


def test_nifti_gives_no_segmentation(main: Main, nifti: Path, tmp_path: Path) -> None:
    assert main("segment", nifti, "-o", tmp_path / "new" / "out") == 0
    assert names_in(tmp_path / "new" / "out") == FILES - {"segmentation.dcm"}


def test_structures_that_reach_an_outer_slice_are_not_called_whole(
    main: Main, lumbar_scan: SyntheticScan, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image = lumbar_scan.image
    middle = image.shape[0] // 2
    write_nifti(Volume(image.array[middle : middle + 1], image.affine), tmp_path / "scan.nii.gz")
    assert main("segment", tmp_path / "scan.nii.gz", "-o", tmp_path / "out") == 0
    table = capsys.readouterr().out
    assert "in these slices" in table
    assert "yes" not in table


def test_structures_without_a_name_are_listed_with_their_most_likely_one(
    main: Main, nifti: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cli.console, "_width", 120)
    monkeypatch.setattr("spine_segmentation.labeler.DETERMINED_POSTERIOR", 1.1)
    assert main("segment", nifti, "-o", tmp_path, "--format", "json") == 0
    table = capsys.readouterr().out
    structures = read(tmp_path / "result.json")["structures"]
    assert all(structure["name"] is None for structure in structures)
    for structure in structures:
        assert f"{structure['title'].partition(' (')[0]}, most likely {structure['best_name']}" in table


@pytest.mark.parametrize(
    ("formats", "expected"),
    [
        (["seg"], {"segmentation.dcm"}),
        (["seg", "seg"], {"segmentation.dcm"}),
        (["seg", "json"], {"segmentation.dcm", "result.json"}),
        (["seg", "sr", "sc"], {"segmentation.dcm", "report.dcm", "overlay.dcm"}),
        (["png", "nifti"], {"overlay.png", "labels.nii.gz", "semantic.nii.gz"}),
    ],
)
def test_only_the_formats_asked_for(
    formats: list[str], expected: set[str], main: Main, lumbar_study: Path, tmp_path: Path
) -> None:
    options = [word for format_ in formats for word in ("--format", format_)]
    assert main("segment", lumbar_study, "-o", tmp_path, *options) == 0
    assert names_in(tmp_path) == {*expected, "status.json"}


def test_labelmap(main: Main, lumbar_study: Path, segmented: Path, tmp_path: Path) -> None:
    assert main("segment", lumbar_study, "-o", tmp_path, "--format", "seg", "--seg-type", "labelmap") == 0
    binary, labelmap = (pydicom.dcmread(folder / "segmentation.dcm") for folder in (segmented, tmp_path))
    assert (binary.SegmentationType, labelmap.SegmentationType) == ("BINARY", "LABELMAP")
    assert binary.SOPInstanceUID != labelmap.SOPInstanceUID


def test_only_2class(main: Main, lumbar_study: Path, segmented: Path, tmp_path: Path) -> None:
    assert main("segment", lumbar_study, "-o", tmp_path, "--only-2class") == 0
    assert names_in(tmp_path) == FILES - {"segmentation.dcm", "labels.nii.gz"}
    assert (tmp_path / "semantic.nii.gz").read_bytes() == (segmented / "semantic.nii.gz").read_bytes()
    assert read(tmp_path / "result.json")["structures"] in (None, [])


def test_a_series_by_its_uid(main: Main, lumbar_study: Path, tmp_path: Path) -> None:
    study = tmp_path / "study"
    shutil.copytree(lumbar_study, study / "spine")
    wanted = "1.2.3.4"
    write_series(sagittal_volume(), study / "other", SeriesInstanceUID=wanted, SeriesDescription="survey")
    main("segment", study, "-o", tmp_path / "out", "--series", wanted)
    assert read(tmp_path / "out" / "result.json")["input"]["shape"] == [5, 12, 10]


def test_a_study_says_what_it_found_in_each_series(
    main: Main, lumbar_study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main("segment", lumbar_study, "-o", tmp_path, "--study", "--format", "json") == 0
    assert names_in(tmp_path) == {"series-002", "status.json"}
    assert names_in(tmp_path / "series-002") == {"result.json", "status.json"}
    output = capsys.readouterr().out
    assert output.startswith("series-002 sagittal MR")
    assert f"wrote {tmp_path / 'series-002' / 'result.json'}" in output
    assert main("segment", lumbar_study, "-o", tmp_path, "--only-2class", "--format", "json") == 0
    assert names_in(tmp_path) == {"result.json", "status.json"}


def test_what_the_user_knows_is_obeyed_and_repeated(
    main: Main, lumbar_study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ("--assume-lowest", "L5", "--anchor", "L4-L5=lowest", "--format", "json")
    assert main("segment", lumbar_study, "-o", tmp_path, *options) == 0
    assert read(tmp_path / "result.json")["labelling"]["anchors"] == ["L4-L5=lowest", "L5=lowest"]
    output = capsys.readouterr().out
    assert "known: L5=lowest" in output and "neither S1 nor C2 was found" in " ".join(output.split())


@pytest.mark.parametrize("options", [("--anchor", "L5=lowest"), ("--anchor", "L5=0,0,0"), ("--assume-lowest", "L5")])
def test_where_there_is_no_spine_no_anchor_is_to_blame(
    options: tuple[str, str], main: Main, no_spine: Volume, tmp_path: Path
) -> None:
    write_nifti(no_spine, tmp_path / "noise.nii.gz")
    assert main("segment", tmp_path / "noise.nii.gz", "-o", tmp_path / "out", *options) == 5
    expect_failure(tmp_path / "out", 5, "NoSpineFound", {"result.json"})


def test_an_unknown_series(main: Main, lumbar_study: Path, tmp_path: Path) -> None:
    assert main("segment", lumbar_study, "-o", tmp_path, "--series", "1.2.3") == 3
    expect_failure(tmp_path, 3, "NoSuitableSeries")


def test_a_folder_without_images(main: Main, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    assert main("segment", tmp_path / "in", "-o", tmp_path / "out") == 3
    expect_failure(tmp_path / "out", 3, "NoDicomFound")


@pytest.mark.parametrize(
    ("source", "options", "error"),
    [
        ("missing", [], "UsageError"),
        ("scan.nii.gz", ["--series", "1.2.3"], "UsageError"),
        ("scan.nii.gz", ["--device", "cuda:99"], "DeviceUnavailable"),
        ("scan.nii.gz", ["--study"], "UsageError"),
        ("scan.nii.gz", ["--anchor", "L5"], "UsageError"),
        ("scan.nii.gz", ["--assume-lowest", "L9"], "UsageError"),
        ("scan.nii.gz", ["--anchor", "L1=lowest", "--anchor", "L5=highest"], "UsageError"),
        ("scan.nii.gz", ["--study", "--series", "1.2.3"], "UsageError"),
        ("scan.nii.gz", ["--localizer", "missing.nii.gz"], "UsageError"),
    ],
)
def test_usage_errors(source: str, options: list[str], error: str, main: Main, nifti: Path, tmp_path: Path) -> None:
    (tmp_path / "segmentation.dcm").write_text("of another patient")
    assert main("segment", nifti.with_name(source), "-o", tmp_path, *options) == 2
    expect_failure(tmp_path, 2, error)


def test_the_folder_of_the_input_stays_as_it_is(main: Main, lumbar_study: Path) -> None:
    before = names_in(lumbar_study)
    assert main("segment", lumbar_study, "-o", lumbar_study) == 2
    assert names_in(lumbar_study) == before


@pytest.mark.parametrize(
    "arguments",
    [
        ["--bogus"],
        ["segment", "in", "-o", "out", "--bogus"],
        ["segment", "in"],
        ["segment", "in", "-o", "out", "--format", "tiff"],
        ["segment", "in", "-o", "out", "--seg-type", "fractional"],
        ["unknown"],
    ],
)
def test_malformed_commands(arguments: list[str], main: Main, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(*arguments) == 2
    assert names_in(tmp_path) == set()


@pytest.mark.parametrize(
    ("size", "error"), [(None, "UnreadableFile"), (0.5, "TruncatedFile")], ids=["garbage", "truncated"]
)
def test_spoilt_nifti(size: float | None, error: str, main: Main, nifti: Path, tmp_path: Path) -> None:
    content = nifti.read_bytes()
    path = tmp_path / "spoilt.nii.gz"
    path.write_bytes(content[: int(size * len(content))] if size else b"not an image" * 100)
    assert main("segment", path, "-o", tmp_path / "out") == 4
    expect_failure(tmp_path / "out", 4, error)


def test_thick_axial_slices_are_bad_input(main: Main, tmp_path: Path) -> None:
    path = tmp_path / "axial.nii.gz"
    write_nifti(Volume.from_axes(sagittal_volume((9, 64, 64)).array, "SPL", (5.0, 1.0, 1.0)), path)
    assert main("segment", path, "-o", tmp_path / "out") == 4
    expect_failure(tmp_path / "out", 4, "UnsupportedOrientation")


def test_no_spine_replaces_an_earlier_segmentation_by_none(
    main: Main, no_spine: Volume, segmented: Path, tmp_path: Path
) -> None:
    shutil.copytree(segmented, tmp_path / "out")
    study = tmp_path / "study"
    write_series(no_spine, study)
    assert main("segment", study, "-o", tmp_path / "out") == 5
    (tmp_path / "out" / "stdout").unlink()
    expect_failure(tmp_path / "out", 5, "NoSpineFound", {"result.json"})
    assert read(tmp_path / "out" / "result.json")["structures"] == []


def test_models_elsewhere(main: Main, nifti: Path, tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    assert main("segment", nifti, "-o", tmp_path / "out", "--models", tmp_path / "models") == 70
    expect_failure(tmp_path / "out", 70, "ModelError")


def test_output_below_a_file(main: Main, nifti: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("in the way")
    assert main("segment", nifti, "-o", tmp_path / "file" / "out") == 70
    assert "choose another output folder" in " ".join(capsys.readouterr().err.split())
    assert (tmp_path / "file").read_text() == "in the way"


def test_series_lists_all_and_says_which_would_be_used(
    main: Main, lumbar_study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(lumbar_study, tmp_path / "spine")
    write_series(sagittal_volume(), tmp_path / "other", SeriesDescription="chest", Modality="CT")
    assert main("series", tmp_path) == 0
    output = capsys.readouterr().out
    used = pydicom.dcmread(lumbar_study / "IM0001.dcm").SeriesInstanceUID
    assert "chest" in output and "CT" in output and "1.20 x 1.20 x 6.00" in output
    assert f"would use {used}" in " ".join(output.split())


LONG_UID = "1.2.840.113619.2.55.3.1234567890.123.1234567890.123456.123456789"


def test_a_series_uid_can_be_copied_from_a_pipe(main: Main, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_series(sagittal_volume(), tmp_path, SeriesInstanceUID=LONG_UID, SeriesDescription="T2 TSE sag " * 5)
    assert main("series", tmp_path) == 0
    row, choice = (line for line in capsys.readouterr().out.splitlines() if LONG_UID in line)
    assert "T2 TSE sag" in row and "yes" in row
    assert choice.startswith(f"would use {LONG_UID}: ")


def test_a_narrow_terminal_folds_a_series_uid(
    main: Main, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cli.console, "_force_terminal", True)
    monkeypatch.setattr(cli.console, "_width", 80)
    monkeypatch.setattr(cli.console, "no_color", True)
    write_series(sagittal_volume(), tmp_path, SeriesInstanceUID=LONG_UID)
    assert main("series", tmp_path) == 0
    rows = [line for line in capsys.readouterr().out.splitlines() if line.startswith("│")]
    assert "".join(row.split("│")[1].strip() for row in rows) == LONG_UID


@pytest.mark.parametrize("text", ["T2 [sag]", "T2 [/sag]", "T2 :a: sag"])
def test_text_from_outside_is_printed_as_it_is(
    text: str, main: Main, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Brackets and colons are no markup."""
    write_series(sagittal_volume(), tmp_path / "study", SeriesDescription=text)
    assert main("series", tmp_path / "study") == 0
    assert text in capsys.readouterr().out
    assert main("series", tmp_path / text.replace("/", "")) == 4
    assert text.replace("/", "") in " ".join(capsys.readouterr().err.split())


def test_series_of_a_folder_without_images(main: Main, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main("series", tmp_path) == 3
    assert "What to do" in capsys.readouterr().err


def test_evaluate_writes_both_reports(main: Main, lumbar_scan: SyntheticScan, tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    discs = lumbar_scan.semantic.array == Semantic.DISC
    known = discs | (lumbar_scan.semantic.array == Semantic.BODY)
    verse = (lumbar_scan.level.array + VERSE_DISC_BASE * discs) * known
    write_nifti(lumbar_scan.image, data / "a_img.nii.gz")
    write_nifti(lumbar_scan.image.with_array(verse.astype("uint8")), data / "a_seg.nii.gz")
    assert main("evaluate", data, "-o", tmp_path / "report") == 0
    assert names_in(tmp_path / "report") == {"evaluation.json", "evaluation.md"}
    (scan,) = read(tmp_path / "report" / "evaluation.json")["scans"]
    assert scan["error"] is None and scan["score"]["vertebrae"]["dice"] > 0.8
    assert "| a |" in (tmp_path / "report" / "evaluation.md").read_text()


def test_evaluate_where_every_scan_fails(main: Main, lumbar_scan: SyntheticScan, tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    write_nifti(lumbar_scan.image, data / "a_img.nii.gz")
    (data / "a_seg.nii.gz").write_bytes(b"no mask")
    assert main("evaluate", data, "-o", tmp_path / "report") == 4
    assert names_in(tmp_path / "report") == {"evaluation.json", "evaluation.md"}


def test_evaluate_a_folder_without_pairs(main: Main, tmp_path: Path) -> None:
    assert main("evaluate", tmp_path, "-o", tmp_path / "report") == 4
    assert names_in(tmp_path / "report") == set()


@pytest.mark.parametrize("options", [(), ("--true-instances",)])
def test_benchmark_labels_writes_its_report(
    options: tuple[str, ...], main: Main, lumbar_scan: SyntheticScan, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    write_nifti(lumbar_scan.image, data / "a_img.nii.gz")
    write_truth(lumbar_scan, data / "a_seg.nii.gz")
    write_mapping(synthetic_mapping(), data / "mapping.yaml")
    limits = ("--visible", "3,6", "--max-windows", 2)
    assert main("benchmark-labels", data, "-o", tmp_path / "report", *limits, *options) == 0
    report = read(tmp_path / "report" / "labels.json")
    assert report["synthetic"] is True and report["true_instances"] is bool(options)
    assert [group["group"] for group in report["product"]["by_visible"]] == ["3", "6"]
    assert all(window["error"] is None for window in report["windows"])
    assert names_in(tmp_path / "report") >= {"labels.json", "labels.md", "evidence.json"}


def test_benchmark_labels_where_no_scan_shows_so_many(main: Main, lumbar_scan: SyntheticScan, tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    write_nifti(lumbar_scan.image, data / "a_img.nii.gz")
    write_truth(lumbar_scan, data / "a_seg.nii.gz")
    write_mapping(synthetic_mapping(), data / "mapping.yaml")
    assert main("benchmark-labels", data, "-o", tmp_path / "report", "--visible", "20") == 4


@pytest.mark.parametrize(("visible", "code"), [("five", 2), ("1", 2), ("5,", 2), ("5", 4)])
def test_benchmark_labels_refuses_what_it_cannot_do(visible: str, code: int, main: Main, tmp_path: Path) -> None:
    assert main("benchmark-labels", tmp_path, "-o", tmp_path / "report", "--visible", visible) == code
    assert names_in(tmp_path / "report" if (tmp_path / "report").is_dir() else tmp_path) == set()


TINY = ("--slices", 5, "--slice-spacing", 8, "--pixel-size", 1.5)


def test_synth_writes_what_evaluate_reads(main: Main, tmp_path: Path) -> None:
    data = tmp_path / "new" / "data"
    options = ("--count", 1, "--seed", SEED, "--region", "lumbar", "--weighting", "T1w", "--weighting", "T2w")
    assert main("synth", "-o", data, *options, *TINY) == 0
    scans = ("synth_0000_T1w", "synth_0000_T2w")
    pairs = {f"{scan}_{part}.nii.gz" for scan in scans for part in ("img", "seg")}
    assert names_in(data) == {*pairs, "mapping.yaml"}
    assert main("evaluate", data, "-o", tmp_path / "report") == 0
    report = read(tmp_path / "report" / "evaluation.json")
    assert [scan["name"] for scan in report["scans"]] == list(scans)
    for scan in report["scans"]:
        assert scan["error"] is None and scan["score"]["vertebrae"]["dice"] > 0.6
        assert {"L1", "L5", "L5-S1", "S1"} <= {structure["name"] for structure in scan["score"]["structures"]}
    (summary,) = report["sets"]
    assert (summary["name"], summary["scans"], summary["s1_dice"]["n"]) == ("synth", 2, 2)


def test_synth_as_dicom_gives_studies_that_can_be_segmented(
    main: Main, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    weightings = ("--weighting", "T2w", "--weighting", "STIR")
    assert main("synth", "-o", tmp_path / "out", "--region", "lumbar", "--dicom", *weightings, *TINY) == 0
    assert names_in(tmp_path / "out") == {"synth_0000", "mapping.yaml"}
    study = tmp_path / "out" / "synth_0000"
    assert names_in(study) == {"T2w", "STIR", "truth.nii.gz"}
    assert main("segment", study, "-o", tmp_path / "result", "--only-2class", "--format", "nifti") == 0
    assert read_nifti(tmp_path / "result" / "semantic.nii.gz").shape == read_nifti(study / "truth.nii.gz").shape
    assert "T2w" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--region", "coccyx"], "cervical, thoracic, lumbar, whole"),
        (["--weighting", "T7w"], "T1w, T2w"),
        (["--weighting", "T1w", "--weighting", "T1w"], "each at most once"),
        (["--count", "0"], "--count"),
        (["--seed", "-1"], "--seed"),
        (["--slices", "0"], "--slices"),
        (["--pixel-size", "0"], "--pixel-size"),
        (["--slice-spacing", "-4"], "--slice-spacing"),
    ],
)
def test_synth_refuses_what_it_cannot_make(
    options: list[str], words: str, main: Main, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main("synth", "-o", tmp_path / "out", *options) == 2
    assert words in " ".join(capsys.readouterr().err.split())
    assert names_in(tmp_path) == set()


def test_synth_leaves_a_folder_with_other_files_alone(
    main: Main, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "synth_0000_img.nii.gz").write_text("of an earlier run")
    assert main("synth", "-o", tmp_path, *TINY) == 2
    assert "is not empty" in " ".join(capsys.readouterr().err.split())
    assert names_in(tmp_path) == {"synth_0000_img.nii.gz"}


def test_demo_generates_a_study_and_segments_it(main: Main, tmp_path: Path) -> None:
    assert main("demo", "-o", tmp_path) == 0
    assert names_in(tmp_path) == {*FILES, "study"}


def test_demo_takes_a_folder(main: Main, lumbar_study: Path, segmented: Path, tmp_path: Path) -> None:
    assert main("demo", "-o", tmp_path, "--input", lumbar_study) == 0
    assert (tmp_path / "labels.nii.gz").read_bytes() == (segmented / "labels.nii.gz").read_bytes()


def test_help_is_quick() -> None:
    """Torch takes seconds to import."""
    code = (
        "import sys, atexit; sys.argv = ['spine-segmentation', '--help'];"
        "atexit.register(lambda: print('heavy:', {'torch', 'monai'} & set(sys.modules)));"
        "from spine_segmentation.cli import main; main()"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert all(command in ended.stdout for command in ("segment", "series", "evaluate", "synth", "demo"))
    assert "heavy: set()" in ended.stdout


def test_errors_go_to_stderr_as_sentences() -> None:
    """As a process: the message, the exit code, and no traceback."""
    command = [sys.executable, "-m", "spine_segmentation.cli", "series", "/nowhere"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert ended.returncode == 4
    assert ended.stdout == ""
    assert "Expected:" in ended.stderr and "Traceback" not in ended.stderr
