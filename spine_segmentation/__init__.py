"""Segments, separates and names the vertebrae and intervertebral discs of a spine MRI series."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spine_segmentation.cuda_runtime import preload_cuda_runtime

if TYPE_CHECKING:
    from spine_segmentation.pipeline import SpinePipeline
    from spine_segmentation.reference_api import SegmentationInference, SegmentationResult
    from spine_segmentation.volume import Volume

__all__ = ["SegmentationInference", "SegmentationResult", "SpinePipeline", "Volume"]

_HOME = {
    "SegmentationInference": "reference_api",
    "SegmentationResult": "reference_api",
    "SpinePipeline": "pipeline",
    "Volume": "volume",
}

preload_cuda_runtime()


def __getattr__(name: str) -> object:
    """Import a public name when it is first used: torch takes seconds."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value: object = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    return value
