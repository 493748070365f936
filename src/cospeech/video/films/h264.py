"""H.264 as byte stream (Annex B): what of a film's packets can be copied beside packets that are encoded anew.

Sections are those of ITU-R H.264 and of ISO/IEC 14496-15 (avcC).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

START = b"\0\0\0\1"
IDR, SPS, PPS = 5, 7, 8  # types of units, table 7-1
_TYPE, _BASELINE_HEADER = 0x1F, 4  # bits of a unit's first byte; bytes of an SPS before its id
SETS = 32  # ids of sequence parameter sets, 7.4.2.1


@dataclass(frozen=True)
class Header:
    """The parameter sets of a film, and how its units are laid out."""

    sets: tuple[bytes, ...]  # SPS and PPS without start codes
    prefix: int  # bytes of a unit's length before it; 0 for start codes

    @classmethod
    def read(cls, extradata: bytes) -> Header:
        """From avcC, or from parameter sets as a byte stream. Raises ValueError if it is neither."""
        if not extradata:
            raise ValueError("there are no parameter sets")
        if extradata[0] != 1:
            return cls(tuple(unit for unit in _between_starts(extradata) if kind(unit) in (SPS, PPS)), 0)
        found, at = [], 5
        for mask in (0x1F, 0xFF):
            count, at = extradata[at] & mask, at + 1
            for _ in range(count):
                size = int.from_bytes(extradata[at : at + 2], "big")
                found.append(extradata[at + 2 : at + 2 + size])
                at += 2 + size
        return cls(tuple(found), (extradata[4] & 3) + 1)

    def units(self, packet: bytes) -> Iterator[bytes]:
        """The units of a packet."""
        if not self.prefix:
            yield from _between_starts(packet)
            return
        at = 0
        while at + self.prefix < len(packet):
            size = int.from_bytes(packet[at : at + self.prefix], "big")
            at += self.prefix
            yield packet[at : at + size]
            at += size

    def free_id(self) -> int | None:
        """An id that none of the sets has; None if all are taken."""
        taken = {set_id(unit) for unit in self.sets}
        return next((number for number in range(SETS) if number not in taken), None)


def kind(unit: bytes) -> int:
    """The type of a unit."""
    return unit[0] & _TYPE if unit else 0


def stream(units: Iterable[bytes]) -> bytes:
    """Units with start codes."""
    return b"".join(START + unit for unit in units)


def set_id(unit: bytes) -> int:
    """The id of an SPS or PPS (7.3.2.1.1, 7.3.2.2): the first number of variable length in it (9.1)."""
    first = _BASELINE_HEADER if kind(unit) == SPS else 1
    bits = "".join(f"{byte:08b}" for byte in unit[first : first + 4])
    zeros = bits.index("1")
    return int(bits[zeros : 2 * zeros + 1], 2) - 1


def _between_starts(data: bytes) -> Iterator[bytes]:
    """Units between start codes of three or four bytes."""
    for part in data.split(START[1:])[1:]:
        unit = part.rstrip(b"\0")
        if unit:
            yield unit
