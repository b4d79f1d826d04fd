from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from scripts.write_pacs_tables import CONFIGURATION, key_table, written_tables
from spine_segmentation.errors import UsageError
from spine_segmentation.pacs.config import load_config
from tests.pacs.lab import ROOT, make_config


def spoil(folder: Path, **sections: Any) -> Path:
    return make_config(folder, 11112, 4242, **sections)


@pytest.mark.parametrize(
    ("sections", "complaint"),
    [
        ({"quiet": 3}, "quiet: Extra inputs"),
        ({"readiness": {"quiet_second": 3}}, "readiness.quiet_second: Extra inputs"),
        ({"receiver": {"port": 70000}}, "receiver.port"),
        ({"receiver": {"allowed_ae_titles": []}}, "receiver.allowed_ae_titles"),
        ({"receiver": {"ae_title": "A" * 17}}, "receiver.ae_title"),
        ({"status_page": {"host": "0.0.0.0"}}, "status_page.host"),  # noqa: S104
        ({"destinations": []}, "destinations"),
    ],
)
def test_says_which_key_is_wrong(tmp_path: Path, sections: dict[str, Any], complaint: str) -> None:
    with pytest.raises(UsageError) as caught:
        load_config(spoil(tmp_path, **sections))
    assert complaint in str(caught.value)


def test_destinations_have_names_of_their_own(tmp_path: Path) -> None:
    twice = yaml.safe_load(spoil(tmp_path).read_text())["destinations"] * 2
    with pytest.raises(UsageError, match="share a name"):
        load_config(spoil(tmp_path, destinations=twice))


@pytest.mark.parametrize("content", ["[", "- a\n- b\n", "", "\xff"])
def test_refuses_what_is_no_mapping(tmp_path: Path, content: str) -> None:
    path = tmp_path / "serve.yaml"
    path.write_text(content, encoding="latin-1")
    with pytest.raises(UsageError):
        load_config(path)


def test_listens_on_loopback_unless_told(tmp_path: Path) -> None:
    assert load_config(spoil(tmp_path)).receiver.host == "127.0.0.1"


def test_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    assert load_config(spoil(tmp_path)).spool == tmp_path / "spool"


def test_the_document_lists_every_key() -> None:
    assert written_tables(CONFIGURATION) == key_table()
    assert "| `receiver.port` |" in key_table()


def test_the_example_is_valid() -> None:
    config = load_config(ROOT / "configs" / "serve.yaml")
    assert {destination.kind for destination in config.destinations} == {"c-store", "stow-rs"}
