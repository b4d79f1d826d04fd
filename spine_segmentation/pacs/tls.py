"""Mutual TLS, version 1.2 or later."""

from __future__ import annotations

import ssl

from spine_segmentation.errors import UsageError
from spine_segmentation.pacs.config import Tls


def server_context(tls: Tls) -> ssl.SSLContext:
    """Make the context of a server that demands a client certificate.

    Args:
        tls: Certificates and key.

    Returns:
        A context for TLS 1.2 or later.

    Raises:
        UsageError: If a file cannot be read or does not fit.
    """
    return _context(tls, ssl.Purpose.CLIENT_AUTH)


def client_context(tls: Tls) -> ssl.SSLContext:
    """Make the context of a client that shows a certificate and checks the server's, its host name included.

    Args:
        tls: Certificates and key.

    Returns:
        A context for TLS 1.2 or later.

    Raises:
        UsageError: If a file cannot be read or does not fit.
    """
    return _context(tls, ssl.Purpose.SERVER_AUTH)


def _context(tls: Tls, purpose: ssl.Purpose) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(purpose, cafile=str(tls.authority))
        context.load_cert_chain(tls.certificate, tls.key, password="")  # without, it would ask at the terminal
    except OSError as error:  # ssl.SSLError is one
        raise UsageError(
            f"the TLS files cannot be used ({error.strerror or type(error).__name__})",
            expected="certificate, its key and the authority's certificates, PEM, readable for the service",
            remedy="check the 'tls' section of the configuration",
        ) from error
    context.verify_mode = ssl.CERT_REQUIRED
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
