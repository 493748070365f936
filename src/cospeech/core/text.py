"""Text that came from files, as it may stand on a terminal: without characters that steer it."""

from __future__ import annotations

import re

# Control characters but tab and line break, what turns the direction of writing, and halves of characters.
_STEERING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def harmless(text: str) -> str:
    r"""The text with characters that steer a terminal, or that cannot be written, as ``\u001b``.

    Escapes are those of JSON, so that a text of JSON stays one.

    >>> harmless("left\x1b[31m_hand")
    'left\\u001b[31m_hand'
    """
    return _STEERING.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def one_line(text: str) -> str:
    """``harmless``, in one line."""
    return harmless(" ".join(text.splitlines()))
