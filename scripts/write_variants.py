"""Write whole synthetic columns of which most have a variant of number, for ``benchmark-labels``.

    python scripts/write_variants.py OUT --each 8
    spine-segmentation benchmark-labels OUT -o REPORT --visible 23,24,25 --max-windows 3

OUT then has so many persons with 11 and with 13 thoracic, with 4 and with 6 lumbar vertebrae, and with the usual
numbers, T1w and T2w in turn.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import numpy as np

from spine_segmentation.evaluation.label_mapping import MAPPING_FILE, synthetic_mapping, write_mapping
from spine_segmentation.io.nifti import write_nifti
from spine_segmentation.labeling.variant import LUMBAR_STATEMENTS, THORACIC_STATEMENTS, Statement, implied_variant
from spine_segmentation.synth.contrast import Weighting
from spine_segmentation.synth.dicom import quantize
from spine_segmentation.synth.generator import SyntheticScan, generate_volume
from spine_segmentation.synth.person import draw_person
from spine_segmentation.synth.truth import write_truth

FIRST_SEED = 700_000
"""Persons that neither training nor the other benchmarks draw."""

SLICES, SLICE_SPACING, PIXEL_SIZE = 13, 4.0, 0.8
"""Of every scan, mm."""


def main() -> None:
    """Draw persons until there are enough of each kind, and image them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=Path, help="folder to write to")
    parser.add_argument("--each", type=int, default=8, help="persons of each kind")
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    write_mapping(synthetic_mapping(), arguments.output / MAPPING_FILE)
    for number, seed in enumerate(choose_persons(arguments.each)):
        weighting = (Weighting.T1W, Weighting.T2W)[number % 2]
        scan = generate_volume(
            seed, region="whole", slices=SLICES, slice_spacing=SLICE_SPACING, pixel_size=PIXEL_SIZE, weighting=weighting
        )
        write_scan(scan, arguments.output / f"synth_{seed}_{weighting}")


def choose_persons(each: int) -> Iterator[int]:
    """Choose so many persons of each kind, in the order of their seeds.

    Args:
        each: Persons of each kind: normal, and each numeric variant.

    Yields:
        Seeds of the persons.
    """
    found: Counter[str] = Counter()
    kinds = (Statement.NORMAL, *LUMBAR_STATEMENTS.values(), *THORACIC_STATEMENTS.values())
    for seed in count(FIRST_SEED):
        person_rng, *_ = np.random.default_rng(seed).spawn(3)  # as generate_volume draws it
        kind = implied_variant(draw_person(person_rng).column.vertebrae)
        if found[kind] < each:
            found[kind] += 1
            yield seed
        if all(found[kind] == each for kind in kinds):
            return


def write_scan(scan: SyntheticScan, path: Path) -> None:
    """Write image and truth beside one another.

    Args:
        scan: Of one person.
        path: Without the endings ``_img.nii.gz`` and ``_seg.nii.gz``.

    Raises:
        OutputError: If a file cannot be written.
    """
    write_truth(scan, path.with_name(f"{path.name}_seg.nii.gz"))
    write_nifti(scan.image.with_array(quantize(scan.image.array)), path.with_name(f"{path.name}_img.nii.gz"))


if __name__ == "__main__":
    main()
