"""The files of the labeling benchmark."""

from __future__ import annotations

import logging
from pathlib import Path

from spine_segmentation.evaluation.label_plots import write_plots
from spine_segmentation.evaluation.label_report import LabelReport
from spine_segmentation.evaluation.label_tables import markdown
from spine_segmentation.evaluation.observation import Observations, write_observations
from spine_segmentation.io.atomic import atomic_path

logger = logging.getLogger(__name__)

JSON_FILE, MARKDOWN_FILE, EVIDENCE_FILE = "labels.json", "labels.md", "evidence.json"


def write_label_benchmark(observations: Observations, folder: Path) -> list[Path]:
    """Name and score the windows of a folder and write everything about them.

    Args:
        observations: The windows.
        folder: An existing folder; files of the same name are replaced.

    Returns:
        The files written: evidence, JSON, Markdown and, with matplotlib and at least one window, the figures.

    Raises:
        OutputError: If a file cannot be written.
    """
    write_observations(observations, folder / EVIDENCE_FILE)
    report = LabelReport.of(observations)
    contents = {JSON_FILE: report.model_dump_json(indent=1) + "\n", MARKDOWN_FILE: markdown(report)}
    for name, content in contents.items():
        with atomic_path(folder / name) as temporary:
            temporary.write_text(content, encoding="utf-8")
    return [folder / name for name in (EVIDENCE_FILE, *contents)] + _plots(report, folder)


def _plots(report: LabelReport, folder: Path) -> list[Path]:
    if not report.windows:
        return []
    try:
        return write_plots(report, folder)
    except ModuleNotFoundError as error:
        logger.warning("no figures: %s; install spine-segmentation[plots]", error)
        return []
