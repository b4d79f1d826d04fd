"""Makes ``import monai`` work where the Deploy SDK is installed and the CUDA runtime is not.

The SDK installs itself into the ``monai`` package and loads Holoscan, which is linked against libcudart even on a
machine without a GPU. The library comes with a small package of its own; loading it first is enough.
"""

from __future__ import annotations

import ctypes
import importlib.util
import logging
from pathlib import Path

logger = logging.getLogger(__name__)

LIBRARY = "libcudart.so.13"


def preload_cuda_runtime() -> None:
    """Load libcudart from the system or from the ``nvidia-cuda-runtime`` package, if Holoscan is installed."""
    if importlib.util.find_spec("holoscan") is None:
        return
    for candidate in (LIBRARY, *_packaged()):
        try:
            ctypes.CDLL(candidate, mode=ctypes.RTLD_GLOBAL)
        except OSError:
            continue
        return
    logger.warning("%s not found; install nvidia-cuda-runtime next to the Deploy SDK", LIBRARY)


def _packaged() -> list[str]:
    specification = importlib.util.find_spec("nvidia")
    roots = specification.submodule_search_locations if specification else None
    return [str(path) for root in roots or () for path in Path(root).glob(f"*/lib/{LIBRARY}")]
