"""UIDs that are computed, not drawn: the same run gives the same UID, any other run another."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Iterable, Mapping, Sequence

from spine_segmentation.io.product import product_version
from spine_segmentation.results import Labeling, ModelIdentity, NamedStructure

_NAMESPACE = uuid.UUID("5b1b9c1e-3c0a-4a52-9f0e-6d0c6a7c1f27")
"""Keeps the UIDs of this software apart from other name-based UUIDs."""


def derived_uid(*parts: str) -> str:
    """Compute a UID from texts.

    Args:
        parts: What the UID stands for; order and division matter.

    Returns:
        A UID of the form ``2.25.<decimal UUID>`` (DICOM PS3.5 B.2), the same for the same parts.
    """
    return f"2.25.{uuid.uuid5(_NAMESPACE, json.dumps(parts)).int}"


def result_uid(
    source_uids: Iterable[str], models: tuple[ModelIdentity, ...], options: Mapping[str, str], purpose: str
) -> str:
    """Compute the UID of an output object from everything that determines its content.

    Args:
        source_uids: SOP Instance UIDs of the source images, in any order.
        models: The networks that were used, in any order.
        options: Every option that changes content, by name.
        purpose: What the UID is for, e.g. ``"segmentation instance"``; one run has several objects.

    Returns:
        A UID that is the same for the same input, networks, options and software version, and another otherwise.
    """
    identity = {
        "sources": sorted(source_uids),
        "models": sorted((model.name, model.version, model.sha256) for model in models),
        "options": dict(options),
        "version": product_version(),
    }
    return derived_uid(purpose, json.dumps(identity, sort_keys=True))


def result_uids(
    source_uids: Iterable[str],
    models: tuple[ModelIdentity, ...],
    options: Mapping[str, str],
    noun: str,
    purposes: Sequence[str] = ("instance", "series"),
) -> tuple[str, ...]:
    """Compute the UIDs that one output object needs, see :func:`result_uid`.

    Args:
        source_uids: SOP Instance UIDs of the source images, in any order.
        models: The networks that were used, in any order.
        options: Every option that changes content, by name.
        noun: The kind of object, e.g. ``"segmentation"``.
        purposes: What the UIDs are for.

    Returns:
        One UID for each purpose, in order.
    """
    sources = list(source_uids)
    return tuple(result_uid(sources, models, options, f"{noun} {purpose}") for purpose in purposes)


def content_digest(labeling: Labeling) -> str:
    """Digest what the DICOM objects show of a labelling.

    Used as an option of :func:`result_uid`, it stands for every option that changed the content, and makes sure
    that two objects with different content never share a UID.

    Args:
        labeling: The named structures and their label map.

    Returns:
        SHA-256, hexadecimal. Probabilities count with the two decimals that are shown.
    """
    shown = [_shown(structure) for structure in labeling.structures]
    verdict = [labeling.status, labeling.variant, f"{labeling.confidence:.2f}", *labeling.runner_up]
    digest = hashlib.sha256(json.dumps([labeling.labels.shape, verdict, shown]).encode())
    digest.update(labeling.labels.array.tobytes())
    return digest.hexdigest()


def _shown(structure: NamedStructure) -> list[str | bool | None]:
    return [
        structure.title,
        structure.best_name,
        f"{structure.confidence:.2f}",
        structure.runner_up,
        f"{structure.runner_up_confidence:.2f}",
        structure.instance.fully_visible,
        structure.instance.reaches_outer_slice,
    ]
