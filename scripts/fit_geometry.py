"""Fit the geometry table of the labeler on the VID key points, and report what geometry alone can tell.

    python scripts/fit_geometry.py ../shared/data/vid/keypoints.csv

Two thirds of the people give the table (``spine_segmentation/geometry_table.json``); the last third shows, by number
of visible vertebrae, how often the placement of the window in the column is right. L5-S1 is not part of the key
points: its row is a working figure, see ``LUMBOSACRAL``.
"""

from __future__ import annotations

import csv
import json
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.optimize import curve_fit

from spine_segmentation.anatomy import LEVELS
from spine_segmentation.geometry import PAIRS, TABLE, GeometryTable, measure, placement_scores

Floats = npt.NDArray[np.float64]

SOURCE = "VID key points (ImFusion, CC BY-SA 4.0), CT of 2,116 people; two thirds of them"
LUMBOSACRAL = {"log_spacing": (3.56, 0.11), "tilt": (0.56, 0.17), "people": 0}
"""L5-S1: spacing a little below that of L4-L5, tilt by the mean lumbosacral angle of about 25 degrees more."""
VISIBLE = (3, 4, 5, 6, 8, 10, 15)


def read_people(path: Path) -> list[dict[str, Floats]]:
    """Body centres by level, LPS, mm, of every person, in an order that does not depend on the file's."""
    people: dict[str, dict[str, Floats]] = {}
    with path.open() as lines:
        for row in csv.DictReader(lines):
            if row["keypoint"] == "body":
                centre = np.array([float(row[axis]) for axis in ("x_mm", "y_mm", "z_mm")])
                people.setdefault(row["subject"], {})[row["level"]] = centre
    order = np.random.default_rng(0).permutation(sorted(people))
    return [people[subject] for subject in order]


def measure_pairs(person: dict[str, Floats]) -> Floats:
    """Log spacing and tilt of every pair of neighbours, NaN where one is not seen; (pairs, 2)."""
    features = np.full((len(PAIRS), 2), np.nan)
    for k, (upper, lower) in enumerate(PAIRS):
        if upper in person and lower in person:
            features[k] = measure(person[lower] - person[upper])
    return features


def fit(features: Floats) -> dict[str, object]:
    """Medians and robust deviations by pair, and how the deviations of two pairs correlate with their distance."""
    centre = np.nanmedian(features, axis=0)
    deviation = 1.4826 * np.nanmedian(abs(features - centre), axis=0)
    standard = np.clip((features - centre) / deviation, -3.5, 3.5)
    rows = {
        f"{upper}-{lower}": {
            "log_spacing": (round(centre[k, 0], 4), round(deviation[k, 0], 4)),
            "tilt": (round(centre[k, 1], 4), round(deviation[k, 1], 4)),
            "people": int(np.isfinite(features[:, k, 0]).sum()),
        }
        for k, (upper, lower) in enumerate(PAIRS)
        if (upper, lower) != ("L5", "S1")
    }
    correlation = {name: fit_correlation(standard[..., f]) for f, name in enumerate(("log_spacing", "tilt"))}
    return {"source": SOURCE, "pairs": {**rows, "L5-S1": LUMBOSACRAL}, "correlation": correlation}


def fit_correlation(standard: Floats) -> dict[str, float]:
    """Constant, amplitude and length (in pairs) of ``geometry.correlate``."""
    lags = np.arange(1, 9)
    observed = [np.nanmean(standard[:, :-lag] * standard[:, lag:]) / np.nanmean(standard**2) for lag in lags]

    def model(lag: Floats, constant: float, amplitude: float, length: float) -> Floats:
        reach = np.sqrt(3) * lag / length
        return constant + amplitude * (1 + reach) * np.exp(-reach)

    values, _ = curve_fit(model, lags, observed, p0=(0.2, 0.5, 3.0), bounds=(0, [0.95, 1, 10]))
    return dict(zip(("constant", "amplitude", "length"), (round(float(v), 3) for v in values), strict=True))


def report(people: list[dict[str, Floats]], table: GeometryTable) -> None:
    """Print how often the window is placed right, and by one off, with at least so many vertebrae visible."""
    print("visible windows exact within_one nll determined(p>0.9) right_among_them")
    for visible in VISIBLE:
        outcomes = []
        for person in people:
            names = [level for level in LEVELS if level not in ("T13", "L6")]
            for start in range(len(names) - visible + 1):
                window = names[start : start + visible]
                if all(level in person for level in window):
                    centres = np.array([person[level] for level in window])
                    scores = placement_scores(np.array([measure(b - a) for a, b in pairwise(centres)]), table)
                    posterior = np.exp(scores - np.logaddexp.reduce(scores))
                    outcomes.append((int(posterior.argmax()) - start, posterior[start], posterior.max()))
        offset, truth, best = np.array(outcomes).T
        sure = best > 0.9
        right = np.mean(offset[sure] == 0) if sure.any() else np.nan
        print(
            f"{visible:7d} {len(offset):7d} {np.mean(offset == 0):.3f} {np.mean(abs(offset) <= 1):.3f} "
            f"{-np.log(truth).mean():.3f} {sure.mean():.3f} {right:.3f}"
        )


def main(path: Path) -> None:
    """Fit, write and report."""
    people = read_people(path)
    third = len(people) // 3
    fitted = fit(np.stack([measure_pairs(person) for person in people[third:]]))
    TABLE.write_text(json.dumps(fitted, indent=1) + "\n")
    report(people[:third], GeometryTable.read())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
