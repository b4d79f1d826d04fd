"""The container engine, by its command line."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import gettempdir
from typing import Any

ENGINES = ("podman", "docker")

HARDENED = (
    "--network=none",
    "--read-only",
    "--cap-drop=all",
    "--security-opt=no-new-privileges",
    "--memory=3g",
    "--pids-limit=256",
    "--user=1000:1000",
    "--no-healthcheck",
)
"""How a careful platform runs a container; nothing but what is mounted can be written."""


def find_engine() -> str:
    """The engine that the variable ENGINE names, or the first one installed.

    buildah builds for podman, which has the same images.

    Raises:
        RuntimeError: If there is none.
    """
    wanted = os.environ.get("ENGINE")
    engine = wanted if wanted in ENGINES else next(filter(shutil.which, ENGINES), None)
    if engine is None:
        raise RuntimeError(f"none of {', '.join(ENGINES)} is installed")
    return engine


def engine(*arguments: object, timeout: float = 600, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run a command of the engine; podman leaves a file "oom" where a container ran out of memory: in /tmp."""
    command = [find_engine(), *map(str, arguments)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False, cwd=gettempdir())
    if check:
        assert ended.returncode == 0, f"{command}: {ended.stderr}"
    return ended


def inspect(image: str) -> dict[str, Any]:
    """What the engine knows of an image."""
    document: dict[str, Any] = json.loads(engine("image", "inspect", image).stdout)[0]
    return document


@dataclass
class Container:
    """A run of the image, hardened, on an input and an output folder.

    Attributes:
        image: Its name.
        input: Mounted read-only; None for nothing.
        output: Mounted; None for nothing.
        options: Further options of ``run``, which win over the hardened ones.
        arguments: Of the entry point.
    """

    image: str
    input: Path | None = None
    output: Path | None = None
    options: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()
    name: str = field(default_factory=lambda: f"spine-test-{os.urandom(4).hex()}")

    def command(self) -> list[str]:
        """The whole command line, without the engine."""
        options = [*HARDENED, "--env=OMP_NUM_THREADS", f"--name={self.name}"]
        if find_engine() == "podman":
            options.append("--read-only-tmpfs=false")
        if self.input:
            options.append(f"--volume={self.input}:/var/holoscan/input:ro")
        if self.output:
            options.append(f"--volume={self.output}:/var/holoscan/output")
        return ["run", "--rm", *options, *self.options, self.image, *self.arguments]

    def run(self, timeout: float = 600) -> subprocess.CompletedProcess[str]:
        """Run to the end."""
        return engine(*self.command(), timeout=timeout, check=False)

    def start(self) -> subprocess.Popen[str]:
        """Start, and leave it running."""
        return subprocess.Popen([find_engine(), *self.command()], stderr=subprocess.PIPE, text=True)

    def send(self, signal: str) -> None:
        """Send a signal to its first process."""
        engine("kill", "--signal", signal, self.name)
