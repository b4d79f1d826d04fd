from __future__ import annotations

import json
from pathlib import Path

import pytest

from spine_segmentation.anatomy import BY_NAME, LEVELS, VERSE_DISC_BASE, VERSE_NUMBERS
from spine_segmentation.errors import UnreadableFile
from spine_segmentation.evaluation.label_mapping import (
    DEFAULT_MAPPING,
    MAPPING_FILE,
    load_mapping,
    mapping_of,
    synthetic_mapping,
    write_mapping,
)


def test_the_default_knows_every_verse_number() -> None:
    values = load_mapping().values
    for name, number in VERSE_NUMBERS.items():
        assert values[number] == ("auxiliary" if name == "C1" else name)
    assert (values[60], values[61]) == ("posterior elements", "auxiliary")


def test_the_default_names_the_disc_below_each_vertebra() -> None:
    values = load_mapping().values
    assert (values[119], values[124]) == ("T12-L1", "L5-S1")
    discs = {name: values[VERSE_DISC_BASE + VERSE_NUMBERS[name]] for name in LEVELS[:-1]}
    assert all(disc.split("-")[0] == upper for upper, disc in discs.items())


def test_a_sixth_lumbar_or_thirteenth_thoracic_vertebra_renames_the_disc_above_it() -> None:
    mapping = load_mapping()
    assert mapping.meanings([24])[124] == "L5-S1"
    assert mapping.meanings([25])[124] == "L5-L6"
    assert mapping.meanings([28])[119] == "T12-T13"


@pytest.mark.parametrize(
    ("scan", "expected"), [("chu_04", "chu"), ("spineweb_AKa3_T1", "spineweb"), ("alone", "alone")]
)
def test_the_set_is_what_stands_before_the_first_underscore(scan: str, expected: str) -> None:
    assert load_mapping().set_name(scan) == expected


def test_json_and_another_set_pattern(tmp_path: Path) -> None:
    path = tmp_path / "mapping.json"
    path.write_text(json.dumps({"values": {"3": "L4"}, "set_pattern": "[a-z]+[0-9]"}))
    mapping = load_mapping(path)
    assert mapping.values == {3: "L4"}
    assert mapping.set_name("abc12_x") == "abc1"
    assert mapping.set_name("_x") == "_x"


@pytest.mark.parametrize(
    "content",
    [
        "values: {1: L9}",
        "values: {0: L1}",
        "values: {one: L1}",
        "values: {1: L1}\nwhere_present: {1: {2: nothing}}",
        "values: {1: L1}\nset_pattern: '['",
        "values: {1: L1}\nvalue: {}",
        "",
        "values: [",
        "\udcff",
    ],
)
def test_what_is_not_a_mapping_is_refused(content: str, tmp_path: Path) -> None:
    path = tmp_path / "mapping.yaml"
    path.write_bytes(content.encode(errors="surrogateescape"))
    with pytest.raises(UnreadableFile, match="label mapping"):
        load_mapping(path)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match="No such file"):
        load_mapping(tmp_path / "absent.yaml")


def test_the_default_lies_in_the_package() -> None:
    assert DEFAULT_MAPPING.is_file()


def test_structure_ids_mean_what_the_table_of_structures_says(tmp_path: Path) -> None:
    write_mapping(synthetic_mapping(), tmp_path / MAPPING_FILE)
    mapping = load_mapping(tmp_path / MAPPING_FILE)
    assert mapping == synthetic_mapping()
    assert mapping.synthetic
    assert {name: value for value, name in mapping.values.items()} == {n: s.id for n, s in BY_NAME.items()}


def test_a_folder_may_bring_its_own_mapping(tmp_path: Path) -> None:
    assert mapping_of(tmp_path) == DEFAULT_MAPPING
    write_mapping(synthetic_mapping(), tmp_path / MAPPING_FILE)
    assert mapping_of(tmp_path) == tmp_path / MAPPING_FILE
