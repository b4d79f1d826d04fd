"""The report of an evaluation, for programs (JSON) and for people (Markdown)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from spine_segmentation.evaluation.evaluate import Evaluation, ScanEvaluation
from spine_segmentation.evaluation.metrics import KindScore
from spine_segmentation.evaluation.summary import KindSummary, SetSummary, Statistic, StructureSummary, summarise_sets
from spine_segmentation.io.atomic import atomic_path
from spine_segmentation.io.product import product_version

JSON_FILE, MARKDOWN_FILE = "evaluation.json", "evaluation.md"

SET_COLUMNS = (
    "Set", "Scans", "Failed", "Body Dice", "Disc Dice", "Subset accuracy", "Strict", "Best names",
    "Bodies found", "Discs found", "Surface distance 95 %, mm", "Surface bias, mm", "Seconds",
)  # fmt: skip
STRUCTURE_COLUMNS = ("Set", "Structure", "n", "Dice", "Correct", "Wrong", "Undetermined", "Missed", "Best name correct")
SCAN_COLUMNS = (
    "Scan",
    "Body Dice",
    "Disc Dice",
    "Named correctly",
    "Not named correctly",
    "False structures",
    "Seconds",
)

_NONE = "-"

NOTES = """\
Dice is that of all labelled vertebral bodies (discs) taken together; per structure it is that of the structure of the \
same name. What a set does not label is not scored. Subset accuracy: every labelled structure has the right name; \
strict: and there is no false structure; best names: by the most likely name, determined or not. Scans that failed \
count as wrong, with Dice 0 where the mask can be read, and have no surface. Values are mean ± standard deviation over \
scans. Seconds are the pipeline's, without reading.
"""


class Report(BaseModel):
    """The content of ``evaluation.json``."""

    model_config = ConfigDict(frozen=True)

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
    """Render a report as Markdown: a table of sets, of structures and of scans, then failures and skipped images.

    Args:
        report: The report.

    Returns:
        The text, ending in a line feed.
    """
    structures = [_structure_row(entry.name, structure) for entry in report.sets for structure in entry.structures]
    failures = [f"- {scan.name}: {scan.error}" for scan in report.scans if scan.error is not None]
    sections = [
        f"# Evaluation of spine-segmentation {report.version}\n\n{NOTES}",
        "## Sets\n\n" + _table(SET_COLUMNS, [_set_row(entry) for entry in report.sets]),
        "## Structures\n\n" + _table(STRUCTURE_COLUMNS, structures),
        "## Scans\n\n" + _table(SCAN_COLUMNS, [_scan_row(scan) for scan in report.scans]),
        "## Failures\n\n" + ("\n".join(failures) or "None.") + "\n",
        "## Images without a mask, not evaluated\n\n" + (", ".join(report.skipped) or "None.") + "\n",
    ]
    return "\n".join(sections)


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def _set_row(entry: SetSummary) -> list[str]:
    return [
        entry.name,
        str(entry.scans),
        str(entry.failed),
        _mean(entry.vertebrae.dice),
        _mean(entry.discs.dice),
        _share(entry.complete, entry.scans),
        _share(entry.complete_strict, entry.scans),
        _share(entry.complete_best_names, entry.scans),
        _found(entry.vertebrae),
        _found(entry.discs),
        _mean(entry.surface_distance_95_mm, 1),
        _mean(entry.surface_bias_mm, 2, signed=True),
        _mean(entry.seconds, 1),
    ]


def _structure_row(set_name: str, structure: StructureSummary) -> list[str]:
    names = structure.names
    counts = (names.correct, names.wrong, names.undetermined, names.missed, names.best_name_correct)
    return [set_name, structure.name, str(names.labelled), _mean(structure.dice), *map(str, counts)]


def _scan_row(scan: ScanEvaluation) -> list[str]:
    seconds = _NONE if scan.seconds is None else f"{scan.seconds:.1f}"
    if scan.score is None:
        return [scan.name, _NONE, _NONE, "not scored", _NONE, _NONE, seconds]
    structures = scan.score.structures
    wrong = [
        f"{s.name} ({s.predicted if s.outcome == 'wrong' else s.outcome})" for s in structures if s.outcome != "correct"
    ]
    return [
        scan.name,
        _dice(scan.score.vertebrae),
        _dice(scan.score.discs),
        f"{len(structures) - len(wrong)} of {len(structures)}",
        ", ".join(wrong) or _NONE,
        ", ".join(scan.score.false_structures) or _NONE,
        seconds,
    ]


def _mean(statistic: Statistic, digits: int = 3, *, signed: bool = False) -> str:
    if statistic.mean is None:
        return _NONE
    mean = f"{statistic.mean:{'+' if signed else ''}.{digits}f}"
    return mean if statistic.sd is None else f"{mean} ± {statistic.sd:.{digits}f}"


def _share(count: int, total: int) -> str:
    return f"{100 * count / total:.1f} % ({count} of {total})"


def _found(summary: KindSummary) -> str:
    return f"{summary.found} of {summary.labelled}" if summary.labelled else _NONE


def _dice(score: KindScore | None) -> str:
    return _NONE if score is None else f"{score.dice:.3f}"
