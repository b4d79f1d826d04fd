"""Loads networks from the bundles' own configuration, so that each is defined once."""

from __future__ import annotations

import hashlib
import json
import pickle
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from monai.bundle import ConfigParser
from monai.inferers import Inferer
from torch import nn

from spine_segmentation.errors import DeviceUnavailable, ModelError, SpineError
from spine_segmentation.results import ModelIdentity


@dataclass(frozen=True)
class Bundle:
    """A network with its transforms, ready to run.

    Attributes:
        network: In evaluation mode, on its device.
        device: Where it runs.
        preprocessing: Dictionary transform from ``image`` (a Volume) to the network's input.
        inferer: Runs the network over the slices.
        postprocessing: Dictionary transform from ``pred`` (logits) to the result.
        identity: Name, version and hash.
    """

    network: nn.Module
    device: torch.device
    preprocessing: Any
    inferer: Inferer
    postprocessing: Any
    identity: ModelIdentity

    @torch.inference_mode()
    def run(self, data: dict[str, Any]) -> dict[str, Any]:
        """Run preprocessing, network and postprocessing.

        Args:
            data: ``image``, a Volume, and whatever else the transforms need.

        Returns:
            The dictionary with ``pred`` as the postprocessing left it.
        """
        with _own_errors():
            prepared = self.preprocessing(data)
            prepared["pred"] = self.inferer(prepared["image"].to(self.device), self.network)
            result: dict[str, Any] = self.postprocessing(prepared)
        return result


def bundle_folder(name: str, models: Path | None = None) -> Path:
    """Find a bundle.

    Args:
        name: ``"segmentation"`` or ``"labeling"``.
        models: Folder that holds the bundles; None for the ones that come with the package.

    Returns:
        The bundle's root.

    Raises:
        ModelError: If it is not there.
    """
    package = Path(__file__).parent
    candidates = [models] if models else [package / "bundle", package.parent / "bundle"]
    for folder in candidates:
        if (folder / name / "configs" / "inference.yaml").is_file():
            return folder / name
    raise ModelError(
        f"no bundle {name!r} in {', '.join(str(folder) for folder in candidates)}",
        expected=f"{name}/configs/inference.yaml",
        remedy="install the package again, or pass the folder that holds the bundles",
    )


def running_bundle(name: str) -> Path:
    """Find the bundle whose configuration MONAI is running: MONAI puts its root on the module path.

    Args:
        name: The bundle of the package to take where MONAI runs none.

    Returns:
        The bundle's root.

    Raises:
        ModelError: If that is not there.
    """
    running = (Path(entry) for entry in sys.path if (Path(entry) / "configs" / "inference.yaml").is_file())
    return next(running, None) or bundle_folder(name)


def load_bundle(folder: Path, device: str = "cpu") -> Bundle:
    """Load a bundle's network, weights and transforms.

    Args:
        folder: The bundle's root.
        device: A torch device, e.g. ``"cpu"`` or ``"cuda:0"``.

    Returns:
        The bundle, its network on the device and in evaluation mode.

    Raises:
        ModelError: If the weights are absent or do not fit the network.
        DeviceUnavailable: If the device does not exist here.
    """
    target = select_device(device)
    parser = ConfigParser()
    parser.read_config(str(folder / "configs" / "inference.yaml"))
    weights = folder / "models" / "model.pt"
    network = load_weights(parser.get_parsed_content("network_def"), weights)
    metadata = json.loads((folder / "configs" / "metadata.json").read_text())
    return Bundle(
        network.to(target, memory_format=torch.channels_last).eval(),  # type: ignore[call-overload]
        target,
        parser.get_parsed_content("preprocessing"),
        parser.get_parsed_content("inferer"),
        parser.get_parsed_content("postprocessing"),
        ModelIdentity(folder.name, metadata["version"], hashlib.sha256(weights.read_bytes()).hexdigest()),
    )


def load_weights(network: nn.Module, weights: str | Path) -> nn.Module:
    """Load weights into a network.

    Args:
        network: Changed in place.
        weights: A file with a state dict, in any precision.

    Returns:
        The network.

    Raises:
        ModelError: If the file is absent, is no state dict, or belongs to another network.
    """
    path = Path(weights)
    remedy = "restore the bundle's models/model.pt, or train this network first (configs/train.yaml)"
    if not path.is_file():
        raise ModelError(f"no weights at {path}", expected="a file with a state dict", remedy=remedy)
    try:
        network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    except (RuntimeError, pickle.UnpicklingError, EOFError, LookupError, TypeError, ValueError, OSError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ModelError(
            f"the weights in {path} do not fit the network ({reason})",
            expected="weights of the network in the bundle's network_def",
            remedy=remedy,
        ) from error
    return network


def select_device(device: str) -> torch.device:
    """Check that a compute device exists.

    Args:
        device: ``"cpu"``, ``"cuda"``, ``"cuda:0"`` ...

    Returns:
        The device, as torch's own type.

    Raises:
        DeviceUnavailable: If it is neither of these, or does not exist here.
    """
    if not re.fullmatch(r"cpu|cuda(:\d+)?", device):
        raise DeviceUnavailable(f"device {device!r}", expected="cpu, cuda or cuda:N", remedy="pass --device cpu")
    selected = torch.device(device)
    if selected.type == "cuda" and (selected.index or 0) >= torch.cuda.device_count():
        raise DeviceUnavailable(
            f"device {device!r}, but torch sees {torch.cuda.device_count()} GPUs",
            expected="a GPU that exists on this machine, and a CUDA build of torch",
            remedy="pass 'cpu', or install a CUDA build of torch 2.13",
        )
    return selected


@contextmanager
def _own_errors() -> Iterator[None]:
    """Raise this package's errors as they are: MONAI's Compose wraps whatever a transform raises in a RuntimeError."""
    try:
        yield
    except RuntimeError as error:
        if isinstance(error.__cause__, SpineError):
            raise error.__cause__ from None
        raise
