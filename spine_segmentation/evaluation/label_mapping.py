"""What the values of a truth mask mean: a mapping file in YAML or JSON."""

from __future__ import annotations

import re
from collections.abc import Iterable
from importlib import resources
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError, field_validator

from spine_segmentation.anatomy import BY_NAME, STRUCTURES
from spine_segmentation.errors import UnreadableFile
from spine_segmentation.io.atomic import atomic_path

IGNORE = "ignore"
"""Meaning of values whose voxels are unknown and not scored."""

AUXILIARY = "auxiliary"
"""Meaning of values that are neither a vertebral body nor a disc, such as the spinal canal."""

POSTERIOR_ELEMENTS = "posterior elements"
"""Like ``AUXILIARY``; next to a body, where the two were cut apart by a rule, both are unknown."""

DEFAULT_MAPPING = Path(str(resources.files("spine_segmentation.evaluation"))) / "mappings" / "verse.yaml"
"""The mapping file of the VerSe numbers."""

MAPPING_FILE = "mapping.yaml"
"""Name of the mapping file that a folder of scans may bring with it."""


class LabelMapping(BaseModel):
    """Meaning of the values in the masks of a folder, and the rule that names the set a scan belongs to."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    values: dict[int, str]
    """Mask value to the name of a structure, ``IGNORE``, ``AUXILIARY`` or ``POSTERIOR_ELEMENTS``; 0 is background."""
    where_present: dict[int, dict[int, str]] = {}
    """Meanings that hold instead in masks in which a certain value occurs, such as that of L6."""
    set_pattern: str = "[^_]+"
    """Regular expression; what it matches at the start of a scan's name is the name of its set."""
    synthetic: bool = False
    """Whether the scans come from this package's own generator."""

    @field_validator("values")
    @classmethod
    def _known(cls, values: dict[int, str]) -> dict[int, str]:
        unknown = sorted(set(values.values()) - set(BY_NAME) - {IGNORE, AUXILIARY, POSTERIOR_ELEMENTS})
        if unknown:
            raise ValueError(f"unknown structures {unknown}")
        if 0 in values:
            raise ValueError("0 is background and cannot be mapped")
        return values

    @field_validator("where_present")
    @classmethod
    def _known_where_present(cls, exceptions: dict[int, dict[int, str]]) -> dict[int, dict[int, str]]:
        return {value: cls._known(names) for value, names in exceptions.items()}

    @field_validator("set_pattern")
    @classmethod
    def _compiles(cls, pattern: str) -> str:
        try:
            re.compile(pattern)
        except re.error as error:
            raise ValueError(f"not a regular expression: {error}") from error
        return pattern

    def meanings(self, present: Iterable[int]) -> dict[int, str]:
        """Meaning of every mapped value in a mask that holds certain values.

        Args:
            present: The values that occur in the mask.

        Returns:
            Mask value to the name of a structure, ``IGNORE``, ``AUXILIARY`` or ``POSTERIOR_ELEMENTS``.
        """
        meanings = dict(self.values)
        for value in present:
            meanings.update(self.where_present.get(value, {}))
        return meanings

    def set_name(self, scan: str) -> str:
        """Name the set that a scan belongs to.

        Args:
            scan: Name of the scan, e.g. ``"chu_04"``.

        Returns:
            E.g. ``"chu"``; the whole name where the pattern does not match.
        """
        match = re.match(self.set_pattern, scan)
        return match.group() if match else scan


def load_mapping(path: Path | None = None) -> LabelMapping:
    """Read a mapping file.

    Args:
        path: YAML or JSON with the fields of :class:`LabelMapping`; None for the VerSe numbers.

    Returns:
        The mapping.

    Raises:
        UnreadableFile: If the file cannot be read, or does not describe a mapping.
    """
    path = path or DEFAULT_MAPPING
    try:
        return LabelMapping.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise _unreadable(path, error.strerror or type(error).__name__) from error
    except (yaml.YAMLError, UnicodeDecodeError, ValidationError) as error:
        raise _unreadable(path, str(error)) from error


def mapping_of(folder: Path) -> Path:
    """Find the mapping file of a folder of scans.

    Args:
        folder: Where the masks are.

    Returns:
        The folder's own, else that of the VerSe numbers.
    """
    own = folder / MAPPING_FILE
    return own if own.is_file() else DEFAULT_MAPPING


def synthetic_mapping() -> LabelMapping:
    """Say that the values of masks are structure ids, as in the label maps of this package's own generator.

    Returns:
        A mapping that names every structure id.
    """
    return LabelMapping(values={structure.id: structure.name for structure in STRUCTURES}, synthetic=True)


def write_mapping(mapping: LabelMapping, path: Path) -> None:
    """Write a mapping file.

    Args:
        mapping: What the values mean.
        path: Ends in ``.yaml``.

    Raises:
        OutputError: If the file cannot be written.
    """
    with atomic_path(path) as temporary:
        temporary.write_text(yaml.safe_dump(mapping.model_dump(), sort_keys=False), encoding="utf-8")


def _unreadable(path: Path, reason: str) -> UnreadableFile:
    return UnreadableFile(
        f"the label mapping {path} is not usable: {reason}",
        expected="a YAML or JSON file with the field 'values': mask value to name of structure",
        remedy="correct the file; spine_segmentation/evaluation/mappings/verse.yaml is an example",
    )
