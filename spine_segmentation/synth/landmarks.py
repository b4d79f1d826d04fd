"""Where the levels of a person are, so that other anatomy can be placed by them."""

from __future__ import annotations

from bisect import bisect_right

from spine_segmentation.synth.column import Column
from spine_segmentation.synth.morphometry import S1, T13


class Landmarks:
    """Arc length and body size by VerSe number; numbers between those of two levels lie between the levels.

    A level that this person lacks is found between its neighbours.

    Args:
        column: The levels.
    """

    def __init__(self, column: Column) -> None:
        known = (column.levels <= S1) & (column.levels != T13)
        self._numbers: list[float] = column.levels[known].tolist()
        self._arcs: list[float] = column.centre[known].tolist()
        self._half_depths: list[float] = column.half_depth[known].tolist()
        self._half_widths: list[float] = column.half_width[known].tolist()
        self.scale = column.scale

    def arc(self, level: float) -> float:
        """Give the arc length of a level's centre.

        Args:
            level: VerSe number, or a number between those of two levels.

        Returns:
            Arc length, mm from the upper edge of the body of C2.
        """
        return self._read(self._arcs, level)

    def half_depth(self, level: float) -> float:
        """Give half the anteroposterior diameter of a level's body.

        Args:
            level: VerSe number, or a number between those of two levels.

        Returns:
            Half the diameter, mm.
        """
        return self._read(self._half_depths, level)

    def half_width(self, level: float) -> float:
        """Give half the lateral diameter of a level's body.

        Args:
            level: VerSe number, or a number between those of two levels.

        Returns:
            Half the diameter, mm.
        """
        return self._read(self._half_widths, level)

    def _read(self, values: list[float], level: float) -> float:
        """Interpolate; for single numbers much faster than NumPy."""
        above = min(max(bisect_right(self._numbers, level), 1), len(values) - 1)
        first, last = self._numbers[above - 1], self._numbers[above]
        share = min(max((level - first) / (last - first), 0.0), 1.0)
        return values[above - 1] + share * (values[above] - values[above - 1])
