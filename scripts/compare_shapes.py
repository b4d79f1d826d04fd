"""Compares generated with measured spines: prints the largest deviation and draws docs/shape-statistics.png.

python scripts/compare_shapes.py docs/shape-statistics.png       (needs matplotlib)
"""

from __future__ import annotations

import argparse
import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from measure_shapes import LEVELS, measure_courses

from spine_segmentation.arrays import Floats
from spine_segmentation.synth.column import NAMES, draw_column
from spine_segmentation.synth.curve import draw_curve

PERSONS = 3000
DOTS_PER_INCH = 75
MEASURED, GENERATED = "tab:blue", "tab:orange"


def generate_bodies(count: int) -> Floats:
    """Place the bodies of persons of the seeds 0, 1, 2, ...

    Args:
        count: How many persons.

    Returns:
        Positions as :func:`measure_shapes.measure_courses` takes them, LPS, mm, (persons, levels, 3).
    """
    bodies = np.full((count, len(LEVELS), 3), np.nan)
    for seed in range(count):
        column_rng, curve_rng = np.random.default_rng(seed).spawn(2)
        column = draw_column(column_rng)
        places = draw_curve(curve_rng, column).place(column.centre) * (1, 1, -1)
        for number, place in zip(column.levels, places, strict=True):
            if NAMES[int(number)] in LEVELS:
                bodies[seed, LEVELS.index(NAMES[int(number)])] = place
    return bodies


def largest_deviations(measured: dict[str, Any], generated: dict[str, Any]) -> dict[str, tuple[str, float, float]]:
    """Where the means differ most.

    Args:
        measured: Statistics of real spines, as :func:`measure_shapes.measure_courses` gives them, with ``segments``.
        generated: The same of generated ones.

    Returns:
        By quantity: the segment, and measured and generated mean. C2-C3 is left out of the spacing, whose upper end is
        the centre of body and dens in the measured data and that of the body alone in the generated ones; L5-L6 stands
        for L5-S1 as well, and is left out everywhere.
    """
    found = {}
    for quantity, first in (("spacing_mm", 1), ("sagittal_degrees", 0), ("coronal_degrees", 0)):
        real, ours = (np.array(table[quantity]["mean"])[first:-1] for table in (measured, generated))
        worst = int(np.argmax(np.abs(ours - real)))
        found[quantity] = (measured["segments"][worst + first], float(real[worst]), float(ours[worst]))
    return found


def draw(measured: dict[str, Any], generated: dict[str, Any], path: Path) -> None:
    """Draw both sets of statistics side by side.

    Args:
        measured: Statistics of real spines, as :func:`measure_shapes.measure_courses` gives them, with ``segments``.
        generated: The same of generated ones.
        path: Picture file; its folder is made if it does not exist.
    """
    matplotlib.use("Agg")
    figure = Figure(figsize=(12, 7), layout="constrained")
    axes = figure.subplots(2, 3)
    for axis, quantity, label in (
        (axes[0, 0], "spacing_mm", "spacing of body centres, mm"),
        (axes[0, 1], "sagittal_degrees", "sagittal angle, degrees (backwards)"),
        (axes[0, 2], "coronal_degrees", "coronal angle, degrees (to the left)"),
    ):
        _draw_bands(axis, measured, generated, quantity, label)
    for axis, quantity, label in (
        (axes[1, 0], "relative_spacing", "correlation of neighbouring spacings"),
        (axes[1, 1], "sagittal_degrees", "correlation of neighbouring sagittal angles"),
    ):
        _draw_correlations(axis, measured, generated, quantity, label)
    _draw_scoliosis(axes[1, 2], measured, generated)
    axes[0, 0].legend()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=DOTS_PER_INCH)


def _draw_bands(axis: Axes, measured: dict[str, Any], generated: dict[str, Any], quantity: str, label: str) -> None:
    """Means with bands of one standard deviation."""
    for table, color, name in ((measured, MEASURED, "measured"), (generated, GENERATED, "generated")):
        mean, sd = np.array(table[quantity]["mean"]), np.array(table[quantity]["sd"])
        axis.plot(mean, color=color, label=name)
        axis.fill_between(range(len(mean)), mean - sd, mean + sd, color=color, alpha=0.25)
    _name_segments(axis, measured, label)


def _draw_correlations(
    axis: Axes, measured: dict[str, Any], generated: dict[str, Any], quantity: str, label: str
) -> None:
    for table, color in ((measured, MEASURED), (generated, GENERATED)):
        axis.plot(np.diag(np.array(table[quantity]["correlation"]), 1), "o-", color=color, markersize=3)
    axis.set_ylim(-0.3, 1)
    _name_segments(axis, measured, label)


def _draw_scoliosis(axis: Axes, measured: dict[str, Any], generated: dict[str, Any]) -> None:
    for table, color in ((measured, MEASURED), (generated, GENERATED)):
        axis.plot(table["scoliosis_degrees"]["percent"], table["scoliosis_degrees"]["values"], "o-", color=color)
        axis.plot(table["lateral_deviation_mm"]["percent"], table["lateral_deviation_mm"]["values"], "s--", color=color)
    axis.set_title("coronal curve, degrees; deviation (dashed), mm", fontsize=9)
    axis.set_xlabel("percentile of people")


def _name_segments(axis: Axes, table: dict[str, Any], label: str) -> None:
    places = range(0, len(table["segments"]), 2)
    axis.set_xticks(list(places), [table["segments"][k] for k in places], rotation=90, fontsize=7)
    axis.set_title(label, fontsize=9)


def main() -> None:
    """Measure generated persons as the real ones were, print the largest deviations, draw the figure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("figure", type=Path, help="picture to write")
    arguments = parser.parse_args()
    measured = json.loads(files("spine_segmentation.synth").joinpath("shape_statistics.json").read_text())
    generated = measure_courses(generate_bodies(PERSONS))
    for quantity, (segment, real, ours) in largest_deviations(measured, generated).items():
        print(f"{quantity}: largest deviation of a mean at {segment}: measured {real:.1f}, generated {ours:.1f}")
    draw(measured, generated, arguments.figure)


if __name__ == "__main__":
    main()
