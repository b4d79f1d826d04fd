"""The worker process: it keeps the networks in memory and processes one series after the other.

Requests come on standard input, replies go to what was standard output when it started. It ends with its service: a
closed standard input is the end.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path

from spine_segmentation.errors import SpineError
from spine_segmentation.io.dicom_reader import read_series
from spine_segmentation.io.dicom_series import choose_series, list_series
from spine_segmentation.io.montage import write_montage
from spine_segmentation.io.outputs import OVERLAY_FILE
from spine_segmentation.io.product import product_version
from spine_segmentation.pacs.objects import Version, write_objects
from spine_segmentation.pacs.protocol import Hello, Reply, Request
from spine_segmentation.results import ModelIdentity, SpineResult
from spine_segmentation.run_status import INTERNAL_ERROR, RunStatus, quiet_readers
from spine_segmentation.volume import Volume

logger = logging.getLogger(__name__)

Process = Callable[[Volume], SpineResult]


def serve_requests(load: Callable[[], tuple[Process, tuple[ModelIdentity, ...]]]) -> None:
    """Load the model, say hello, and answer requests until standard input is closed.

    Args:
        load: Gives the pipeline and the identities of its networks.

    Raises:
        SpineError: If the model cannot be loaded.
    """
    quiet_readers()
    replies = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # nothing that a library prints may get between the replies
    process, models = load()
    replies.write(Hello(model=_identity(models)).model_dump_json() + "\n")
    replies.flush()
    for line in sys.stdin:
        reply = answer(Request.model_validate_json(line), process)
        replies.write(reply.model_dump_json() + "\n")
        replies.flush()


def answer(request: Request, process: Process) -> Reply:
    """Process one series; ``status.json`` says how that ended.

    Args:
        request: What to do.
        process: The pipeline.

    Raises:
        SystemExit: If the error is not the input's fault: the service then starts another process.
    """
    objects: list[Path] = []
    try:
        with RunStatus(request.output) as status:
            objects = status.outputs = _process(request, process)
    except SystemExit as ended:
        if ended.code == INTERNAL_ERROR:
            raise
    return Reply(objects=tuple(path.name for path in objects))


def _process(request: Request, process: Process) -> list[Path]:
    chosen, _ = choose_series(list_series(request.input))
    series = read_series(chosen)
    result = process(series.volume)
    version = Version(request.version, request.predecessors, request.study_uid)
    objects = write_objects(result, series, request.output, version, request.results)
    if request.preview:
        write_montage(result, request.output / OVERLAY_FILE)
    return objects


def _identity(models: tuple[ModelIdentity, ...]) -> str:
    networks = [f"{model.name} {model.version} {model.sha256[:16]}" for model in models]
    return "; ".join([f"software {product_version()}", *networks])


def main(device: str, models: str) -> None:
    """Run the worker with the real networks.

    Args:
        device: A torch device.
        models: Folder with the bundles; empty for those of the package.
    """
    from spine_segmentation.pipeline import SpinePipeline

    def load() -> tuple[Process, tuple[ModelIdentity, ...]]:
        pipeline = SpinePipeline(device, Path(models) if models else None)
        return pipeline, (pipeline.segmenter.identity, pipeline.labeler.identity)

    logging.basicConfig(level=logging.WARNING, format="worker: %(message)s")
    try:
        serve_requests(load)
    except SpineError as error:
        logger.error("%s", error)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main(*sys.argv[1:3])
