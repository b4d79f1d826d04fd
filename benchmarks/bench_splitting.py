"""How often the instance splitter separates every body and disc of a complete synthetic spine.

Run ``python benchmarks/bench_splitting.py RESULTS.jsonl --count 1000 --seed 0 --masks perfect``: prints the share of
valid separations and lists the failures by seed; ``--pictures FOLDER`` draws each of them. One line per scan is
appended to the file, so that a run that was cut off goes on where it stopped. Lines of other code, other weights or
other masks stay in the file and do not count.

A separation is *valid* as the published reference package defines it: the structures, numbered from the top, alternate
without gaps from a body to a body, and there are 23 to 25 bodies (from C2 to S1 24 are normal, one less or one more
are variants) and 22 to 24 discs. This does not look at the truth. A separation is *right* if the structures are those
of the truth, in its order, each with most of its voxels in the one it stands for.

A scan is *complete* if its truth is valid in the same sense. That excludes persons with a block vertebra or a fused
disc, whose discs are missing, and those whose column leaves the outer slices: shares are given for complete scans and,
of right separations, for all.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from functools import cache, partial
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer
from rich.console import Console
from rich.progress import track

import spine_segmentation
from spine_segmentation.anatomy import BY_ID, BY_NAME, IVD, LEVELS, SACRUM_BELOW_S1, VERTEBRA, Kind, disc_name
from spine_segmentation.bundles import bundle_folder
from spine_segmentation.instances import split_instances
from spine_segmentation.io.montage import write_montage
from spine_segmentation.labeler import name_instances
from spine_segmentation.results import Instances, SpineResult
from spine_segmentation.segmenter import Segmenter
from spine_segmentation.synth import SyntheticScan, generate_volume
from spine_segmentation.synth.truth import label_map
from spine_segmentation.volume import Volume

SLICES, SLICE_SPACING_MM, PIXEL_SIZE_MM = 18, 3.3, 0.8
"""The grid of the scans on which the reference package states 99.2 % valid separations."""

BODIES = range(23, 26)
"""How many bodies a spine from C2 to S1 has."""

MIN_VOXELS = 20
"""Structures of the truth with fewer voxels are not looked for."""

PROCESSES = 2

console = Console()


class Masks(StrEnum):
    """Where the splitter's input comes from."""

    PERFECT = "perfect"
    NETWORK = "network"


@dataclass(frozen=True)
class Outcome:
    """One line of the results file.

    Attributes:
        version: Hash of code and weights.
        masks: Where the splitter's input came from.
        seed: Which scan.
        complete: Whether the truth is valid.
        valid: Whether the separation is.
        reasons: What differs from the truth; empty if the separation is right.
    """

    version: str
    masks: str
    seed: int
    complete: bool
    valid: bool
    reasons: list[str]


def main(
    results: Annotated[Path, typer.Argument(help="JSON lines file; a run that was cut off goes on.")],
    count: Annotated[int, typer.Option(min=1, help="Number of scans.")] = 100,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the first scan.")] = 0,
    masks: Annotated[Masks, typer.Option(help="The truth, or what the network makes of the image.")] = Masks.PERFECT,
    pictures: Annotated[Path | None, typer.Option(help="Folder for a picture per failure.")] = None,
) -> None:
    """Split scans and print how many separations are valid."""
    seeds, version = range(seed, seed + count), code_version()
    done = {o.seed: o for o in read_outcomes(results) if (o.version, o.masks) == (version, masks) and o.seed in seeds}
    todo = [number for number in seeds if number not in done]
    for outcome in track(examine_all(todo, masks, version), "splitting", total=len(todo), console=console):
        append(outcome, results)
        done[outcome.seed] = outcome
    failures = [outcome for number, outcome in sorted(done.items()) if outcome.reasons]
    report(list(done.values()), failures)
    if pictures is not None:
        for outcome in failures:
            draw(outcome.seed, masks, pictures)


def code_version() -> str:
    """Hash the package's code and the segmentation bundle, which the outcomes depend on.

    Returns:
        The first twelve hexadecimal digits.
    """
    package = Path(spine_segmentation.__file__).parent
    files = sorted([*package.rglob("*.py"), *package.rglob("*.json"), *bundle_folder("segmentation").rglob("*.pt")])
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:12]


def read_outcomes(path: Path) -> list[Outcome]:
    """Read the results file, and cut off a last line that was not written to its end.

    Args:
        path: JSON lines file, which need not exist.

    Returns:
        One outcome per complete line.
    """
    if not path.exists():
        return []
    content = path.read_bytes()
    whole = content[: content.rfind(b"\n") + 1]
    if whole != content:
        path.write_bytes(whole)
    return [Outcome(**json.loads(line)) for line in whole.splitlines()]


def append(outcome: Outcome, path: Path) -> None:
    """Add a line to the results file.

    Args:
        outcome: Of one scan.
        path: JSON lines file; it and its folder are made if they do not exist.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(asdict(outcome)) + "\n")


def examine_all(seeds: Sequence[int], masks: Masks, version: str) -> Iterator[Outcome]:
    """Examine scans in parallel, in the order in which they are done.

    Args:
        seeds: Of the scans.
        masks: Where the splitter's input comes from.
        version: Hash of code and weights, for the outcomes.

    Yields:
        Outcomes, in any order of the seeds.
    """
    context = multiprocessing.get_context("spawn")
    with context.Pool(PROCESSES, torch.set_num_threads, (1,)) as pool:
        yield from pool.imap_unordered(partial(examine, masks=masks, version=version), seeds)


def examine(seed: int, masks: Masks, version: str) -> Outcome:
    """Generate one scan, split it, and compare with the truth.

    Args:
        seed: Of the scan.
        masks: Where the splitter's input comes from.
        version: Hash of code and weights, for the outcome.

    Returns:
        What differs from the truth.
    """
    scan = generate(seed)
    truth = label_map(scan).array
    wanted = expected_structures(scan, truth)
    instances = split_instances(semantic_map(scan, masks))
    kinds = [item.kind for item in instances.items]
    return Outcome(
        version=version,
        masks=masks,
        seed=seed,
        complete=is_valid([BY_ID[identifier].kind for identifier in wanted]),
        valid=is_valid(kinds),
        reasons=list(differences(instances, truth, wanted)),
    )


def generate(seed: int) -> SyntheticScan:
    """Generate the whole spine of one person.

    Args:
        seed: Of the person.

    Returns:
        Image and truth of the column from C2 on, shape (``SLICES``, rows, columns).
    """
    return generate_volume(
        seed, region="whole", slices=SLICES, slice_spacing=SLICE_SPACING_MM, pixel_size=PIXEL_SIZE_MM
    )


def semantic_map(scan: SyntheticScan, masks: Masks) -> Volume:
    """Make the splitter's input.

    Args:
        scan: With its truth.
        masks: Where the map comes from.

    Returns:
        uint8 on the scan's grid: 0 background, 1 vertebra, 2 IVD, 60 S2 and below.
    """
    if masks is Masks.NETWORK:
        return segmenter()(scan.image)
    values = np.zeros(256, np.uint8)
    for identifier, structure in BY_ID.items():
        values[identifier] = {Kind.VERTEBRA: VERTEBRA, Kind.IVD: IVD, Kind.SACRUM: SACRUM_BELOW_S1}[structure.kind]
    labels = label_map(scan)
    return labels.with_array(values[labels.array])


@cache
def segmenter() -> Segmenter:
    """Load the network once per process.

    Returns:
        The network, the same object on every call.

    Raises:
        ModelError: If the bundle's weights are absent or do not fit.
    """
    return Segmenter()


def is_valid(kinds: Sequence[Kind]) -> bool:
    """Tell whether structures, top to bottom, are a valid separation as the reference package defines it.

    Args:
        kinds: Of the structures, top to bottom.

    Returns:
        Whether vertebrae and discs alternate from a vertebra to a vertebra, and their number is that of a whole spine.
    """
    alternating = [Kind.IVD if k % 2 else Kind.VERTEBRA for k in range(len(kinds))]
    return list(kinds) == alternating and len(kinds) % 2 == 1 and len(kinds) // 2 + 1 in BODIES


def expected_structures(scan: SyntheticScan, truth: np.ndarray) -> list[int]:
    """List the structures in the truth that are large enough to be found.

    Args:
        scan: With the names of its vertebrae.
        truth: Structure ids, shape (slices, rows, columns), uint8.

    Returns:
        Ids, top to bottom.
    """
    sizes = np.bincount(truth.ravel(), minlength=256)
    pairs = zip(scan.vertebrae, [*scan.vertebrae[1:], None], strict=True)
    names = [name for upper, lower in pairs for name in (upper, lower and disc_name(upper, lower)) if name]
    return [BY_NAME[name].id for name in names if sizes[BY_NAME[name].id] >= MIN_VOXELS]


def differences(instances: Instances, truth: np.ndarray, wanted: Sequence[int]) -> Iterator[str]:
    """Say what is missing, divided, out of order, or not there in truth.

    Args:
        instances: What was separated, on the grid of the truth.
        truth: Structure ids, shape (slices, rows, columns), uint8.
        wanted: Ids in the truth, top to bottom.

    Yields:
        A phrase per difference.
    """
    labels = instances.labels.array
    owners = [owner(truth[labels == item.label]) for item in instances.items]
    for identifier in wanted:
        found = owners.count(identifier)
        if found != 1:
            yield f"{BY_ID[identifier].name} {'missing' if not found else f'in {found} parts'}"
    for item, identifier in zip(instances.items, owners, strict=True):
        if identifier not in wanted or BY_ID[identifier].kind is not item.kind:
            place = BY_ID[identifier].name if identifier in BY_ID else "background"
            yield f"false {item.kind} {item.label} in {place}"
    known = [wanted.index(identifier) for identifier in owners if identifier in wanted]
    if known != sorted(known):
        yield "out of order"


def owner(values: np.ndarray) -> int:
    """Give the structure in which most of the voxels lie; 0 for none.

    Args:
        values: Structure ids of the voxels of one instance, shape (n,).

    Returns:
        The id of the structure.
    """
    return int(np.bincount(values).argmax())


def report(outcomes: Sequence[Outcome], failures: Sequence[Outcome]) -> None:
    """Print shares, then failures by seed.

    Args:
        outcomes: Of all scans.
        failures: Those of them that are not right, in the order of the seeds.
    """
    complete = [outcome for outcome in outcomes if outcome.complete]
    console.print(f"complete scans: {share(len(complete), len(outcomes))}")
    console.print(f"valid of complete scans: {share(sum(o.valid for o in complete), len(complete))}")
    console.print(f"right of complete scans: {share(sum(not o.reasons for o in complete), len(complete))}")
    console.print(f"right of all scans: {share(len(outcomes) - len(failures), len(outcomes))}")
    for outcome in failures:
        attributes = ("valid" if outcome.valid else "not valid") + ("" if outcome.complete else ", scan not complete")
        console.print(f"seed {outcome.seed} ({attributes}): {'; '.join(outcome.reasons)}", soft_wrap=True)


def share(part: int, total: int) -> str:
    """E.g. ``99.2 % (992 of 1000)``."""
    return f"{100 * part / total:.1f} % ({part} of {total})" if total else "none"


def draw(seed: int, masks: Masks, folder: Path) -> None:
    """Draw what became of one scan as a PNG.

    Args:
        seed: Of the scan.
        masks: Where the splitter's input comes from.
        folder: Made if it does not exist.

    Raises:
        OutputError: If the picture cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    scan = generate(seed)
    semantic = semantic_map(scan, masks)
    instances = split_instances(semantic)
    labeling = name_instances(instances, np.zeros((len(instances.items), len(LEVELS))))
    result = SpineResult(scan.image, semantic, labeling, (), {})
    write_montage(result, folder / f"splitting_{masks}_{seed}.png")


if __name__ == "__main__":
    typer.run(main)
