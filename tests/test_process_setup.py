"""What a process sets before it works."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

SCRIPT = """
import logging, resource, signal, warnings
from spine_segmentation.process_setup import STACK_BYTES, prepare_process
resource.setrlimit(resource.RLIMIT_STACK, (STACK_BYTES // 4, resource.getrlimit(resource.RLIMIT_STACK)[1]))
prepare_process()
logging.getLogger("pydicom").warning("Doe^Jane")
warnings.warn_explicit("Doe^Jane", UserWarning, "dataset.py", 1, module="pydicom")
soft, hard = resource.getrlimit(resource.RLIMIT_STACK)
print(soft == STACK_BYTES or resource.RLIM_INFINITY != hard < STACK_BYTES)
print(signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL)
"""


def test_a_prepared_process_is_silent_about_patients_has_its_stack_and_ends_in_order() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout.split() == ["True", "True"]
    assert "Doe" not in done.stderr


POLICY = """
import atexit, os, sys
atexit.register(lambda: print(os.environ["OMP_WAIT_POLICY"]))
import {module}
assert "torch" not in sys.modules  # which reads the policy when it is loaded
sys.argv = ["program", "--help"]
{module}.main()
"""


@pytest.mark.parametrize(("given", "expected"), [({}, "PASSIVE"), ({"OMP_WAIT_POLICY": "ACTIVE"}, "ACTIVE")])
def test_threads_of_the_command_line_wait_without_spinning_unless_told_otherwise(
    given: dict[str, str], expected: str
) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"} | given
    command = [sys.executable, "-c", POLICY.format(module="spine_segmentation.cli")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout.splitlines()[-1] == expected
