"""A worker process that comes up late or never."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

import pytest

from spine_segmentation.pacs.worker import Worker
from tests.pacs.lab import ServiceProcess, free_port, make_config, make_series, send, wait_for
from tests.pacs.test_clocks import Clock


@pytest.mark.parametrize("program", ["pass", "print('noise')"])
def test_a_worker_that_never_comes_up_is_started_ever_more_rarely(program: str) -> None:
    clock = Clock()
    worker = Worker([sys.executable, "-c", program], 60.0, threading.Event(), clock)
    for _ in range(14):
        assert not worker.start()
        clock.now += 0.25
    assert worker.starts == 3, "after waits of at most 1 and 2 seconds; the next one is 2 seconds at least"
    assert worker.trouble == "it ended, or loaded for too long"


@pytest.mark.pacs
def test_a_service_without_its_model_says_so_and_goes_on_once_it_is_back(tmp_path: Path) -> None:
    port, model = free_port(), tmp_path / "model"
    config = make_config(tmp_path, free_port(), free_port(), status_page={"port": port})
    service = ServiceProcess(config)
    try:
        service.start(MODEL=str(model))
        send(service.port, make_series(tmp_path / "in"))
        status, reason = wait_for(
            lambda: (answer := service.get("/readyz", port)) and "weights" in answer[1] and answer
        )
        assert (status, reason.startswith("the worker is not up: no weights. Expected: a file")) == (503, True)
        wait_for(lambda: service.job_states() == {"READY": 1})
        model.touch()
        wait_for(lambda: service.job_states() == {"DONE": 1})
        assert service.get("/readyz", port)[0] == 200
    finally:
        service.kill()
