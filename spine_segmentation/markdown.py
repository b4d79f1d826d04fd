"""Tables for reports and documents."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Render a table as Markdown.

    Args:
        columns: Headings.
        rows: As many cells each.

    Returns:
        Lines, each with its end.
    """
    lines = [columns, ["---"] * len(columns), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
