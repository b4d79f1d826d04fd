"""What a process sets before it works: limits, signals, and what the DICOM libraries may say."""

from __future__ import annotations

import logging
import os
import resource
import warnings

from spine_segmentation.termination import exit_on_sigterm

STACK_BYTES = 32 * 1024 * 1024
"""The stack that Holoscan asks for."""


def prepare_process() -> None:
    """Make the process one that says nothing of patients, has the stack that it needs, and ends in order.

    Call it before torch is imported: its threads then sleep, where they wait for one another, instead of spinning. On
    cores that others use, too, spinning makes a network ten times slower. A policy that is set already stays.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    quiet_readers()
    _raise_stack_limit()
    exit_on_sigterm()


def quiet_readers() -> None:
    """Keep the DICOM libraries from logging and warning at will: they quote header values, patient names among them."""
    for name in ("pydicom", "highdicom"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
        warnings.filterwarnings("ignore", module=name)


def _raise_stack_limit() -> None:
    """Allow the stack that Holoscan, which the Deploy SDK loads with MONAI, asks for."""
    soft, hard = resource.getrlimit(resource.RLIMIT_STACK)
    unlimited = resource.RLIM_INFINITY
    if soft != unlimited and soft < STACK_BYTES and (hard == unlimited or hard >= STACK_BYTES):
        resource.setrlimit(resource.RLIMIT_STACK, (STACK_BYTES, hard))
