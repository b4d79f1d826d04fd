"""Fit how much each evidence of the levels counts, and from which posterior on levels count as determined.

    python scripts/fit_calibration.py OUT SOURCE...

A SOURCE is either ``evidence.json`` as ``spine-segmentation benchmark-labels`` writes it, or a folder of completely
labelled scans: then windows of it are observed first, with the truth's instances, and their evidence is kept as
``OUT/NAME.json``, so that another fit needs no network. Only synthetic scans and training patients that were kept out
may be fitted on, never an evaluation set. Patients of the same name in two sources count as one. The table is printed
and written to ``OUT/calibration.md``.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from spine_segmentation.evaluation.calibration_fit import (
    ACCURACY_WHERE_DETERMINED,
    CRITERIA,
    CrossFit,
    Fit,
    cross_fit,
)
from spine_segmentation.evaluation.label_benchmark import Observer, observe_folder
from spine_segmentation.evaluation.label_mapping import load_mapping, mapping_of
from spine_segmentation.evaluation.label_summary import Calibration, GroupSummary
from spine_segmentation.evaluation.label_tables import format_share
from spine_segmentation.evaluation.observation import ObservedWindow, read_observations, write_observations
from spine_segmentation.evaluation.report import table
from spine_segmentation.evaluation.window_score import WindowScore
from spine_segmentation.io.atomic import atomic_path
from spine_segmentation.labeling.decoding import DETERMINED_POSTERIOR
from spine_segmentation.labeling.geometry import WEIGHT
from spine_segmentation.levels import EVIDENCE_WEIGHT

COLUMNS = (
    "", "Vertebrae", "Windows", "Patients", "Subset accuracy", "Error of sequences", "Error of structures", "Coverage",
    "Right where determined",
)  # fmt: skip


def main() -> None:
    """Observe what is not observed yet, fit, and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=Path, help="folder to write to")
    parser.add_argument("sources", type=Path, nargs="+", help="evidence.json files or folders of labelled scans")
    parser.add_argument("--max-windows", type=int, default=8, help="most windows of a scan")
    parser.add_argument("--models", type=Path, help="folder with the bundles; default: those of the package")
    parser.add_argument("--end-to-end", action="store_true", help="instances of the segmentation, not the truth's")
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    windows = [window for source in arguments.sources for window in observe(source, arguments)]
    text = describe(cross_fit(windows, lambda done, total: print(f"weights {done} of {total}", end="\r")))
    with atomic_path(arguments.output / "calibration.md") as temporary:
        temporary.write_text(text, encoding="utf-8")
    print(text)


def observe(source: Path, arguments: argparse.Namespace) -> Sequence[ObservedWindow]:
    """Read the windows of a source, or run the networks on them and keep what they say.

    Args:
        source: A file of observations, or a folder of labelled scans.
        arguments: Of the command line: ``output``, ``models``, ``max_windows`` and ``end_to_end``.

    Returns:
        One entry per window.

    Raises:
        UnreadableFile: If a file cannot be read or is not what it should be, or there is no scan in the folder.
        UsageError: If ``max_windows`` is too small.
        ModelError: If weights are absent or do not fit.
        OutputError: If the observations cannot be written.
    """
    if source.is_file():
        return read_observations(source).windows
    observer = Observer.load(models=arguments.models, with_true_instances=not arguments.end_to_end)
    mapping = load_mapping(mapping_of(source))
    observations = observe_folder(source, observer, mapping, most=arguments.max_windows, progress=show)
    write_observations(observations, arguments.output / f"{source.resolve().name}.json")
    return observations.windows


def show(done: int, total: int) -> None:
    """Say how far the networks are."""
    print(f"scan {done} of {total}", end="\r")


def describe(result: CrossFit) -> str:
    """Render what was chosen, and the figures before and after, as Markdown.

    Args:
        result: Fit of all patients, and of those outside each fold.

    Returns:
        An explanation and two tables.
    """
    choices = [["before", f"{EVIDENCE_WEIGHT:g}", f"{WEIGHT:g}", f"{DETERMINED_POSTERIOR:g}", "-"]]
    choices += [["fitted", *numbers(result.fit)]]
    choices += [[f"without fold {k}", *numbers(fit)] for k, fit in enumerate(result.folds, start=1)]
    systems = {"before": result.before} | {f"after, by {name}": scores for name, scores in result.after.items()}
    figures = [[name, "all", *row(scores)] for name, scores in systems.items()]
    figures += [
        [name, str(visible), *row([score for score in scores if score.window.visible == visible])]
        for visible in sorted({score.window.visible for score in result.before})
        for name, scores in systems.items()
    ]
    return (
        f"Thresholds are chosen for {100 * ACCURACY_WHERE_DETERMINED:g} % right where determined. Error: expected "
        "calibration error. After: every patient with what was chosen without the patient's fold.\n\n"
        + table(("", "EVIDENCE_WEIGHT", "WEIGHT", *(f"Threshold, {name}" for name in CRITERIA)), choices)
        + "\n"
        + table(COLUMNS, figures)
    )


def numbers(fit: Fit) -> list[str]:
    """Give the cells of a choice in the table.

    Args:
        fit: What was chosen.

    Returns:
        Weights of image and geometry, then a threshold for each of ``CRITERIA``.
    """
    thresholds = [f"{fit.thresholds[name]:.4f}" for name in CRITERIA]
    return [f"{fit.weights.image:g}", f"{fit.weights.geometry:g}", *thresholds]


def row(scores: Sequence[WindowScore]) -> list[str]:
    """Give the cells of the figures of some windows.

    Args:
        scores: One per window.

    Returns:
        Cells of ``COLUMNS`` from "Windows" on; "-" for errors that cannot be computed.
    """
    group, calibration = GroupSummary.of("", scores), Calibration.of(scores)
    errors = [entry.expected_calibration_error for entry in (calibration.sequences, calibration.structures)]
    return [
        str(len(scores)),
        str(group.patients),
        format_share(group.correct),
        *("-" if error is None else f"{error:.3f}" for error in errors),
        format_share(group.determined),
        format_share(group.correct_where_determined),
    ]


if __name__ == "__main__":
    main()
