"""Associations that we open with TLS, and files that no context can be made of."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from spine_segmentation.errors import UsageError
from spine_segmentation.pacs.calling import call
from spine_segmentation.pacs.commitment import ECHO
from spine_segmentation.pacs.config import RemoteAe, Tls
from spine_segmentation.pacs.tls import client_context, server_context
from tests.pacs.authority import openssl, tls
from tests.pacs.lab import AE_TITLE, SENDER
from tests.pacs.node import Node

pytestmark = pytest.mark.pacs


@pytest.mark.parametrize(
    ("host", "name", "authority", "welcome"),
    [
        ("127.0.0.1", "client", "ca", True),
        ("localhost", "client", "ca", False),
        ("127.0.0.1", "client", "other", False),
        ("127.0.0.1", "old", "ca", False),
    ],
    ids=["both are known", "another host's certificate", "unknown authority", "expired"],
)
def test_both_sides_of_an_association_that_we_open_are_checked(
    make_node: Callable[..., Node], certificates: Path, host: str, name: str, authority: str, welcome: bool
) -> None:
    node = make_node(tls=tls(certificates, "server"))
    remote = RemoteAe(ae_title=AE_TITLE, host=host, port=node.port, tls=tls(certificates, name, authority))
    with call(remote, SENDER, [ECHO]) as association:
        assert (association is not None) is welcome


@pytest.mark.parametrize("context", [client_context, server_context])
def test_a_key_that_wants_a_password_is_an_error_and_asks_nobody(
    certificates: Path, tmp_path: Path, context: Callable[[Tls], object]
) -> None:
    openssl(certificates, "rsa", "-aes256", "-passout", "pass:secret", "-in", "server.key", "-out", "locked.key")
    files = tls(certificates, "server").model_copy(update={"key": certificates / "locked.key"})
    with pytest.raises(UsageError, match="TLS files"):
        context(files)


@pytest.mark.parametrize("field", ["certificate", "key", "authority"])
def test_a_file_that_is_missing_or_no_certificate_is_an_error(certificates: Path, tmp_path: Path, field: str) -> None:
    (tmp_path / "text.pem").write_text("no certificate")
    for path in (tmp_path / "absent.pem", tmp_path / "text.pem"):
        with pytest.raises(UsageError, match="TLS files"):
            server_context(tls(certificates, "server").model_copy(update={field: path}))
