"""The command line ``spine-segmentation``."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.logging import RichHandler
from rich.markup import escape
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Column, Table

from spine_segmentation.errors import InputError, SpineError
from spine_segmentation.pacs.commands import app as pacs_app

if TYPE_CHECKING:
    from spine_segmentation.results import Instance, Labeling, NamedStructure, SpineResult

app = typer.Typer(
    help="Finds, separates and names the vertebrae and intervertebral discs of a spine MRI series. Research use only.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(pacs_app)
_PIPE_COLUMNS = 500
"""Room for a table of series with whole UIDs where no terminal limits it."""

console = Console(markup=False, emoji=False)  # paths and series descriptions are printed as they are


class Format(StrEnum):
    """What ``segment`` can write."""

    SEG = "seg"
    SR = "sr"
    SC = "sc"
    NIFTI = "nifti"
    JSON = "json"
    PNG = "png"


class SegType(StrEnum):
    """How a DICOM Segmentation is encoded."""

    BINARY = "binary"
    LABELMAP = "labelmap"


class SrType(StrEnum):
    """Which class a structured report has."""

    COMPREHENSIVE3D = "comprehensive3d"
    COMPREHENSIVE = "comprehensive"
    ENHANCED = "enhanced"


Output = Annotated[Path, typer.Option("--output", "-o", help="Folder to write to; created if need be.")]
Device = Annotated[str, typer.Option(help="cpu, cuda or cuda:N.")]
Mapping = Annotated[
    Path | None, typer.Option(help="What the masks' values mean; default: DATA/mapping.yaml, else VerSe numbers.")
]
Models = Annotated[Path | None, typer.Option(help="Folder with the bundles; default: those of the package.")]


@app.command()
def segment(
    source: Annotated[Path, typer.Argument(metavar="INPUT", help="DICOM folder or file, or NIfTI file.")],
    output: Output,
    series: Annotated[str | None, typer.Option(help="Series Instance UID; default: the best suited series.")] = None,
    study: Annotated[
        bool, typer.Option("--study", help="All suitable series of the study, numbered together.")
    ] = False,
    localizer: Annotated[
        str | None, typer.Option(help="Folder or UID of another series of the study to number the structures by.")
    ] = None,
    anchor: Annotated[
        list[str] | None, typer.Option(help="What is known: L5=x,y,z (LPS, mm), L5=lowest, L5=highest; repeatable.")
    ] = None,
    assume_lowest: Annotated[str | None, typer.Option(help="Name of the lowest vertebra in view, e.g. S1.")] = None,
    device: Device = "cpu",
    models: Models = None,
    only_2class: Annotated[bool, typer.Option("--only-2class", help="Write the semantic map alone.")] = False,
    formats: Annotated[
        list[Format] | None,
        typer.Option(
            "--format", help="Write only this; may be repeated. Default: all but sr (report) and sc (capture)."
        ),
    ] = None,
    seg_type: Annotated[SegType, typer.Option(help="Encoding of the DICOM Segmentation.")] = SegType.BINARY,
    sr_type: Annotated[SrType, typer.Option(help="Class of the structured report.")] = SrType.COMPREHENSIVE3D,
) -> None:
    """Segment, separate and name the structures of one series, or of all series of a study."""
    from spine_segmentation.io.output_folder import fresh_outputs, list_outputs, make_folder, protect_input
    from spine_segmentation.io.outputs import DEFAULT_FORMATS
    from spine_segmentation.labeling.anchors import Anchor
    from spine_segmentation.pipeline import SpinePipeline
    from spine_segmentation.run_status import RunStatus
    from spine_segmentation.segment_run import Job, require_any_spine, run_job

    protect_input(source, output)
    make_folder(output)
    wanted = frozenset(str(format_) for format_ in formats) if formats else DEFAULT_FORMATS
    known = [*(anchor or ()), *([f"{assume_lowest}=lowest"] if assume_lowest else ())]
    with RunStatus(output) as status, _progress() as progress:
        with fresh_outputs(output) as staging:
            anchors = tuple(Anchor.parse(text) for text in known)
            job = Job(
                source,
                series=series,
                study=study,
                localizer=localizer,
                anchors=anchors,
                only_semantic=only_2class,
                formats=wanted,
                seg_type=seg_type.value,
                sr_type=sr_type.value,
            )
            task = progress.add_task("reading", total=None)
            found = run_job(
                job,
                lambda: SpinePipeline(device, models),
                staging,
                lambda text: progress.update(task, description=text),
            )
        status.outputs += list_outputs(output)
        require_any_spine(found)
    for one in found:
        folder = output / one.name
        _report(f"{one.name} {one.loaded.identity.choice}".strip(), one.result, list_outputs(folder))


@app.command("series")
def list_folder(folder: Annotated[Path, typer.Argument(help="Folder with DICOM files.")]) -> None:
    """List the series of a folder, and which one would be used."""
    from spine_segmentation.io.dicom_choice import choose_series
    from spine_segmentation.io.dicom_series import list_series

    summaries = list_series(folder)
    uids = Column("series", overflow="fold")
    table = Table(uids, "description", "modality", "plane", "weighting", "images", "spacing (mm)", "suitable")
    for summary in summaries:
        pixel = summary.pixel_spacing
        spacing = f"{pixel[0]:.2f} x {pixel[1]:.2f}" if pixel else "?"
        gap = f" x {summary.slice_spacing:.2f}" if summary.slice_spacing else ""
        table.add_row(
            summary.series_uid,
            summary.description,
            summary.modality,
            summary.orientation,
            summary.weighting or "?",
            str(summary.images),
            spacing + gap,
            summary.unsuitable or "yes",
        )
    out = console if console.is_terminal else Console(markup=False, emoji=False, width=_PIPE_COLUMNS)
    out.print(table)
    chosen, reason = choose_series(summaries)
    out.print(f"would use {chosen.series_uid}: {reason}", soft_wrap=True)


@app.command()
def evaluate(
    data: Annotated[Path, typer.Argument(help="Folder with NAME_img.nii.gz and NAME_seg.nii.gz.")],
    output: Output,
    mapping: Mapping = None,
    device: Device = "cpu",
    models: Models = None,
) -> None:
    """Compare with manual masks: Dice, outlines, names and counts, per structure and per set."""
    from spine_segmentation.evaluation.evaluate import evaluate_folder
    from spine_segmentation.evaluation.label_mapping import load_mapping, mapping_of
    from spine_segmentation.evaluation.report import write_report
    from spine_segmentation.io.output_folder import make_folder
    from spine_segmentation.pipeline import SpinePipeline

    make_folder(output)
    meanings = load_mapping(mapping or mapping_of(data))
    with _counted("evaluating") as advance:
        evaluation = evaluate_folder(data, SpinePipeline(device, models), meanings, advance)
    for path in write_report(evaluation, output):
        console.print(str(path))
    _require_some(len(evaluation.scans), sum(scan.error is not None for scan in evaluation.scans), "scans", output)


@app.command()
def benchmark_labels(
    data: Annotated[Path, typer.Argument(help="Folder with NAME_img.nii.gz and NAME_seg.nii.gz, completely labelled.")],
    output: Output,
    mapping: Mapping = None,
    visible: Annotated[str, typer.Option(help="Numbers of vertebrae in view, e.g. 5,8,10,15; default: 2 to 24.")] = "",
    most: Annotated[int, typer.Option("--max-windows", min=1, help="Most windows of a scan.")] = 12,
    seed: Annotated[int, typer.Option(min=0, help="Of the draw of windows and of their cuts.")] = 0,
    true_instances: Annotated[
        bool, typer.Option("--true-instances", help="Name the masks' structures; leaves the segmentation out.")
    ] = False,
    device: Device = "cpu",
    models: Models = None,
) -> None:
    """Measure how often names are right at small fields of view, by number of visible vertebrae."""
    from spine_segmentation.evaluation.label_benchmark import Observer, observe_folder, parse_visible
    from spine_segmentation.evaluation.label_files import write_label_benchmark
    from spine_segmentation.evaluation.label_mapping import load_mapping, mapping_of
    from spine_segmentation.io.output_folder import make_folder

    counts = parse_visible(visible)
    make_folder(output)
    meanings = load_mapping(mapping or mapping_of(data))
    observer = Observer.load(device, models, with_true_instances=true_instances)
    with _counted("observing") as advance:
        observations = observe_folder(data, observer, meanings, visible=counts, most=most, seed=seed, progress=advance)
    for path in write_label_benchmark(observations, output):
        console.print(str(path))
    failed = sum(window.error is not None for window in observations.windows)
    _require_some(len(observations.windows), failed, "windows", output)


@app.command()
def synth(
    output: Annotated[Path, typer.Option("--output", "-o", help="New or empty folder to write to.")],
    count: Annotated[int, typer.Option(min=1, help="Number of cases.")] = 1,
    seed: Annotated[int, typer.Option(min=0, help="Case k is the person of this number plus k.")] = 0,
    region: Annotated[str, typer.Option(help="cervical, thoracic, lumbar, whole, or random: one per case.")] = "random",
    weighting: Annotated[
        list[str] | None, typer.Option(help="T1w, T2w, STIR ...; may be repeated: each case in each. Default: T2w.")
    ] = None,
    slices: Annotated[int, typer.Option(min=1, help="Number of sagittal slices.")] = 15,
    slice_spacing: Annotated[float, typer.Option(min=0.3, max=20.0, help="mm.")] = 4.0,
    pixel_size: Annotated[float, typer.Option(min=0.2, max=5.0, help="mm.")] = 0.7,
    dicom: Annotated[bool, typer.Option("--dicom", help="DICOM studies instead of pairs of NIfTI files.")] = False,
) -> None:
    """Generate synthetic spine MRI with its exact segmentation, for evaluate and for tests of other systems."""
    from spine_segmentation.synth.cases import Protocol, write_cases

    protocol = Protocol(region, tuple(weighting or ["T2w"]), slices, slice_spacing, pixel_size)
    with _counted("generating") as advance:
        write_cases(output, count, seed, protocol, dicom=dicom, progress=advance)
    noun = "case" if count == 1 else "cases"
    console.print(f"wrote {count} {noun} to {output}; mapping.yaml says what the masks' values mean", soft_wrap=True)


@app.command()
def demo(
    output: Output = Path("out/demo"),
    source: Annotated[Path | None, typer.Option("--input", help="DICOM folder; default: a generated study.")] = None,
    seed: Annotated[int, typer.Option(help="Which generated patient.")] = 1,
) -> None:
    """Run the main job on a generated DICOM study, or on a folder of your own."""
    if source is None:
        from spine_segmentation.io.output_folder import make_folder
        from spine_segmentation.synth.dicom import write_study
        from spine_segmentation.synth.generator import generate_volume

        source = output / "study"
        make_folder(source)
        write_study(generate_volume(seed, region="lumbar"), source, seed=seed)
        console.print(f"generated a synthetic lumbar study in {source}")
    segment(source, output)


def main() -> None:
    """Entry point: errors become messages on stderr and exit codes."""
    from spine_segmentation.process_setup import prepare_process

    handler = RichHandler(console=Console(stderr=True), show_time=False, show_path=False)
    logging.basicConfig(level=logging.WARNING, format="%(message)s", handlers=[handler])
    prepare_process()
    try:
        app()
    except SpineError as error:
        Console(stderr=True, emoji=False).print(f"[red]error[/red]: {escape(str(error))}", highlight=False)
        sys.exit(error.exit_code)


def _require_some(count: int, failed: int, things: str, output: Path) -> None:
    """Say how many of the things measured failed; an error if none is left."""
    if failed == count:
        raise InputError(
            f"none of {count} {things} could be evaluated",
            expected="images with masks, and a mapping of the masks' values",
            remedy=f"read the reasons in the report in {output}",
        )
    if failed:
        console.print(f"{failed} of {count} {things} failed; the report says why")


def _report(choice: str, result: SpineResult, written: list[Path]) -> None:
    """Say what was chosen, found and written."""
    if choice:
        console.print(choice, highlight=False)
    if result.labeling is not None:
        labeling = result.labeling
        table = Table("structure", "confidence", "runner-up", "volume (ml)", "whole")
        for structure in labeling.structures:
            instance = structure.instance
            runner_up = f"{structure.runner_up} {structure.runner_up_confidence:.2f}" if structure.runner_up else ""
            volume = f"{instance.volume / 1000:.1f}"
            table.add_row(_title(structure), f"{structure.confidence:.2f}", runner_up, volume, _visibility(instance))
        console.print(table)
        _report_levels(labeling)
    for path in written:
        console.print(f"wrote {path}", highlight=False, soft_wrap=True)


def _title(structure: NamedStructure) -> str:
    """The name, or what it most likely is, which the confidence is about."""
    return structure.name or f"{structure.short_title}, most likely {structure.best_name}"


def _visibility(instance: Instance) -> str:
    """Say whether a structure is whole."""
    if not instance.fully_visible:
        return "cut"
    return "in these slices" if instance.reaches_outer_slice else "yes"


def _report_levels(labeling: Labeling) -> None:
    """Say how sure the levels are, and what they could be."""
    odds = "" if labeling.variant_odds is None else f" (odds {labeling.variant_odds:.3g})"
    console.print(f"levels {labeling.status} (confidence {labeling.confidence:.2f}); variant: {labeling.variant}{odds}")
    if labeling.status == "ambiguous":
        for candidate in labeling.candidates:
            console.print(f"possible ({candidate.probability:.2f}): {candidate.title}", highlight=False)
    for sentence in (*(f"known: {anchor}" for anchor in labeling.anchors), *labeling.remarks):
        console.print(sentence, highlight=False)


@contextmanager
def _counted(verb: str) -> Iterator[Callable[[int, int], None]]:
    """Show a bar; gives a function to call with the number of things done and of all."""
    with Progress(console=Console(stderr=True)) as progress:
        task = progress.add_task(verb, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


def _progress() -> Progress:
    return Progress(
        SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn(), console=Console(stderr=True)
    )


if __name__ == "__main__":
    main()
