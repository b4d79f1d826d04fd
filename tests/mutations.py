"""Damage to files: what broken disks, broken software and attackers do to real ones."""

from __future__ import annotations

import random
import struct

_HEADER_BYTES = 2000
"""Damage is done here more often than in the pixels, where little depends on a byte."""
_LENGTHS = (0, 1, 2, 7, 0xFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFE, 0xFFFFFFFF)
_DELIMITERS = (b"\xfe\xff\x00\xe0", b"\xfe\xff\x0d\xe0", b"\xfe\xff\xdd\xe0")


def mutate(content: bytes, dice: random.Random) -> bytes:
    """Damage a file in one to four ways.

    Args:
        content: The file.
        dice: Decides how, so that a seed repeats it.
    """
    damaged = bytearray(content)
    for _ in range(dice.randint(1, 4)):
        dice.choice((_flip, _overwrite_length, _cut, _repeat, _remove, _insert_delimiter))(damaged, dice)
    return bytes(damaged)


def _position(content: bytearray, dice: random.Random) -> int:
    last = len(content) if dice.random() < 0.2 else min(len(content), _HEADER_BYTES)
    return dice.randrange(max(1, last))


def _flip(content: bytearray, dice: random.Random) -> None:
    for position in [_position(content, dice) for _ in range(dice.randint(1, 8))]:
        content[position : position + 1] = bytes([dice.randrange(256)])


def _overwrite_length(content: bytearray, dice: random.Random) -> None:
    position = _position(content, dice)
    content[position : position + 4] = struct.pack("<L", dice.choice(_LENGTHS))


def _cut(content: bytearray, dice: random.Random) -> None:
    del content[_position(content, dice) :]


def _repeat(content: bytearray, dice: random.Random) -> None:
    position = _position(content, dice)
    content[position:position] = content[position : position + dice.randint(1, 400)] * dice.randint(1, 5)


def _remove(content: bytearray, dice: random.Random) -> None:
    position = _position(content, dice)
    del content[position : position + dice.randint(1, 64)]


def _insert_delimiter(content: bytearray, dice: random.Random) -> None:
    position = _position(content, dice)
    content[position:position] = dice.choice(_DELIMITERS) + struct.pack("<L", dice.choice(_LENGTHS))
