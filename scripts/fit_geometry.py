"""Fit the geometry table of the labeler on real people, and report what geometry alone can tell.

    python scripts/fit_geometry.py VID/keypoints.csv SPIDER

Two thirds of the people of VID give spacing and tilt of the bodies
(``spine_segmentation/labeling/geometry_table.json``); the last third shows, by number of visible vertebrae, how often
the placement of the window in the column is right. L5-S1 is not part of these key points: the row of its bodies is a
working figure, see ``LUMBOSACRAL``. The discs of the SPIDER patients that the labeling network is trained on give the
tilt of L5-S1, and how much more any disc is tilted than the line between the bodies beside it.
"""

from __future__ import annotations

import argparse
import csv
import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import yaml
from scipy.optimize import curve_fit

from spine_segmentation.anatomy import LEVELS
from spine_segmentation.arrays import Floats
from spine_segmentation.evaluation.label_mapping import load_mapping, mapping_of
from spine_segmentation.evaluation.pairs import annotated_pairs, scan_name
from spine_segmentation.evaluation.true_instances import labelled_structures, true_instances
from spine_segmentation.evaluation.truth import read_truth
from spine_segmentation.io.nifti import read_nifti
from spine_segmentation.labeling.disc_tilt import with_tilts
from spine_segmentation.labeling.geometry import PAIRS, TABLE, WEIGHT, GeometryTable, measure, placement_scores

SOURCE = (
    "VID key points (ImFusion, CC BY-SA 4.0), CT of 2,116 people; two thirds of them. "
    "Tilt of discs: SPIDER (van der Graaf et al. 2024, CC BY 4.0), MRI of {} people"
)
TRAINING = Path(__file__).parents[1] / "bundle/labeling/configs/train.yaml"
"""Says which SPIDER patients are kept out."""
LUMBOSACRAL = {"log_spacing": (3.56, 0.11), "tilt": (0.56, 0.17), "people": 0}
"""L5-S1: spacing a little below that of L4-L5, tilt by the mean lumbosacral angle of about 25 degrees more."""
LEAST_PATIENTS = 5
"""Discs that fewer patients show are taken to be tilted as the bodies beside them."""
VISIBLE = (3, 4, 5, 6, 8, 10, 15)


def read_people(path: Path) -> list[dict[str, Floats]]:
    """Read where the bodies of every person lie, in an order that does not depend on the file's.

    Args:
        path: ``keypoints.csv`` of VID: subject, level, keypoint, x_mm, y_mm, z_mm; LPS.

    Returns:
        By person and level: position of the body's centre, LPS, mm, shape (3,).
    """
    people: dict[str, dict[str, Floats]] = {}
    with path.open() as lines:
        for row in csv.DictReader(lines):
            if row["keypoint"] == "body":
                centre = np.array([float(row[axis]) for axis in ("x_mm", "y_mm", "z_mm")])
                people.setdefault(row["subject"], {})[row["level"]] = centre
    order = np.random.default_rng(0).permutation(sorted(people))
    return [people[subject] for subject in order]


def measure_pairs(person: dict[str, Floats]) -> Floats:
    """Measure how neighbouring bodies of a person follow one another.

    Args:
        person: Body centres by level, LPS, mm, shape (3,).

    Returns:
        Log spacing and tilt of each of ``PAIRS``, radians, shape (pairs, 2); NaN where one is not seen.
    """
    features = np.full((len(PAIRS), 2), np.nan)
    for k, (upper, lower) in enumerate(PAIRS):
        if upper in person and lower in person:
            features[k] = measure(person[lower] - person[upper])
    return features


def read_discs(folder: Path) -> Floats:
    """Read how the discs of every patient are tilted, and the lines between the bodies beside them.

    Args:
        folder: SPIDER; scans that the labeling network is not trained on are left out.

    Returns:
        Tilt of the disc and of the line between the bodies, radians, shape (people, pairs, 2); NaN where not seen.

    Raises:
        UnreadableFile: If a file cannot be read, or there is no scan.
        InvalidVolume: If a mask has values that are not mapped, or shows no structure large enough to be scored.
        InconsistentGeometry: If a mask has no orientation or thick slices that are not sagittal.
    """
    kept_out = yaml.safe_load(TRAINING.read_text())["held_out_scans"]
    mapping = load_mapping(mapping_of(folder))
    masks = [mask for image, mask in annotated_pairs(folder) if scan_name(image) not in kept_out]
    tilts = np.full((len(masks), len(PAIRS), 2), np.nan)
    for person, mask in enumerate(masks):
        truth = read_truth(read_nifti(mask), mapping).canonical()[0]
        names = [structure.name for structure in labelled_structures(truth)]
        items = dict(zip(names, with_tilts(true_instances(truth)).items, strict=True))
        whole = {name: item.centroid for name, item in items.items() if item.fully_visible}
        for k, (upper, lower) in enumerate(PAIRS):
            if (disc := items.get(f"{upper}-{lower}")) is not None and disc.tilt is not None:
                tilts[person, k, 0] = disc.tilt
            if upper in whole and lower in whole:
                tilts[person, k, 1] = measure(np.subtract(whole[lower], whole[upper]))[1]
    return tilts


def fit(features: Floats, discs: Floats) -> dict[str, object]:
    """Fit medians and robust deviations by pair, and how the deviations of two pairs correlate with their distance.

    Discs vary as the bodies beside them do, of whom there are far more.

    Args:
        features: Log spacing and tilt (radians) of the bodies, shape (people, pairs, 2); NaN where not seen.
        discs: From :func:`read_discs`.

    Returns:
        Source, rows by pair and coefficients of the correlation, as in the geometry table.
    """
    differences = discs[..., 0] - discs[..., 1]
    seen = np.isfinite(differences).sum(axis=0) >= LEAST_PATIENTS
    steeper = np.where(seen, np.nanmedian(differences[:, seen]), 0.0)
    lumbosacral = discs[:, PAIRS.index(("L5", "S1")), 0]
    centre = np.nanmedian(features, axis=0)
    deviation = 1.4826 * np.nanmedian(abs(features - centre), axis=0)
    standard = np.clip((features - centre) / deviation, -3.5, 3.5)
    rows = {
        f"{upper}-{lower}": {
            "log_spacing": (round(centre[k, 0], 4), round(deviation[k, 0], 4)),
            "tilt": (round(centre[k, 1], 4), round(deviation[k, 1], 4)),
            "disc_tilt": (round(centre[k, 1] + steeper[k], 4), round(deviation[k, 1], 4)),
            "people": int(np.isfinite(features[:, k, 0]).sum()),
        }
        for k, (upper, lower) in enumerate(PAIRS)
        if (upper, lower) != ("L5", "S1")
    }
    correlation = {name: fit_correlation(standard[..., f]) for f, name in enumerate(("log_spacing", "tilt"))}
    correlation["disc_tilt"] = correlation["tilt"]
    rows["L5-S1"] = LUMBOSACRAL | {
        "disc_tilt": (round(float(np.nanmean(lumbosacral)), 4), round(float(np.nanstd(lumbosacral)), 4))
    }
    return {"source": SOURCE.format(len(discs)), "pairs": rows, "correlation": correlation}


def fit_correlation(standard: Floats) -> dict[str, float]:
    """Fit how the correlation of two pairs falls with their distance.

    Args:
        standard: Standardised deviations, shape (people, pairs); NaN where not seen.

    Returns:
        Constant, amplitude and length (in pairs) of ``geometry.correlate``.
    """
    lags = np.arange(1, 9)
    observed = [np.nanmean(standard[:, :-lag] * standard[:, lag:]) / np.nanmean(standard**2) for lag in lags]

    def model(lag: Floats, constant: float, amplitude: float, length: float) -> Floats:
        reach = np.sqrt(3) * lag / length
        return constant + amplitude * (1 + reach) * np.exp(-reach)

    values, _ = curve_fit(model, lags, observed, p0=(0.2, 0.5, 3.0), bounds=(0, [0.95, 1, 10]))
    return dict(zip(("constant", "amplitude", "length"), (round(float(v), 3) for v in values), strict=True))


def report(people: list[dict[str, Floats]], table: GeometryTable) -> None:
    """Print how often windows are placed right or by one off, by the number of visible vertebrae.

    Args:
        people: Persons not fitted on: body centres by level, LPS, mm, shape (3,).
        table: Says how pairs follow one another.
    """
    print("visible windows exact within_one nll determined(p>0.9) right_among_them")
    for visible in VISIBLE:
        outcomes = []
        for person in people:
            names = [level for level in LEVELS if level not in ("T13", "L6")]
            for start in range(len(names) - visible + 1):
                window = names[start : start + visible]
                if all(level in person for level in window):
                    centres = np.array([person[level] for level in window])
                    bodies = np.array([measure(b - a) for a, b in pairwise(centres)])
                    scores = WEIGHT * placement_scores(np.pad(bodies, ((0, 0), (0, 1)), constant_values=np.nan), table)
                    posterior = np.exp(scores - np.logaddexp.reduce(scores))
                    outcomes.append((int(posterior.argmax()) - start, posterior[start], posterior.max()))
        offset, truth, best = np.array(outcomes).T
        sure = best > 0.9
        right = np.mean(offset[sure] == 0) if sure.any() else np.nan
        print(
            f"{visible:7d} {len(offset):7d} {np.mean(offset == 0):.3f} {np.mean(abs(offset) <= 1):.3f} "
            f"{-np.log(truth).mean():.3f} {sure.mean():.3f} {right:.3f}"
        )


def main() -> None:
    """Fit, write and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("keypoints", type=Path, help="keypoints.csv of VID")
    parser.add_argument("scans", type=Path, help="folder of the annotated SPIDER scans")
    arguments = parser.parse_args()
    people = read_people(arguments.keypoints)
    third = len(people) // 3
    fitted = fit(np.stack([measure_pairs(person) for person in people[third:]]), read_discs(arguments.scans))
    TABLE.write_text(json.dumps(fitted, indent=1) + "\n")
    report(people[:third], GeometryTable.read())


if __name__ == "__main__":
    main()
