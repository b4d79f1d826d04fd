from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import jsonschema
import numpy as np
import pytest

from spine_segmentation.errors import OutputError
from spine_segmentation.io.dicom_reader import DicomSeries
from spine_segmentation.io.result_json import InputIdentity, ResultDocument, result_document, write_result
from spine_segmentation.results import SpineResult
from spine_segmentation.volume import Volume

MakeResult = Callable[..., SpineResult]


def as_json(result: SpineResult, folder: Path, source: InputIdentity | None = None) -> dict[str, object]:
    write_result(result_document(result, source or InputIdentity.of_array(result.image)), folder / "result.json")
    return json.loads((folder / "result.json").read_text(encoding="utf-8"))


def test_structures_are_listed_top_to_bottom(volume: Volume, make_result: MakeResult, tmp_path: Path) -> None:
    result = make_result(volume)
    structures = as_json(result, tmp_path)["structures"]
    assert [entry["name"] for entry in structures] == ["L3", "L3-L4", "L4", "L4-L5", "L5", "L5-S1", "S1"]
    assert [entry["kind"] for entry in structures][:2] == ["vertebra", "ivd"]
    assert result.labeling is not None
    instance = result.labeling.structures[2].instance
    assert structures[2]["id"] == 43
    assert structures[2]["centroid_mm"] == pytest.approx(instance.centroid, abs=0.01)
    assert structures[2]["volume_mm3"] == pytest.approx(instance.volume, abs=0.1)
    assert structures[0]["runner_up"] == "L2"
    assert structures[0]["fully_visible"] is False
    assert structures[2]["reaches_outer_slice"] is False


def test_a_structure_that_reaches_an_outer_slice_is_marked(
    volume: Volume, make_result: MakeResult, tmp_path: Path
) -> None:
    result = make_result(volume)
    assert result.labeling is not None
    first, *others = result.labeling.structures
    reaching = replace(first, instance=replace(first.instance, reaches_outer_slice=True))
    labeling = replace(result.labeling, structures=(reaching, *others))
    structures = as_json(replace(result, labeling=labeling), tmp_path)["structures"]
    assert [entry["reaches_outer_slice"] for entry in structures] == [True] + [False] * len(others)


def test_lengths_are_given_where_they_can_be_measured(volume: Volume, make_result: MakeResult, tmp_path: Path) -> None:
    lengths = {entry["name"]: entry["lengths_mm"] for entry in as_json(make_result(volume), tmp_path)["structures"]}
    assert list(lengths["L4"]) == ["anterior_height", "middle_height", "posterior_height", "depth"]
    assert lengths["L4"]["middle_height"] == pytest.approx(5 * 0.8, abs=0.8)
    assert list(lengths["L4-L5"]) == ["disc_height"]
    assert lengths["L3"] == lengths["S1"] == {}


def test_undetermined_structures_have_no_name(volume: Volume, make_result: MakeResult, tmp_path: Path) -> None:
    document = as_json(make_result(volume, determined=False), tmp_path)
    first, second, *_ = document["structures"]
    assert (first["id"], first["name"], first["best_name"]) == (101, None, "L3")
    assert first["title"] == "Vertebra 1 (level undetermined)"
    assert (second["id"], second["name"], second["best_name"]) == (201, None, "L3-L4")
    assert document["labelling"]["status"] == "undetermined"
    assert document["labelling"]["variant"] == "cannot tell from this field of view"


def test_what_the_levels_could_be_and_rest_on_is_listed(
    volume: Volume, make_result: MakeResult, tmp_path: Path
) -> None:
    result = make_result(volume)
    assert result.labeling is not None
    labeling = replace(result.labeling, anchors=("L5=lowest",), remarks=("named jointly",))
    labelling = as_json(replace(result, labeling=labeling), tmp_path)["labelling"]
    assert labelling["candidates"] == [
        {"names": ["L3", "L3-L4", "L4", "L4-L5", "L5", "L5-S1", "S1"], "probability": 0.97}
    ]
    assert labelling["variant_odds"] == 25.0
    assert (labelling["anchors"], labelling["remarks"]) == (["L5=lowest"], ["named jointly"])


def test_provenance_is_complete(volume: Volume, make_result: MakeResult, tmp_path: Path) -> None:
    document = as_json(make_result(volume), tmp_path)
    assert document["schema_version"] == "1.2"
    assert document["software"]["name"] == "spine-segmentation"
    assert document["models"][0] == {"name": "segmentation", "version": "1.0", "sha256": "a" * 64}
    assert document["timings_s"] == {"segment": 1.235, "label": 0.5}
    assert document["labelling"]["runner_up"] == ["L2", "L3", "L4", "L5"]


def test_semantic_results_have_no_labelling(volume: Volume, make_result: MakeResult, tmp_path: Path) -> None:
    document = as_json(replace(make_result(volume), labeling=None), tmp_path)
    assert document["labelling"] is None
    assert document["structures"] == []


def test_the_document_follows_its_own_schema(volume: Volume, make_result: MakeResult, tmp_path: Path) -> None:
    schema = ResultDocument.model_json_schema()
    jsonschema.validate(as_json(make_result(volume), tmp_path), schema)
    entries = [schema, *schema["$defs"].values()]
    fields = [field for entry in entries for field in entry.get("properties", {}).values()]
    assert all("description" in field for field in fields)


def test_a_series_is_identified_without_patient_data(
    volume: Volume, make_result: MakeResult, make_series: Callable[..., DicomSeries], tmp_path: Path
) -> None:
    series = make_series(volume, PatientName="Muster^Erika", PatientID="PID4711")
    identity = InputIdentity.of_series(series)
    uids = sorted(source.SOPInstanceUID for source in series.sources)
    assert identity.sha256 == hashlib.sha256("\n".join(uids).encode()).hexdigest()
    assert (identity.kind, identity.shape, identity.spacing_mm) == ("dicom", (5, 40, 24), (4.0, 0.8, 0.9))
    assert (identity.choice, identity.warnings) == (series.choice, series.warnings)
    as_json(make_result(volume), tmp_path, identity)
    text = (tmp_path / "result.json").read_text()
    assert not [secret for secret in ("Muster", "PID4711", *uids, "19700101") if secret in text]


def test_files_and_arrays_are_identified_by_content(volume: Volume, tmp_path: Path) -> None:
    (tmp_path / "scan.nii").write_bytes(b"content")
    identity = InputIdentity.of_nifti(tmp_path / "scan.nii", volume)
    assert (identity.kind, identity.sha256) == ("nifti", hashlib.sha256(b"content").hexdigest())
    moved = Volume(volume.array, volume.affine + np.eye(4) * [[0, 0, 0, 1]] * 0.5)
    hashes = {InputIdentity.of_array(v).sha256 for v in (volume, moved, volume.with_array(volume.array + 1))}
    assert len(hashes) == 3


def test_an_unwritable_folder_is_an_output_error(volume: Volume, make_result: MakeResult, tmp_path: Path) -> None:
    document = result_document(make_result(volume), InputIdentity.of_array(volume))
    with pytest.raises(OutputError):
        write_result(document, tmp_path / "absent" / "result.json")


@pytest.mark.filterwarnings("ignore:.*alue.*:UserWarning")
@pytest.mark.parametrize("uid", [None, "abc", "1.2.3"], ids=["missing", "invalid", "repeated"])
def test_series_without_uids_are_identified_by_content(
    uid: str | None, volume: Volume, make_series: Callable[..., DicomSeries]
) -> None:
    other = volume.with_array(volume.array + 1)
    moved = Volume(volume.array, volume.affine + np.eye(4) * [[0, 0, 0, 1]] * 0.5)
    series = [make_series(v, SOPInstanceUID=uid) for v in (volume, other, moved, volume)]
    hashes = [InputIdentity.of_series(one).sha256 for one in series]
    assert len(set(hashes)) == 3
    assert hashes[0] == hashes[3]
