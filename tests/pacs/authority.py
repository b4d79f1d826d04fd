"""Certificates of every kind that a peer may show, made by openssl."""

from __future__ import annotations

import subprocess
from pathlib import Path

from spine_segmentation.pacs.config import Tls


def make_authority(folder: Path) -> None:
    """An authority, and certificates of a server, a client, a client that expired, and of another authority."""
    folder.mkdir()
    for name in ("ca", "other"):
        openssl(folder, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", f"{name}.key", "-out",
                f"{name}.pem", "-subj", f"/CN={name}", "-days", "2")  # fmt: skip
    (folder / "san").write_text("subjectAltName=IP:127.0.0.1")
    for name, authority, days in (("server", "ca", 2), ("client", "ca", 2), ("old", "ca", -1), ("alien", "other", 2)):
        openssl(folder, "req", "-newkey", "rsa:2048", "-nodes", "-keyout", f"{name}.key", "-out", f"{name}.csr",
                "-subj", f"/CN={name}")  # fmt: skip
        openssl(folder, "x509", "-req", "-in", f"{name}.csr", "-CA", f"{authority}.pem", "-CAkey", f"{authority}.key",
                "-CAcreateserial", "-out", f"{name}.pem", "-extfile", "san", "-days", str(days))  # fmt: skip


def openssl(folder: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)


def tls(folder: Path, name: str, authority: str = "ca") -> Tls:
    """The section of the configuration for one certificate."""
    return Tls(certificate=folder / f"{name}.pem", key=folder / f"{name}.key", authority=folder / f"{authority}.pem")
