"""The figures of the labeling benchmark, PNG."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from spine_segmentation.anatomy import BY_NAME, Kind
from spine_segmentation.evaluation.label_report import LabelReport
from spine_segmentation.evaluation.label_summary import GroupSummary
from spine_segmentation.evaluation.reliability import Reliability
from spine_segmentation.evaluation.share import Share
from spine_segmentation.io.atomic import atomic_path

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Plot = Callable[["Axes", LabelReport], None]

_SIZE_INCHES, _DPI = (7.0, 4.5), 120


def write_plots(report: LabelReport, folder: Path) -> list[Path]:
    """Draw accuracy by number of vertebrae and by structure, the reliability diagram, and coverage against accuracy.

    Args:
        report: With at least one window.
        folder: An existing folder; files of the same name are replaced.

    Returns:
        The files written.

    Raises:
        ModuleNotFoundError: If matplotlib (extra ``plots``) is not installed.
        OutputError: If a file cannot be written.
    """
    for name, plot in PLOTS.items():
        _write(plot, report, folder / name)
    return [folder / name for name in PLOTS]


def _write(plot: Plot, report: LabelReport, path: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=_SIZE_INCHES, layout="constrained")
    axes = figure.add_subplot()
    plot(axes, report)
    origin = "synthetic, in distribution; " if report.synthetic else ""
    source = "true instances" if report.true_instances else "end to end"
    overall = report.product.overall
    axes.set_title(f"{origin}{source}; {overall.correct.n} windows of {overall.patients} patients", fontsize=9)
    axes.grid(alpha=0.3)
    figure.legend(loc="outside lower center", ncols=3, fontsize=8)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=_DPI)


def _plot_visible(axes: Axes, report: LabelReport) -> None:
    for shift, system in enumerate((report.product, *report.baselines)):
        groups = system.by_visible
        places = [int(group.group) + 0.15 * (shift - 1) for group in groups]
        _plot_shares(axes, places, [group.correct for group in groups], system.name)
    counts = _counts(report.product.by_visible)
    axes.set_xticks([int(group.group) for group in report.product.by_visible], counts, fontsize=7)
    axes.set(xlabel="vertebrae whole in view; n windows below", ylabel="subset accuracy", ylim=(-0.02, 1.02))


def _plot_structures(axes: Axes, report: LabelReport) -> None:
    entries = report.product.by_structure
    for kind, title, marker in ((Kind.VERTEBRA, "vertebrae", "o"), (Kind.IVD, "discs", "s")):
        chosen = [k for k, entry in enumerate(entries) if BY_NAME[entry.name].kind is kind]
        _plot_shares(axes, chosen, [entries[k].correct for k in chosen], title, marker)
    labels = [f"{entry.name} ({entry.correct.n})" for entry in entries]
    axes.set_xticks(range(len(entries)), labels, rotation=90, fontsize=5)
    axes.set(xlabel="structure (n)", ylabel="named correctly", ylim=(-0.02, 1.02))


def _plot_reliability(axes: Axes, report: LabelReport) -> None:
    axes.plot([0, 1], [0, 1], color="grey", linestyle="--", linewidth=1)
    _plot_bins(axes, report.calibration.sequences, "whole sequences")
    _plot_bins(axes, report.calibration.structures, "single structures")
    axes.set(xlabel="posterior probability", ylabel="right", xlim=(0, 1.02), ylim=(-0.02, 1.02))


def _plot_coverage(axes: Axes, report: LabelReport) -> None:
    curves = {
        "by the posterior of the sequence": report.calibration.coverage,
        "by the least sure whole vertebra": report.calibration.coverage_by_vertebrae,
    }
    for label, curve in curves.items():
        axes.plot([point.coverage for point in curve], [point.accuracy for point in curve], label=label)
    overall = report.product.overall
    share, right = overall.determined.value, overall.correct_where_determined.value
    if share is not None and right is not None:
        axes.plot(share, right, "o", label="determined")
    axes.set(xlabel="coverage: share of windows, most confident first", ylabel="right among them", ylim=(-0.02, 1.02))


def _plot_shares(axes: Axes, places: Sequence[float], shares: Sequence[Share], label: str, marker: str = "o") -> None:
    """Points with their intervals, where there are any."""
    values = [0.0 if share.value is None else share.value for share in shares]
    bounds = [share.interval or (value, value) for share, value in zip(shares, values, strict=True)]
    reach = [
        [max(0.0, value - low) for value, (low, _) in zip(values, bounds, strict=True)],
        [max(0.0, high - value) for value, (_, high) in zip(values, bounds, strict=True)],
    ]
    axes.errorbar(places, values, yerr=reach, fmt=marker, markersize=4, capsize=2, linewidth=1, label=label)


def _plot_bins(axes: Axes, reliability: Reliability, label: str) -> None:
    error = reliability.expected_calibration_error
    named = label if error is None else f"{label} (n = {reliability.n}): calibration error {error:.3f}"
    bins = reliability.bins
    axes.plot([entry.confidence for entry in bins], [entry.accuracy for entry in bins], "o-", label=named)
    for entry in bins:
        axes.annotate(
            str(entry.n), (entry.confidence, entry.accuracy), fontsize=6, xytext=(3, -8), textcoords="offset points"
        )


def _counts(groups: Sequence[GroupSummary]) -> list[str]:
    return [f"{group.group}\n{group.correct.n}" for group in groups]


PLOTS: dict[str, Plot] = {
    "accuracy-by-visible.png": _plot_visible,
    "accuracy-by-structure.png": _plot_structures,
    "reliability.png": _plot_reliability,
    "coverage.png": _plot_coverage,
}
"""What is drawn, by file."""
