from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from pydicom.uid import UID

from spine_segmentation.io.uids import content_digest, derived_uid, result_uid
from spine_segmentation.labeling.variant import Statement
from spine_segmentation.results import ModelIdentity, SpineResult
from spine_segmentation.volume import Volume

MODELS = (ModelIdentity("segmentation", "1.0", "aa"), ModelIdentity("labeling", "1.0", "bb"))
SOURCES = ["1.2.3", "1.2.4"]
OPTIONS = {"segmentation type": "binary"}


@given(st.lists(st.text(), max_size=4))
def test_derived_uids_are_valid_and_reproducible(parts: list[str]) -> None:
    uid = derived_uid(*parts)
    assert UID(uid).is_valid
    assert uid.startswith("2.25.")
    assert uid == derived_uid(*parts)


def test_the_division_into_parts_matters() -> None:
    assert len({derived_uid("ab", "c"), derived_uid("a", "bc"), derived_uid("abc"), derived_uid("c", "ab")}) == 4


def test_uids_never_change_between_releases() -> None:
    assert derived_uid("tracking", "1.2.3", "L1") == "2.25.171552751891306293364083177443242998322"


def test_the_order_of_sources_models_and_options_does_not_matter() -> None:
    options = {"a": "1", "b": "2"}
    turned = dict(reversed(options.items()))
    assert result_uid(SOURCES, MODELS, options, "seg") == result_uid(SOURCES[::-1], MODELS[::-1], turned, "seg")


def test_whatever_changes_the_content_changes_the_uid() -> None:
    other_weights = (replace(MODELS[0], sha256="cc"), MODELS[1])
    uids = {
        result_uid(SOURCES, MODELS, OPTIONS, "instance"),
        result_uid(SOURCES, MODELS, OPTIONS, "series"),
        result_uid(SOURCES[:1], MODELS, OPTIONS, "instance"),
        result_uid(SOURCES, other_weights, OPTIONS, "instance"),
        result_uid(SOURCES, MODELS[:1], OPTIONS, "instance"),
        result_uid(SOURCES, MODELS, {"segmentation type": "labelmap"}, "instance"),
        result_uid(SOURCES, MODELS, {}, "instance"),
    }
    assert len(uids) == 7


def test_the_digest_follows_what_is_shown(volume: Volume, make_result: Callable[..., SpineResult]) -> None:
    labeling = make_result(volume).labeling
    assert labeling is not None
    first, *others = labeling.structures
    labels = labeling.labels.array.copy()
    labels[0, 0, 0] = first.id
    reaching = replace(first.instance, reaches_outer_slice=True)
    same = replace(labeling, structures=(replace(first, confidence=first.confidence + 1e-9), *others))
    changed = [
        replace(labeling, structures=(replace(first, confidence=0.5), *others)),
        replace(labeling, structures=(replace(first, name=None), *others)),
        replace(labeling, labels=volume.with_array(labels)),
        replace(labeling, labels=volume.with_array(np.zeros_like(labels))),
        replace(labeling, variant=Statement.L6),
        replace(labeling, structures=(replace(first, instance=reaching), *others)),
    ]
    assert content_digest(same) == content_digest(labeling)
    assert len({content_digest(labeling), *map(content_digest, changed)}) == 7
