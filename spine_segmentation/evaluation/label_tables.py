"""The report of the labeling benchmark for people, ``labels.md``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from spine_segmentation.evaluation.label_report import LabelReport
from spine_segmentation.evaluation.label_summary import OFFSETS, Calibration, GroupSummary
from spine_segmentation.evaluation.reliability import CoveragePoint, Reliability
from spine_segmentation.evaluation.share import Share
from spine_segmentation.evaluation.variant_summary import VariantSummary
from spine_segmentation.markdown import table

GROUP_COLUMNS = (
    "Windows", "n", "Patients", "Subset accuracy", "Strict", "Structures right", "Coverage", "Right where determined",
)  # fmt: skip
COVERAGES = (0.25, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95, 1.0)
"""Rows of the table of coverage against accuracy."""

_NONE = "-"

SYNTHETIC = """\
**Synthetic, in distribution.** These scans come from this package's own generator, on whose images the networks were \
trained. The figures claim nothing over systems that were measured on real scans.
"""

NOTES = """\
A window shows so many consecutive vertebrae whole, and no others: the image is cut across the column between two \
rows, and the networks see nothing outside. Subset accuracy: in the window, every whole vertebra and every disc \
between two of them has the right name, by the structure that is most frequent inside it; the most likely name counts, \
determined or not. Strict: and there is no false structure. Coverage: windows whose levels are determined. In \
brackets: 95 % bootstrap interval over patients, then counts. Where all or none are right the interval has no width, \
which is no certainty. Definitions: docs/label-benchmark.md.
"""

_SHARES: tuple[Callable[[GroupSummary], Share], ...] = (
    lambda group: group.correct,
    lambda group: group.strict,
    lambda group: group.structures,
    lambda group: group.determined,
    lambda group: group.correct_where_determined,
)


def markdown(report: LabelReport) -> str:
    """Render a report as Markdown.

    Args:
        report: The report.

    Returns:
        Tables; ends in a line feed.
    """
    product = report.product
    errors = {f"{score.window.scan}, rows {score.window.rows}": score.error for score in report.windows if score.error}
    sections = {
        "By number of visible vertebrae": _groups((product.overall, *product.by_visible)),
        "By landmark": _groups(product.by_landmarks),
        "By region": _groups(product.by_region),
        "By contrast": _groups(product.by_contrast),
        "Baselines: subset accuracy on the same windows and instances": _baselines(report),
        "Levels off: windows by the offset of most vertebrae, positive if too low, 3 for more": _offsets(
            product.by_visible
        ),
        "Structures": table(("Structure", "Right"), [[s.name, format_share(s.correct)] for s in product.by_structure]),
        "Number of vertebrae, where both ends of a region are whole in view": _variants(report.variants),
        "Calibration": _calibration(report.calibration),
        "Coverage and accuracy": _coverage(report.calibration),
        "Windows without a result": _listed(errors),
        "Scans without a window": _listed(report.unusable),
    }
    return _introduction(report) + "".join(f"\n## {title}\n\n{body}" for title, body in sections.items())


def _introduction(report: LabelReport) -> str:
    heading = "Labeling benchmark, synthetic" if report.synthetic else "Labeling benchmark"
    instances = "the truth's instances" if report.true_instances else "instances of the segmentation (end to end)"
    about = f"Named: {instances}. At most {report.most} windows a scan, drawn with seed {report.seed}."
    origin = f"{SYNTHETIC}\n" if report.synthetic else ""
    return f"# {heading}: spine-segmentation {report.version}\n\n{origin}{about}\n\n{NOTES}"


def _listed(entries: Mapping[str, str | None]) -> str:
    return "".join(f"- {name}: {reason}\n" for name, reason in entries.items()) or "None.\n"


def _groups(groups: Sequence[GroupSummary]) -> str:
    rows = [
        [group.group, str(group.correct.n), str(group.patients), *(format_share(share(group)) for share in _SHARES)]
        for group in groups
    ]
    return table(GROUP_COLUMNS, rows)


def _offsets(groups: Sequence[GroupSummary]) -> str:
    return table(("Vertebrae", *OFFSETS), [[group.group, *map(str, group.offsets.values())] for group in groups])


def _baselines(report: LabelReport) -> str:
    systems = (report.product, *report.baselines)
    groups = [(*system.by_visible, *system.by_landmarks) for system in systems]
    rows = [[same[0].group, *(format_share(group.correct) for group in same)] for same in zip(*groups, strict=True)]
    return table(("Windows", *(system.name for system in systems)), rows)


def _variants(variants: Sequence[VariantSummary]) -> str:
    if not variants:
        return "None.\n"
    rows = [
        [
            variant.statement,
            *map(format_share, (variant.sensitivity, variant.specificity)),
            *map(format_share, (variant.sensitivity_where_determined, variant.specificity_where_determined)),
        ]
        for variant in variants
    ]
    return table(("Variant", "Sensitivity", "Specificity", "Sensitivity where determined", "Specificity"), rows)


def _calibration(calibration: Calibration) -> str:
    def row(name: str, reliability: Reliability) -> list[str]:
        error = reliability.expected_calibration_error
        return [name, str(reliability.n), _NONE if error is None else f"{error:.3f}"]

    rows = [row("whole sequences", calibration.sequences), row("single structures", calibration.structures)]
    rows.append(row("the least sure whole vertebra", calibration.least_vertebrae))
    return table(("Posterior of", "n", "Expected calibration error"), rows)


def _coverage(calibration: Calibration) -> str:
    """Accuracy of the most confident windows, by either confidence."""
    columns = ("Most confident", "Right, by the posterior of the sequence", "Right, by the least sure whole vertebra")
    curves = (calibration.coverage, calibration.coverage_by_vertebrae)
    return table(columns, [[f"{100 * c:.0f} %", *(_accuracy(curve, c) for curve in curves)] for c in COVERAGES])


def _accuracy(curve: Sequence[CoveragePoint], coverage: float) -> str:
    """Accuracy at the least confident threshold within a coverage."""
    inside = [point for point in curve if point.coverage <= coverage]
    if not inside:
        return _NONE
    return f"{100 * inside[-1].accuracy:.1f} % of {inside[-1].n} (from {inside[-1].threshold:.4f})"


def format_share(share: Share) -> str:
    """Write a share as a cell of a table.

    Args:
        share: The share.

    Returns:
        E.g. ``"50.0 % (0 to 100; 1 of 2)"``: with the interval and the counts.
    """
    if share.value is None:
        return _NONE
    interval = f"{100 * share.interval[0]:.0f} to {100 * share.interval[1]:.0f}; " if share.interval else ""
    return f"{100 * share.value:.1f} % ({interval}{share.count} of {share.n})"
