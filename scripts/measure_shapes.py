"""Measures the shapes of real spines for the synthetic one: positions in CT, sizes in MRI, into one small table.

python scripts/measure_shapes.py VID/keypoints.csv SPIDER spine_segmentation/synth/shape_statistics.json
"""

from __future__ import annotations

import argparse
import csv
import json
import re
from itertools import pairwise
from pathlib import Path

import numpy as np
from measure_sizes import measure_sizes

from spine_segmentation.anatomy import VERSE_NUMBERS
from spine_segmentation.arrays import Floats
from spine_segmentation.io.atomic import atomic_path

LEVELS = tuple(name for name in VERSE_NUMBERS if name[0] in "CTL" and name not in ("C1", "T13"))
"""C2 to L6, top to bottom: axis 1 of all positions."""

SEGMENTS = tuple(f"{upper}-{lower}" for upper, lower in pairwise(LEVELS))
"""From each body's centre to the next one's: axis 1 of all spacings and angles."""

OUTLIER = 3.5
"""Values further from the median, in robust standard deviations, are annotation errors or fractures."""

FEWEST_PEOPLE = 30
"""A correlation seen in fewer people is replaced by the product of those between the levels on the way."""

FEWEST_SEGMENTS = 5
"""A person's size is the median over at least so many segments."""

SOURCES = [
    {
        "name": "VID",
        "of": "spacing, angles, rotation, transverse distance",
        "holder": "ImFusion",
        "licence": "CC BY-SA 4.0",
    },
    {
        "name": "SPIDER (van der Graaf et al., Scientific Data 2024)",
        "of": "body and disc sizes",
        "licence": "CC BY 4.0",
    },
]


def read_keypoints(path: Path) -> tuple[Floats, Floats]:
    """Read VID's keypoints; those of the left and right side carry no level and are paired with bodies by their order.

    Args:
        path: ``keypoints.csv``: subject, level, keypoint, x_mm, y_mm, z_mm; LPS.

    Returns:
        Positions of the bodies and vectors from the right to the left keypoint, (people, levels, 3), NaN if absent.
    """
    people: dict[str, dict[str, list[tuple[str, Floats]]]] = {}
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            point = np.array([float(row[axis]) for axis in ("x_mm", "y_mm", "z_mm")])
            people.setdefault(row["subject"], {}).setdefault(row["keypoint"], []).append((row["level"], point))
    shape = (len(people), len(LEVELS), 3)
    bodies, across = np.full(shape, np.nan), np.full(shape, np.nan)
    for person, points in enumerate(people.values()):
        body, left, right = (sorted(points[side], key=lambda p: -p[1][2]) for side in ("body", "left", "right"))
        paired = len(body) == len(left) == len(right)
        for k, (level, position) in enumerate(body):
            if level in LEVELS:
                bodies[person, LEVELS.index(level)] = position
                if paired:
                    across[person, LEVELS.index(level)] = left[k][1] - right[k][1]
    return bodies, across


def measure_courses(bodies: Floats) -> dict[str, object]:
    """Describe how bodies follow one another.

    Args:
        bodies: Positions of the bodies' centres, LPS, mm, (people, levels, 3), NaN where absent.

    Returns:
        Size of the persons, spacing relative to it, sagittal and coronal angles, and what is derived from them.
    """
    step = np.diff(bodies, axis=1)
    sagittal = np.degrees(np.arctan2(step[..., 1], -step[..., 2]))
    coronal = np.degrees(np.arctan2(step[..., 0], -step[..., 2]))
    spacing = without_outliers(np.linalg.norm(step, axis=-1))
    mean = np.nanmean(spacing, axis=0)
    relative = np.log(spacing / mean)
    size = np.nanmedian(relative, axis=1)
    size[np.isfinite(relative).sum(axis=1) < FEWEST_SEGMENTS] = np.nan
    own = without_outliers(relative - size[:, None])
    return {
        "person_size": {"people": int(np.isfinite(size).sum()), "sd": round(float(np.nanstd(size)), 4)},
        "spacing_mm": _describe(spacing),
        "relative_spacing": _describe_jointly(own - np.nanmean(own, axis=0), digits=4),
        "sagittal_degrees": _describe_jointly(without_outliers(sagittal), digits=1),
        "coronal_degrees": _describe_jointly(without_outliers(coronal), digits=1),
        "curvatures_degrees": _curvatures(without_outliers(sagittal)),
        "scoliosis_degrees": _scoliosis(coronal),
        "lateral_deviation_mm": _percentiles(np.nanmax(np.abs(lateral_deviation(bodies)), axis=1)),
    }


def without_outliers(values: Floats) -> Floats:
    """Set values far from their column's median to NaN.

    Args:
        values: Shape (people, n), in any unit; NaN where absent.

    Returns:
        The same shape.
    """
    centre = np.nanmedian(values, axis=0)
    spread = 1.4826 * np.nanmedian(np.abs(values - centre), axis=0)
    return np.where(np.abs(values - centre) <= OUTLIER * spread, values, np.nan)


def lateral_deviation(bodies: Floats) -> Floats:
    """Measure how far the bodies T9 to L5 lie to the left of the straight line through them.

    Args:
        bodies: As for :func:`measure_courses`; persons with less than six of these levels are left out.

    Returns:
        Deviation, mm, shape (people, 9), NaN where absent.
    """
    part = bodies[:, LEVELS.index("T9") : LEVELS.index("L5") + 1]
    deviation = np.full(part.shape[:2], np.nan)
    for person, points in enumerate(part):
        seen = np.isfinite(points[:, 0])
        if seen.sum() >= 6:
            x, height = points[seen, 0], points[seen, 2]
            deviation[person, seen] = x - np.polyval(np.polyfit(height, x, 1), height)
    return deviation[np.isfinite(deviation).any(axis=1)]


def measure_rotation(bodies: Floats, across: Floats) -> float:
    """Measure how axial rotation and lateral deviation of the bodies go together.

    Args:
        bodies: As for :func:`measure_courses`.
        across: Vectors from the right to the left keypoint of the levels, mm, shape (people, levels, 3), NaN where
            absent.

    Returns:
        Axial rotation toward the left per lateral deviation to the left, degrees per mm.
    """
    first, last = LEVELS.index("T9"), LEVELS.index("L5") + 1
    rotation = np.degrees(np.arctan2(across[:, first:last, 1], across[:, first:last, 0]))
    rotation -= np.nanmedian(rotation, axis=0)
    seen = np.isfinite(bodies[:, first:last, 0]).sum(axis=1) >= 6
    deviation, rotation = lateral_deviation(bodies), rotation[seen]
    rotation = without_outliers(rotation - np.nanmedian(rotation, axis=1, keepdims=True))
    both = np.isfinite(deviation) & np.isfinite(rotation)
    return float(np.polyfit(deviation[both], rotation[both], 1)[0])


def _describe(values: Floats, digits: int = 2) -> dict[str, object]:
    """Number of people, mean and standard deviation of columns; (people, n)."""
    return {
        "people": np.isfinite(values).sum(axis=0).tolist(),
        "mean": _rounded(np.nanmean(values, axis=0), digits),
        "sd": _rounded(np.nanstd(values, axis=0), digits),
    }


def _describe_jointly(values: Floats, digits: int) -> dict[str, object]:
    """As :func:`_describe`, with the correlation of the columns."""
    return {**_describe(values, digits), "correlation": _rounded(correlation(values), 2)}


def correlation(values: Floats) -> Floats:
    """Correlate columns of which each person has only some; the result is a valid correlation matrix.

    Args:
        values: Shape (people, n), NaN where absent.

    Returns:
        Shape (n, n), positive definite.
    """
    n = values.shape[1]
    matrix = np.eye(n)
    for lag in range(1, n):
        for k in range(n - lag):
            both = np.isfinite(values[:, k]) & np.isfinite(values[:, k + lag])
            known = lag == 1 or both.sum() >= FEWEST_PEOPLE
            measured = np.corrcoef(values[both][:, [k, k + lag]].T)[0, 1] if known else np.nan
            matrix[k, k + lag] = matrix[k + lag, k] = measured if known else matrix[k, k + 1] * matrix[k + 1, k + lag]
    strength, direction = np.linalg.eigh(matrix)
    matrix = (direction * np.maximum(strength, 0.02)) @ direction.T
    scale = np.sqrt(np.diag(matrix))
    return matrix / np.outer(scale, scale)


def _curvatures(sagittal: Floats) -> dict[str, object]:
    """Angles between two segments: cervical lordosis, thoracic kyphosis (negative), lumbar lordosis."""
    pairs = {
        "cervical_lordosis": ("C2-C3", "C7-T1"),
        "thoracic_kyphosis": ("T3-T4", "T11-T12"),
        "lumbar_lordosis": ("L1-L2", "L4-L5"),
    }
    table = {}
    for name, (upper, lower) in pairs.items():
        angle = sagittal[:, SEGMENTS.index(lower)] - sagittal[:, SEGMENTS.index(upper)]
        angle = angle[np.isfinite(angle)]
        table[name] = {"between": [upper, lower], "people": len(angle), **_mean_and_sd(angle)}
    return table


def _mean_and_sd(values: Floats) -> dict[str, float]:
    return {"mean": round(float(values.mean()), 1), "sd": round(float(values.std()), 1)}


def _scoliosis(coronal: Floats) -> dict[str, object]:
    """Largest difference of coronal angles, each the mean over three segments, between T8 and L5."""
    part = coronal[:, SEGMENTS.index("T8-T9") : SEGMENTS.index("L4-L5") + 1]
    smooth = (part[:, :-2] + part[:, 1:-1] + part[:, 2:]) / 3
    smooth = smooth[np.isfinite(smooth).sum(axis=1) >= 4]
    return _percentiles(np.nanmax(smooth, axis=1) - np.nanmin(smooth, axis=1))


def _percentiles(values: Floats) -> dict[str, object]:
    shares = [25, 50, 75, 90, 95]
    return {"people": len(values), "percent": shares, "values": _rounded(np.percentile(values, shares), 1)}


def _rounded(values: Floats, digits: int) -> list[object]:
    rounded: list[object] = (np.round(values, digits) + 0.0).tolist()  # no negative zeros
    return rounded


def write_table(table: dict[str, object], path: Path) -> None:
    """Write a table as JSON with one line per list of numbers.

    Args:
        table: Anything that JSON can hold.
        path: Replaced when it is complete.
    """
    text = re.sub(r"\[[^\[\]{}]*\]", lambda match: " ".join(match.group().split()), json.dumps(table, indent=1))
    with atomic_path(path) as temporary:
        temporary.write_text(text + "\n")


def main() -> None:
    """Measure everything and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("keypoints", type=Path, help="keypoints.csv of VID")
    parser.add_argument("scans", type=Path, help="folder of the annotated SPIDER scans")
    parser.add_argument("target", type=Path, help="table to write")
    arguments = parser.parse_args()
    bodies, across = read_keypoints(arguments.keypoints)
    distance = without_outliers(np.linalg.norm(across, axis=-1))
    table = {
        "sources": SOURCES,
        "levels": LEVELS,
        "segments": SEGMENTS,
        **measure_courses(bodies),
        "rotation_degrees_per_mm": round(measure_rotation(bodies, across), 2),
        "transverse_mm": _describe(distance),
        **measure_sizes(sorted(arguments.scans.glob("*_seg.nii.gz"))),
    }
    write_table(table, arguments.target)


if __name__ == "__main__":
    main()
