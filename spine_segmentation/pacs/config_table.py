"""The table of all keys of the configuration in ``docs/pacs.md``, made of the model that reads the file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from spine_segmentation.markdown import table
from spine_segmentation.pacs.config import ServeConfig

BEGIN, END = "<!-- keys: begin -->", "<!-- keys: end -->"
"""The marks between which the table stands in ``docs/pacs.md``."""


def key_table() -> str:
    """Write every key of the configuration as Markdown.

    Returns:
        A table of the keys with default, fixed choices and meaning.
    """
    return table(("key", "default", "choices", "meaning"), _rows(ServeConfig, ""))


def _rows(section: type[BaseModel], prefix: str) -> Iterator[tuple[str, ...]]:
    for name, field in section.model_fields.items():
        leaves = list(_leaves(field.annotation))
        sections = [leaf for leaf in leaves if isinstance(leaf, type) and issubclass(leaf, BaseModel)]
        choices = ", ".join(f"`{leaf}`" for leaf in leaves if isinstance(leaf, str))
        for subsection in sections:
            meaning = field.description or subsection.__doc__ or ""
            yield (f"`{prefix}{name}`", _default(field), choices, _one_line(meaning))
            yield from _rows(subsection, f"{prefix}{name}.")
        if not sections:
            yield (f"`{prefix}{name}`", _default(field), choices, _one_line(field.description or ""))


def _leaves(annotation: Any) -> Iterator[Any]:  # noqa: ANN401
    """The types that an annotation is made of, and the values of literals."""
    parts = get_args(annotation)
    if not parts:
        yield annotation
    for part in parts:
        yield from _leaves(part)


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    if isinstance(field.default, BaseModel):
        return "as below"
    return f"`{json.dumps(field.default)}`"


def _one_line(text: str) -> str:
    return " ".join(text.replace("``", "`").split())
