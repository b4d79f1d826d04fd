"""A running service with the stand-in worker, and the archive that it delivers to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pynetdicom import _config

from spine_segmentation.pacs.spool import Spool
from tests.pacs.authority import make_authority
from tests.pacs.lab import Archive, ServiceProcess, free_port, make_config
from tests.pacs.node import Node
from tests.pacs.peer import Peer
from tests.pacs.site import Site
from tests.pacs.stalled_peer import StalledPeer


@pytest.fixture
def archive() -> Iterator[Archive]:
    running = Archive().start()
    yield running
    running.stop()


@pytest.fixture
def make_service(tmp_path: Path, archive: Archive) -> Iterator[Callable[..., ServiceProcess]]:
    """Start services; sections of the configuration may be given."""
    started: list[ServiceProcess] = []

    def start(*arguments: str, **sections: Any) -> ServiceProcess:
        config = make_config(tmp_path, free_port(), archive.port, **sections)
        started.append(ServiceProcess(config, *arguments).start())
        return started[-1]

    yield start
    for service in started:
        service.kill()


@pytest.fixture(scope="module")
def shared_archive() -> Iterator[Archive]:
    """The destination of the shared service."""
    running = Archive().start()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def shared_service(tmp_path_factory: pytest.TempPathFactory, shared_archive: Archive) -> Iterator[ServiceProcess]:
    """One service for all tests of a module that only send to it: its worker takes seconds to start."""
    config = make_config(tmp_path_factory.mktemp("shared"), free_port(), shared_archive.port)
    running = ServiceProcess(config).start()
    yield running
    running.kill()


@pytest.fixture
def make_site(tmp_path: Path) -> Iterator[Callable[..., Site]]:
    """Start an Orthanc with a service behind it that is not started yet."""
    sites: list[Site] = []

    def make(**settings: Any) -> Site:
        sites.append(Site(tmp_path, **settings))
        return sites[-1]

    yield make
    for site in sites:
        site.close()


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tls") / "files"
    make_authority(folder)
    return folder


@pytest.fixture
def make_node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Node]]:
    """Start receivers; what they set for the whole process, and so for other tests' servers, is taken back."""
    monkeypatch.setattr(_config, "UNRESTRICTED_STORAGE_SERVICE", False)
    nodes: list[Node] = []

    def make(**settings: Any) -> Node:
        nodes.append(Node(tmp_path, **settings))
        return nodes[-1]

    yield make
    for node in nodes:
        node.receiver.stop()


@pytest.fixture
def node(make_node: Callable[..., Node]) -> Node:
    return make_node()


@pytest.fixture
def start_peer() -> Iterator[Callable[..., Peer]]:
    """Start destinations, each with the transfer syntaxes that it takes."""
    peers: list[Peer] = []

    def start(*syntaxes: str) -> Peer:
        peers.append(Peer(*syntaxes))
        return peers[-1]

    yield start
    for peer in peers:
        peer.stop()


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path / "spool")


@pytest.fixture
def stall() -> Iterator[Callable[[int], None]]:
    """Begin messages that are never finished."""
    peers: list[StalledPeer] = []
    yield lambda port: peers.append(StalledPeer(port))
    for peer in peers:
        peer.stop()
