"""The report of an evaluation, for programs (JSON) and for people (Markdown)."""

from __future__ import annotations

from pathlib import Path

from spine_segmentation.evaluation.agreement import Agreement
from spine_segmentation.evaluation.evaluate import Evaluation, ScanEvaluation
from spine_segmentation.evaluation.false_volume import COLUMN_MARGIN_MM
from spine_segmentation.evaluation.metrics import KindScore, ScanScore
from spine_segmentation.evaluation.record import Record
from spine_segmentation.evaluation.slice_bands import LATERAL_MM, MID_SAGITTAL_MM
from spine_segmentation.evaluation.summary import (
    AgreementSummary,
    KindSummary,
    SetSummary,
    Statistic,
    StructureSummary,
    summarise_sets,
)
from spine_segmentation.io.atomic import atomic_path
from spine_segmentation.io.product import product_version
from spine_segmentation.markdown import table

JSON_FILE, MARKDOWN_FILE = "evaluation.json", "evaluation.md"

SET_COLUMNS = (
    "Set", "Scans", "Failed", "Body Dice", "Disc Dice", "S1 Dice", "Subset accuracy", "Strict", "Best names",
    "Bodies found", "Discs found", "Counts right", "Nothing outside", "Outside the column, mm3", "Seconds",
)  # fmt: skip
OUTLINE_COLUMNS = ("Set", "Structures", "Slices", "n", "Dice", "Surface distance 95 %, mm", "Surface bias, mm")
STRUCTURE_COLUMNS = ("Set", "Structure", "n", "Dice", "Correct", "Wrong", "Undetermined", "Missed", "Best name correct")
SCAN_COLUMNS = (
    "Scan", "Body Dice", "Mid-sagittal", "Lateral", "Body surface 95 % / bias, mm", "Disc Dice",
    "Disc surface 95 % / bias, mm", "S1 Dice", "Bodies found", "Discs found", "Outside, mm3",
    "Named correctly", "Not named correctly", "False structures", "Seconds",
)  # fmt: skip

_NONE = "-"

NOTES = f"""\
Dice is that of all labelled vertebral bodies (discs) taken together; per structure it is that of the structure of the \
same name. What a set does not label is not scored. Subset accuracy: every labelled structure has the right name; \
strict: and there is no false structure; best names: by the most likely name, determined or not. Counts right: as many \
bodies and as many discs as are labelled. Outside the column: bodies and discs more than {COLUMN_MARGIN_MM:g} mm from \
everything labelled. Mid-sagittal: up to {MID_SAGITTAL_MM:g} mm from the column's own midline; lateral: beyond \
{LATERAL_MM:g} mm. Surface bias is positive where the prediction is too large. Scans that failed count as wrong, with \
Dice 0 where image and mask can be used, without Dice elsewhere, and have no surface. Values are mean ± standard \
deviation over scans. Seconds are the pipeline's, without reading. Definitions: docs/evaluation.md.
"""


class Report(Record):
    """The content of ``evaluation.json``."""

    version: str
    """Version of this software."""
    sets: tuple[SetSummary, ...]
    """One summary per set."""
    scans: tuple[ScanEvaluation, ...]
    """Every image with a mask."""
    skipped: tuple[str, ...]
    """Names of the images without a mask."""


def write_report(evaluation: Evaluation, folder: Path) -> list[Path]:
    """Write an evaluation as JSON and as Markdown.

    Args:
        evaluation: Scores of scans.
        folder: An existing folder; files of the same name are replaced.

    Returns:
        The files written.

    Raises:
        OutputError: If a file cannot be written.
    """
    sets = summarise_sets(evaluation)
    report = Report(version=product_version(), sets=sets, scans=evaluation.scans, skipped=evaluation.skipped)
    contents = {JSON_FILE: report.model_dump_json(indent=2) + "\n", MARKDOWN_FILE: markdown(report)}
    for name, content in contents.items():
        with atomic_path(folder / name) as temporary:
            temporary.write_text(content, encoding="utf-8")
    return [folder / name for name in contents]


def markdown(report: Report) -> str:
    """Render a report as Markdown.

    Args:
        report: The report.

    Returns:
        Tables of sets, outlines, structures and scans, then failures and skipped images; ends in a line feed.
    """
    outlines = [row for entry in report.sets for row in _outline_rows(entry)]
    structures = [_structure_row(entry.name, structure) for entry in report.sets for structure in entry.structures]
    failures = [f"- {scan.name}: {scan.error}" for scan in report.scans if scan.error is not None]
    sections = [
        f"# Evaluation of spine-segmentation {report.version}\n\n{NOTES}",
        "## Sets\n\n" + table(SET_COLUMNS, [_set_row(entry) for entry in report.sets]),
        "## Outlines\n\n" + table(OUTLINE_COLUMNS, outlines),
        "## Structures\n\n" + table(STRUCTURE_COLUMNS, structures),
        "## Scans\n\n" + table(SCAN_COLUMNS, [_scan_row(scan) for scan in report.scans]),
        "## Failures\n\n" + ("\n".join(failures) or "None.") + "\n",
        "## Images without a mask, not evaluated\n\n" + (", ".join(report.skipped) or "None.") + "\n",
    ]
    return "\n".join(sections)


def _set_row(entry: SetSummary) -> list[str]:
    return [
        entry.name,
        str(entry.scans),
        str(entry.failed),
        _mean(entry.vertebrae.dice),
        _mean(entry.discs.dice),
        _mean(entry.s1_dice),
        _share(entry.complete, entry.scans),
        _share(entry.complete_strict, entry.scans),
        _share(entry.complete_best_names, entry.scans),
        _found(entry.vertebrae),
        _found(entry.discs),
        _share(entry.counts_right, entry.scans),
        _share(entry.none_outside, entry.scans),
        _mean(entry.false_volume_mm3, 0),
        _mean(entry.seconds, 1),
    ]


def _outline_rows(entry: SetSummary) -> list[list[str]]:
    """One row per kind and band of slices in which anything is labelled."""
    kinds = {"bodies": entry.vertebrae, "discs": entry.discs}
    bands = [
        (noun, slices, summary)
        for noun, kind in kinds.items()
        for slices, summary in (("all", kind), ("mid-sagittal", kind.mid_sagittal), ("lateral", kind.lateral))
    ]
    return [[entry.name, noun, slices, *_outline(summary)] for noun, slices, summary in bands if summary.dice.n]


def _outline(summary: AgreementSummary) -> list[str]:
    distance, bias = _mean(summary.surface_distance_95_mm, 1), _mean(summary.surface_bias_mm, 2, signed=True)
    return [str(summary.dice.n), _mean(summary.dice), distance, bias]


def _structure_row(set_name: str, structure: StructureSummary) -> list[str]:
    names = structure.names
    counts = (names.correct, names.wrong, names.undetermined, names.missed, names.best_name_correct)
    return [set_name, structure.name, str(names.labelled), _mean(structure.dice), *map(str, counts)]


def _scan_row(scan: ScanEvaluation) -> list[str]:
    seconds = _NONE if scan.seconds is None else f"{scan.seconds:.1f}"
    if scan.score is None:
        unscored = [_NONE] * len(SCAN_COLUMNS)
        unscored[0], unscored[SCAN_COLUMNS.index("Named correctly")], unscored[-1] = scan.name, "not scored", seconds
        return unscored
    bodies, discs = scan.score.vertebrae, scan.score.discs
    return [
        scan.name,
        _dice(bodies),
        _dice(bodies and bodies.mid_sagittal),
        _dice(bodies and bodies.lateral),
        _surface(bodies),
        _dice(discs),
        _surface(discs),
        _s1_dice(scan.score),
        _found(bodies),
        _found(discs),
        f"{scan.score.false_volume_mm3:.0f}",
        *_names(scan.score),
        seconds,
    ]


def _names(score: ScanScore) -> list[str]:
    """What is named correctly, what is not, and what does not exist."""
    structures = score.structures
    wrong = [
        f"{s.name} ({s.predicted if s.outcome == 'wrong' else s.outcome})" for s in structures if s.outcome != "correct"
    ]
    correct = f"{len(structures) - len(wrong)} of {len(structures)}"
    return [correct, ", ".join(wrong) or _NONE, ", ".join(score.false_structures) or _NONE]


def _mean(statistic: Statistic, digits: int = 3, *, signed: bool = False) -> str:
    if statistic.mean is None:
        return _NONE
    mean = f"{statistic.mean:{'+' if signed else ''}.{digits}f}"
    return mean if statistic.sd is None else f"{mean} ± {statistic.sd:.{digits}f}"


def _share(count: int, total: int) -> str:
    return f"{100 * count / total:.1f} % ({count} of {total})"


def _found(kind: KindSummary | KindScore | None) -> str:
    return f"{kind.found} of {kind.labelled}" if kind and kind.labelled else _NONE


def _dice(score: Agreement | None) -> str:
    return _NONE if score is None else f"{score.dice:.3f}"


def _surface(score: Agreement | None) -> str:
    if score is None or score.surface is None:
        return _NONE
    return f"{score.surface.distance_95_mm:.1f} / {score.surface.bias_mm:+.2f}"


def _s1_dice(score: ScanScore) -> str:
    return next((f"{structure.dice:.3f}" for structure in score.structures if structure.name == "S1"), _NONE)
