"""The two bundles as MONAI runs them."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import torch
from monai.bundle import ConfigParser, ckpt_export, create_workflow, run, verify_metadata, verify_net_in_out

from spine_segmentation.anatomy import VERSE_NUMBERS
from spine_segmentation.bundles import bundle_folder, load_bundle, load_weights, select_device
from spine_segmentation.errors import DeviceUnavailable, ModelError
from spine_segmentation.networks import CHANNELS, build_unet

BUNDLES = ["segmentation", "labeling"]
ROOT = Path(__file__).parents[1]
SCHEMA = ROOT.parent / "shared" / "monai" / "meta_schema_20240725.json"


def config(bundle: str, name: str = "inference.yaml") -> str:
    return str(bundle_folder(bundle) / "configs" / name)


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """Two small images, one of them with a mask beside it that is no input."""
    folder = tmp_path / "images"
    folder.mkdir()
    random = np.random.default_rng(0)
    for name, shape in (("one_img.nii.gz", (5, 70, 90)), ("two.nii", (3, 64, 40)), ("one_seg.nii.gz", (5, 70, 90))):
        image = nib.Nifti1Image(random.random(shape, np.float32), np.diag([4.0, 0.8, 0.9, 1.0]))
        nib.save(image, folder / name)
    return folder


@pytest.mark.parametrize("bundle", BUNDLES)
def test_weights_are_half_precision_and_load_safely(bundle: str) -> None:
    path = bundle_folder(bundle) / "models" / "model.pt"
    state = torch.load(path, weights_only=True)
    for name, value in state.items():
        if value.is_floating_point():
            assert value.dtype == (torch.float32 if "running_" in name else torch.float16), name
    assert path.stat().st_size < 12e6


@pytest.mark.parametrize("bundle", BUNDLES)
def test_metadata(bundle: str) -> None:
    metadata = json.loads(Path(config(bundle, "metadata.json")).read_text())
    channels = {"segmentation": len(CHANNELS), "labeling": max(VERSE_NUMBERS.values()) + 1}[bundle]
    assert metadata["network_data_format"]["outputs"]["pred"]["num_channels"] == channels
    assert len(metadata["network_data_format"]["outputs"]["pred"]["channel_def"]) == channels
    assert ConfigParser(ConfigParser.load_config_files(config(bundle)))["network_def#out_channels"] == channels


@pytest.mark.parametrize("bundle", BUNDLES)
def test_metadata_names_the_published_schema(bundle: str) -> None:
    metadata = json.loads(Path(config(bundle, "metadata.json")).read_text())
    assert re.fullmatch(r"https://github\.com/Project-MONAI/.+/meta_schema_\d{8}\.json", metadata["schema"])


def test_metadata_and_readme_give_the_same_accuracy() -> None:
    metrics = json.loads(Path(config("segmentation", "metadata.json")).read_text())["eval_metrics"]
    table = [line.split("|") for line in (ROOT / "README.md").read_text().splitlines() if line.startswith("|")]
    (head,) = ([cell.strip() for cell in row] for row in table if row[1].strip() == "set")
    (row,) = ([cell.strip() for cell in row] for row in table if row[1].strip() == "SPIDER, patients kept out")
    stated = dict(zip(head, row, strict=True))
    assert float(stated["body Dice"]) == metrics["spider_held_out_body_dice"]
    assert float(stated["disc Dice"]) == metrics["spider_held_out_disc_dice"]


@pytest.mark.skipif(not SCHEMA.is_file(), reason="MONAI's metadata schema is not beside the repository")
@pytest.mark.parametrize("bundle", BUNDLES)
def test_metadata_follows_the_schema(bundle: str) -> None:
    verify_metadata(meta_file=config(bundle, "metadata.json"), filepath=str(SCHEMA))


@pytest.mark.parametrize("bundle", BUNDLES)
def test_network_keeps_the_metadatas_promise(bundle: str) -> None:
    verify_net_in_out(
        "network_def", meta_file=config(bundle, "metadata.json"), config_file=config(bundle), device="cpu", p=1, n=2
    )


@pytest.mark.parametrize("bundle", BUNDLES)
def test_export(bundle: str, tmp_path: Path) -> None:
    target = tmp_path / "model.ts"
    ckpt_export(
        "network_def",
        filepath=str(target),
        ckpt_file=str(bundle_folder(bundle) / "models" / "model.pt"),
        meta_file=config(bundle, "metadata.json"),
        config_file=config(bundle),
        input_shape=[1, 3, 64, 64],
    )
    side = {"segmentation": 64, "labeling": 16}[bundle]
    assert torch.jit.load(target)(torch.zeros(1, 3, 64, 64)).shape[2:] == (side, side)


@pytest.mark.parametrize("bundle", BUNDLES)
def test_inference_workflow_has_all_required_properties(bundle: str, images: Path) -> None:
    workflow = create_workflow(
        config_file=config(bundle), workflow_type="inference", dataset_dir=str(images), logging_file=False
    )
    assert workflow.check_properties() == []


@pytest.mark.parametrize(("bundle", "result"), [("segmentation", "semantic.nii.gz"), ("labeling", "labels.nii.gz")])
def test_run_on_a_folder(bundle: str, result: str, images: Path, tmp_path: Path) -> None:
    output = tmp_path / "output"
    run(config_file=config(bundle), dataset_dir=str(images), output_dir=str(output))
    for case, source in (("one_img", "one_img.nii.gz"), ("two", "two.nii")):
        written, image = nib.load(output / case / result), nib.load(images / source)
        assert written.shape == image.shape
        np.testing.assert_allclose(written.affine, image.affine, atol=1e-5)
    assert not (output / "one_seg").exists()


@pytest.mark.parametrize("bundle", BUNDLES)
def test_training_and_inference_define_the_same_network_and_grid(bundle: str) -> None:
    training = ConfigParser(ConfigParser.load_config_files(config(bundle, "train.yaml")))
    inference = ConfigParser(ConfigParser.load_config_files(config(bundle)))
    assert training["network_def"] == inference["network_def"]
    assert training["pixel_size"] == inference["pixel_size"]


def test_weights_of_another_network_are_a_clear_error(images: Path, tmp_path: Path) -> None:
    parser = ConfigParser(ConfigParser.load_config_files(config("segmentation")))
    parser["network_def#backbone"] = "resnet18"
    weights = bundle_folder("segmentation") / "models" / "model.pt"
    with pytest.raises(ModelError, match="do not fit the network"):
        load_weights(parser.get_parsed_content("network_def"), weights)


def test_absent_weights_are_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no weights"):
        load_weights(build_unet(3, 6), tmp_path / "model.pt")


@pytest.mark.parametrize("content", [b"", b"not a state dict", b"PK\x03\x04"])
def test_broken_weights_are_a_clear_error(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    path.write_bytes(content)
    with pytest.raises(ModelError, match="do not fit"):
        load_weights(build_unet(3, 6), path)


def test_absent_bundle(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no bundle"):
        bundle_folder("segmentation", tmp_path)


@pytest.mark.parametrize("device", ["cuda:99", "nonsense"])
def test_absent_device(device: str) -> None:
    with pytest.raises(DeviceUnavailable):
        select_device(device)


def test_identity_is_the_hash_of_the_weights() -> None:
    identity = load_bundle(bundle_folder("segmentation")).identity
    assert identity.name == "segmentation" and len(identity.sha256) == 64


def test_a_copied_bundle_never_uses_the_weights_of_the_package(images: Path, tmp_path: Path) -> None:
    """Without weights of its own it is an error, in a process of its own as MONAI's command line starts it."""
    shutil.copytree(bundle_folder("segmentation"), tmp_path / "segmentation", ignore=shutil.ignore_patterns("*.pt"))
    configuration = tmp_path / "segmentation" / "configs" / "inference.yaml"
    arguments = ["--config_file", configuration, "--dataset_dir", images, "--output_dir", tmp_path / "output"]
    root = bundle_folder("segmentation").parents[1]
    ended = subprocess.run(
        [sys.executable, "-m", "monai.bundle", "run", *arguments], cwd=root, capture_output=True, text=True, check=False
    )
    assert ended.returncode != 0
    assert f"no weights at {tmp_path}" in ended.stdout + ended.stderr
    assert not (tmp_path / "output").exists()
