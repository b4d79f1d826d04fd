from __future__ import annotations

from spine_segmentation.markdown import table


def test_a_row_is_a_line() -> None:
    assert table(("a", "b"), iter([("1", "2"), ("3", "")])) == "| a | b |\n| --- | --- |\n| 1 | 2 |\n| 3 |  |\n"
